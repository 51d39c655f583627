"""Reads the cluster of the current kubeconfig context, as the dictionaries that `kubectl -o json` prints."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword, library
from robot.api.types import Secret

from kube.workloads import PART_OF, Object, Stack, container_states, pods_of, sickest_first

if TYPE_CHECKING:
    from KubeLibrary import KubeLibrary

CONNECT_LIMIT = 10
LAST_LINES = 6
LAST_EVENTS = 5
MANY_LINES = 20_000  # of a log that is searched
LISTED = "these are the processes:"
UNKNOWN_PATH = "404 page not found"
LONGEST = 230  # characters of a line of evidence

# Runs in a pod: one HTTP request, its answer as one line of JSON.
_REQUEST_PROGRAM = """
import base64, json, os, sys, urllib.error, urllib.request
ask = json.loads(sys.argv[1])
if ask["login"]:
    login = ":".join(os.environ["MLFLOW_TRACKING_" + part] for part in ("USERNAME", "PASSWORD"))
    ask["headers"]["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
data = ask["body"].encode() if ask["body"] is not None else None
request = urllib.request.Request(ask["url"], data, ask["headers"])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=ask["timeout"]) as answer:
        seen = {"status": answer.status, "body": answer.read(500).decode(errors="replace")}
except urllib.error.HTTPError as answer:
    seen = {"status": answer.code, "body": answer.read(500).decode(errors="replace")}
except OSError as error:
    seen = {"status": 0, "body": str(getattr(error, "reason", error))}
print(json.dumps(seen))
"""

# Runs in a pod: connections to many addresses at once, why each was not opened as one line of JSON.
_CONNECT_PROGRAM = """
import json, os, socket, sys, threading, time
ask = json.loads(sys.argv[1])
limit = ask["timeout"]
seen = [f"no answer within {limit:g} s"] * len(ask["targets"])
def connect(index, host, port):
    try:
        if port:
            socket.create_connection((host, port), limit).close()
        else:
            socket.getaddrinfo(host, None)
        seen[index] = ""
    except TimeoutError:
        pass
    except OSError as error:
        seen[index] = error.strerror or str(error)
threads = [threading.Thread(target=connect, args=(i, *t), daemon=True) for i, t in enumerate(ask["targets"])]
for thread in threads:
    thread.start()
end = time.monotonic() + limit + 0.5
for thread in threads:
    thread.join(max(0, end - time.monotonic()))
print(json.dumps(seen), flush=True)
os._exit(0)
"""


class ClusterError(Exception):
    """The cluster did not give what was asked of it; the message says why in one sentence."""

    ROBOT_SUPPRESS_NAME = True


@library(scope="GLOBAL")
class Kube:
    """Reads Kubernetes objects, logs and metrics. It never changes anything in the cluster.

    The connection is made on first use, so that a dry run needs no cluster.
    """

    @cached_property
    def _kube(self) -> KubeLibrary:
        """Return KubeLibrary, connected; it contacts the API server when it is made."""
        from kubernetes import client, config  # noqa: PLC0415 - heavy, and not needed for a dry run

        try:
            config.load_kube_config()
        except config.ConfigException as error:
            raise ClusterError(
                f"No cluster to verify: no usable kubeconfig ({str(error).rstrip('.')}); "
                "set KUBECONFIG, or make a cluster with `tox -e cluster -- up`."
            ) from error
        configuration = client.Configuration.get_default_copy()
        configuration.retries = False
        try:
            with client.ApiClient(configuration) as probe:
                client.VersionApi(probe).get_code(_request_timeout=CONNECT_LIMIT)
        except client.ApiException as error:
            raise ClusterError(
                f"The Kubernetes API at {configuration.host} refuses this kubeconfig: "
                f"{error.status} {error.reason}."
            ) from error
        except Exception as error:
            raise ClusterError(
                f"The Kubernetes API at {configuration.host} does not answer within {CONNECT_LIMIT} s "
                f"({type(error).__name__}); is the cluster up?"
            ) from error
        from KubeLibrary import KubeLibrary  # noqa: PLC0415 - its import alone must not need a cluster

        return KubeLibrary()

    def _call(self, what: str, function: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Call the Kubernetes client and turn its errors into one sentence each."""
        from kubernetes.client import ApiException  # noqa: PLC0415
        from kubernetes.dynamic.exceptions import (  # noqa: PLC0415
            DynamicApiError,
            ResourceNotFoundError,
        )

        try:
            return function(*arguments, **options)
        except ResourceNotFoundError as error:
            raise ClusterError(f"Cannot read {what}: this cluster does not know that kind.") from error
        except (ApiException, DynamicApiError) as error:
            # So the API server answers for a kind that it had when the client last looked, and has no more.
            if error.status == HTTPStatus.NOT_FOUND and UNKNOWN_PATH in str(error.body):
                raise ClusterError(f"Cannot read {what}: this cluster does not know that kind.") from error
            raise ClusterError(f"Cannot read {what}: {api_message(error)}.") from error

    @keyword
    def connect_to_the_cluster(self) -> dict[str, str]:
        """Connect and return `context`, `server` and `version` of the cluster.

        Raises ClusterError, in one sentence, when there is no kubeconfig or no API server that answers.
        """
        api = self._kube.api_client
        from kubernetes import client, config  # noqa: PLC0415

        _, active = config.list_kube_config_contexts()
        version = self._call("the version", client.VersionApi(api).get_code)
        return {"context": active["name"], "server": api.configuration.host, "version": version.git_version}

    @keyword
    def read_object(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return one object; raises ClusterError when it is not there or may not be read."""
        what = f"{kind} {name}" + (f" in namespace {namespace}" if namespace else "")
        found = self._call(what, self._kube.get, api_version, kind, name=name, namespace=namespace)
        result: Object = found.to_dict()
        return result

    @keyword
    def read_objects(
        self, api_version: str, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]:
        """Return the objects of a kind, in one namespace or in all."""
        what = f"{kind}s" + (f" in namespace {namespace}" if namespace else "")
        found = self._call(
            what, self._kube.get, api_version, kind, namespace=namespace, label_selector=selector
        )
        items: list[Object] = found.to_dict()["items"]
        # The items of a list carry no kind of their own.
        return [{**item, "kind": kind} for item in items]

    @keyword
    def read_stack(self, namespaces: list[str]) -> Stack:
        """Return what runs in the namespaces now: workloads, their pods, volume claims and Services.

        Raises ClusterError when nothing of the stack is deployed there.
        """

        def every(api_version: str, kind: str) -> list[Object]:
            return [
                item for namespace in namespaces for item in self.read_objects(api_version, kind, namespace)
            ]

        stack = Stack(
            workloads=[*every("apps/v1", "Deployment"), *every("apps/v1", "StatefulSet")],
            replica_sets=every("apps/v1", "ReplicaSet"),
            pods=every("v1", "Pod"),
            claims=every("v1", "PersistentVolumeClaim"),
            services=every("v1", "Service"),
        )
        if not stack.workloads:
            raise ClusterError(
                f"Nothing is deployed in the namespaces {' and '.join(namespaces)}: "
                "deploy with `kubectl apply -k kustomize/overlays/<name>`, or choose another context."
            )
        return stack

    @keyword
    def read_log(
        self,
        pod: Object,
        container: str,
        lines: int = LAST_LINES,
        previous: bool = False,
        since_seconds: int | None = None,
    ) -> list[str]:
        """Return the last lines of a container's log, or one line that says why there is none."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        try:
            text: str = self._call(
                f"the log of {name}",
                self._kube.v1.read_namespaced_pod_log,
                name,
                namespace,
                container=container,
                tail_lines=lines,
                previous=previous,
                since_seconds=since_seconds,
                _preload_content=False,
            ).data.decode(errors="replace")
        except ClusterError as error:
            return [f"({error})"]
        return text.splitlines()

    @keyword
    def read_from_pod(self, pod: Object, port: int, path: str) -> str:
        """Return the text that a pod answers on a port, asked through the API server's pod proxy."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        answer = self._call(
            f"{path} on port {port} of pod {name}",
            self._kube.v1.connect_get_namespaced_pod_proxy_with_path,
            f"{name}:{port}",
            namespace,
            path.lstrip("/"),
            _preload_content=False,
        )
        text: str = answer.data.decode()
        return text

    @keyword
    def request_from_pod(  # noqa: PLR0913, PLR0917 - a request has that many parts
        self,
        pod: Object,
        container: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        timeout: float = 10,
        own_login: bool = False,
    ) -> dict[str, Any]:
        """Make one HTTP request from inside a pod that has Python; POST when there is a body.

        With `own_login` it carries the login for MLflow that the container has in its environment: a login
        from here would be seen in the pod's process list.
        Returns `status`, 0 when there was no answer, and `body`: its first 500 bytes, or why there was none.
        """
        ask = {"url": url, "headers": headers or {}, "body": body, "timeout": timeout, "login": own_login}
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        command = ["python3", "-c", _REQUEST_PROGRAM, json.dumps(ask)]
        said: str = self._call(
            f"what pod {name} sees of {url}",
            self._kube.get_namespaced_pod_exec,
            name,
            namespace,
            command,
            container,
        )
        try:
            answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise ClusterError(f"Pod {name} cannot make a request to {url}: {said[-300:]}") from error
        return answer

    @keyword
    def connect_from_pods(
        self, places: list[tuple[Object, str]], targets: list[tuple[str, int]], timeout: float
    ) -> list[list[str] | str]:
        """Try TCP connections from several pods that have Python, all of them at once.

        `places` are pods, each with its container; `targets` are hosts with ports, port 0 to only look the
        name up. Returns for each place why each target was not reached within `timeout` seconds, empty where
        it was; or one text that says why nothing could be tried from there.
        """
        command = ["python3", "-c", _CONNECT_PROGRAM, json.dumps({"targets": targets, "timeout": timeout})]

        def connect(place: tuple[Object, str]) -> list[str] | str:
            try:
                said = self._execute(*place, command)
            except ClusterError as error:
                return str(error)
            try:
                answer: list[str] = json.loads(said.splitlines()[-1])
            except (ValueError, IndexError):
                return f"pod {place[0]['metadata']['name']} has no Python: {said[-300:].strip()}"
            return answer

        with ThreadPoolExecutor(max_workers=max(1, len(places))) as pool:
            return list(pool.map(connect, places))

    def _execute(self, pod: Object, container: str, command: list[str]) -> str:
        """Return what a command prints in a pod. Calls may be at once: each has a connection of its own."""
        from kubernetes import client  # noqa: PLC0415
        from kubernetes.stream import stream  # noqa: PLC0415

        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        with client.ApiClient(self._kube.api_client.configuration) as connection:
            said: str = self._call(
                f"what pod {name} reaches",
                stream,
                client.CoreV1Api(connection).connect_get_namespaced_pod_exec,
                name,
                namespace,
                container=container,
                command=command,
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
            )
        return said

    @keyword
    def read_environment_variable(self, workload: Object, variable: str) -> str | None:
        """Return an environment variable of a workload's first container, through its ConfigMap if any.

        None where the workload does not set it. Secrets are not read.
        """
        container = workload["spec"]["template"]["spec"]["containers"][0]
        for entry in container.get("env", ()):
            if entry["name"] != variable:
                continue
            source = entry.get("valueFrom", {}).get("configMapKeyRef")
            if not source:
                return str(entry.get("value", ""))
            return str(self._data(workload, source["name"]).get(source["key"], ""))
        sources = [entry["configMapRef"] for entry in container.get("envFrom", ()) if "configMapRef" in entry]
        for source in reversed(sources):  # the last that has it wins
            data = self._data(workload, source["name"])
            if variable in data:
                return str(data[variable])
        return None

    def _data(self, workload: Object, name: str) -> dict[str, str]:
        found = self.read_object("v1", "ConfigMap", name, workload["metadata"]["namespace"])
        data: dict[str, str] = found.get("data") or {}
        return data

    @keyword
    def read_secret(self, namespace: str, name: str) -> dict[str, Secret]:
        """Return a Secret's values by their keys; no log shows them.

        Raises ClusterError when it is not there or may not be read.
        """
        data = unlogged(self.read_object, "v1", "Secret", name, namespace).get("data") or {}
        return {key: Secret(base64.b64decode(value).decode()) for key, value in data.items()}

    @keyword
    def read_passwords(self, namespaces: list[str]) -> dict[str, Secret]:
        """Return the passwords of the stack's Secrets, by the Secrets' names."""
        found: dict[str, Secret] = {}
        for namespace in namespaces:
            for item in unlogged(self.read_objects, "v1", "Secret", namespace, PART_OF):
                for key in sorted({"password"} & set(item.get("data") or {})):
                    name = f"{namespace}/{item['metadata']['name']}"
                    found[name] = Secret(base64.b64decode(item["data"][key]).decode())
        return found

    @keyword
    def logs_of_the_stack(self, namespaces: list[str]) -> dict[str, str]:
        """Return the logs of all containers, by the names of pod and container; of a long one its end."""
        return {
            f"the log of {container} in pod {pod['metadata']['name']}": "\n".join(
                self.read_log(pod, container, lines=MANY_LINES)
            )
            for pod in self._pods(namespaces)
            for container in _container_names(pod)
        }

    @keyword
    def processes_of_the_stack(self, namespaces: list[str]) -> dict[str, str]:
        """Return the command lines of the processes in each container that runs and has a shell."""
        found = {}
        for pod in self._pods(namespaces):
            running = {entry["name"] for entry in _all_statuses(pod) if "running" in entry.get("state", {})}
            for container in _container_names(pod):
                name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
                if container not in running:
                    continue
                try:
                    said: str = self._call(
                        f"the processes of pod {name}",
                        self._kube.get_namespaced_pod_exec,
                        name,
                        namespace,
                        ["sh", "-c", f"echo {LISTED}; cat /proc/[0-9]*/cmdline"],
                        container,
                    )
                except ClusterError as error:
                    logger.info(f"{container} in pod {name} lists no processes: {error}")
                    continue
                if LISTED in said:
                    found[f"a command line in {container} of pod {name}"] = said
        return found

    @keyword
    def objects_of_the_stack(self, namespaces: list[str]) -> dict[str, str]:
        """Return workloads, pods, ConfigMaps and events as JSON, by their names."""
        kinds = (
            ("apps/v1", "Deployment"),
            ("apps/v1", "StatefulSet"),
            ("v1", "Pod"),
            ("v1", "ConfigMap"),
            ("v1", "Event"),
        )
        return {
            f"{kind} {namespace}/{item['metadata']['name']}": json.dumps(
                item, default=str, ensure_ascii=False
            )
            for namespace in namespaces
            for api_version, kind in kinds
            for item in self.read_objects(api_version, kind, namespace)
        }

    def _pods(self, namespaces: list[str]) -> list[Object]:
        return [pod for namespace in namespaces for pod in self.read_objects("v1", "Pod", namespace, PART_OF)]

    @keyword
    def read_mounted_files(self, workload: Object) -> dict[str, str]:
        """Return the files that a workload's first container mounts from ConfigMaps, by their paths."""
        files: dict[str, str] = {}
        pod = workload["spec"]["template"]["spec"]
        mounts = {entry["name"]: entry["mountPath"] for entry in pod["containers"][0].get("volumeMounts", ())}
        for volume in pod.get("volumes", ()):
            if "configMap" not in volume or volume["name"] not in mounts:
                continue
            source = volume["configMap"]
            found = self.read_object("v1", "ConfigMap", source["name"], workload["metadata"]["namespace"])
            data = found.get("data", {})
            items = source.get("items") or [{"key": key, "path": key} for key in data]
            files |= {f"{mounts[volume['name']]}/{item['path']}": data[item["key"]] for item in items}
        return files

    @keyword
    def collect_evidence(self, stack: Stack, workload: Object) -> str:
        """Return the evidence about a workload: unmet conditions, pods, last events and last log lines.

        It is short enough for a failure message, of which Robot Framework shows 40 lines of 78 characters.
        """
        pods = sickest_first(pods_of(stack, workload))
        conditions = workload.get("status", {}).get("conditions", ())
        parts = [_condition(entry) for entry in conditions if entry["status"] != "True"]
        parts += [f"pod {pod['metadata']['name']}: {line}" for pod in pods for line in container_states(pod)]
        parts += self._events(stack, workload, pods)
        for pod in pods:
            parts += self._sick_logs(pod)
        return "\n".join(f"  {part}" for part in parts)

    def _events(self, stack: Stack, workload: Object, pods: list[Object]) -> list[str]:
        sets = [item for item in stack.replica_sets if _is_owned(item, workload)]
        names = {item["metadata"]["name"] for item in [workload, *sets, *pods]}
        try:
            events = self.read_objects("v1", "Event", workload["metadata"]["namespace"])
        except ClusterError as error:
            return [f"({error})"]
        own = [event for event in events if event["involvedObject"].get("name") in names]
        own.sort(key=_event_time)
        return [
            f"event {_event_time(event)[11:19]} {event.get('reason')}: {event.get('message')}"[:LONGEST]
            for event in own[-LAST_EVENTS:]
        ]

    def _sick_logs(self, pod: Object) -> list[str]:
        """Return the last log lines of containers that are not well, and of their previous runs."""
        lines: list[str] = []
        for entry in pod.get("status", {}).get("containerStatuses", []) + pod.get("status", {}).get(
            "initContainerStatuses", []
        ):
            state = entry.get("state", {})
            restarted = bool(entry.get("restartCount"))
            well = entry.get("ready") or state.get("terminated", {}).get("exitCode") == 0
            if restarted:
                lines += self._last_lines(pod, entry["name"], previous=True)
            if not well and "waiting" not in state:
                lines += self._last_lines(pod, entry["name"], previous=False)
        return lines

    def _last_lines(self, pod: Object, container: str, *, previous: bool) -> list[str]:
        run = " before its restart" if previous else ""
        found = self.read_log(pod, container, previous=previous)
        return [f"log of {container}{run}: {line}"[:LONGEST] for line in found]


def unlogged(function: Any, *arguments: Any) -> Any:  # noqa: ANN401
    """Call a function about Secrets without the client's own log, which at level DEBUG tells the answer."""
    log = logging.getLogger("kubernetes.client.rest")
    level = log.level
    log.setLevel(logging.INFO)
    try:
        return function(*arguments)
    finally:
        log.setLevel(level)


def _container_names(pod: Object) -> list[str]:
    return [entry["name"] for entry in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])]


def _all_statuses(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _is_owned(item: Object, owner: Object) -> bool:
    return any(
        entry["uid"] == owner["metadata"]["uid"] for entry in item["metadata"].get("ownerReferences", ())
    )


def _condition(entry: Object) -> str:
    return (
        f"condition {entry['type']}={entry['status']} {entry.get('reason', '')}: {entry.get('message', '')}"
    )


def _event_time(event: Object) -> str:
    return (
        event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def api_message(error: Any) -> str:  # noqa: ANN401 - the client's two error classes share no base
    """Return what the API server said, in the words of its Status object."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        said = body or error.reason
    return f"{error.status} {str(said).strip()}"[:400]
