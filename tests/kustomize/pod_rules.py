"""Rules about every pod: what it may do, what it may use, how it is watched."""
# ruff: noqa: D401 - the first line of a rule states the rule

import re
from collections.abc import Iterator

from rendered import WORKLOADS, Object, Stack, all_containers, name_of, pod_template, readiness


def namespaces_enforce_restricted(stack: Stack) -> Iterator[str]:
    """The API server rejects pods that are below Pod Security level restricted."""
    for namespace in stack.of("Namespace"):
        level = namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
        if level != "restricted":
            yield f"{name_of(namespace)} enforces Pod Security level {level}, not restricted"


def pods_are_restricted(stack: Stack) -> Iterator[str]:
    """Pod Security Standards, level restricted, stated by the pod rather than by its image."""
    for workload, pod in stack.pods():
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True:
            yield f"{name_of(workload)} may run as root: set runAsNonRoot"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name_of(workload)} has no seccompProfile RuntimeDefault"
        for host in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(host):
                yield f"{name_of(workload)} uses the host: {host}"
        for volume in pod.get("volumes", []):
            if "hostPath" in volume:
                yield f"{name_of(workload)} mounts the host's path {volume['hostPath']['path']}"


def containers_are_restricted(stack: Stack) -> Iterator[str]:
    """The same for each container, and no writable file but on a volume."""
    for name, _, container in stack.containers():
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{name} allows privilege escalation"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name} keeps capabilities: {context.get('capabilities')}"
        if context.get("privileged"):
            yield f"{name} is privileged"
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{name} has a writable root file system"


def users_fit_the_place(stack: Stack) -> Iterator[str]:
    """OpenShift's SCC chooses users and rejects others; elsewhere the kubelet wants a number above 0."""
    openshift = any(stack.of("Route"))
    for workload, pod in stack.pods():
        context = pod.get("securityContext", {})
        user = context.get("runAsUser")
        for named in sorted({"runAsUser", "runAsGroup", "fsGroup"} & set(context) if openshift else ()):
            yield f"{name_of(workload)} has {named} {context[named]}, which the SCC restricted-v2 rejects"
        if not openshift and (not isinstance(user, int) or user == 0):
            yield f"{name_of(workload)} has runAsUser {user}, not a number above 0"
        for container in all_containers(pod):
            if "runAsUser" in container.get("securityContext", {}):
                yield f"{name_of(workload)} container {container['name']} sets a user of its own"


def resources_are_bounded(stack: Stack) -> Iterator[str]:
    """Every container asks for what it needs and cannot take the node."""
    for name, _, container in stack.containers():
        for bound in ("requests", "limits"):
            for resource in ("cpu", "memory"):
                if resource not in container.get("resources", {}).get(bound, {}):
                    yield f"{name} has no {bound} for {resource}"


def probes_mean_something(stack: Stack) -> Iterator[str]:
    """Every container is probed for start, readiness and liveness, by more than an open port.

    A job's is not: it ends.
    """
    for workload, pod in stack.pods():
        for container in pod["containers"] if workload["kind"] != "CronJob" else ():
            name = f"{name_of(workload)} container {container['name']}"
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if not {"httpGet", "exec", "grpc"} & set(container.get(probe, {})):
                    yield f"{name} has no {probe} that asks the program"


def readiness_asks_the_database(stack: Stack) -> Iterator[str]:
    """MLflow's /health and Phoenix's /healthz answer 200 with the database down."""
    for name in ("mlflow", "phoenix"):
        found = stack.container(name)
        path = readiness(found[1])[0] if found else "no container"
        if path in ("/health", "/healthz", "/version", "/"):
            yield f"container {name} has the readiness probe {path}, which answers with its database down"


def tokens_only_where_the_api_is_called(stack: Stack) -> Iterator[str]:
    """No token is mounted by default; a projected one goes to one container, or to init containers only."""
    for account in stack.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{name_of(account)} mounts its token into any pod"
    for workload, pod in stack.pods():
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{name_of(workload)} mounts a token: set automountServiceAccountToken to false"
        if pod.get("enableServiceLinks") is not False:
            yield f"{name_of(workload)} gets an environment of Service addresses: PHOENIX_PORT would be one"
        for volume in pod.get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [])
            if any("serviceAccountToken" in source for source in sources):
                users = [c["name"] for c in all_containers(pod) if volume["name"] in _mounted(c)]
                servers = [c["name"] for c in pod["containers"] if c["name"] in users]
                if len(users) != 1 and (servers or not users):
                    yield f"{name_of(workload)} gives its token to {users or 'nobody'}, not to one container"


def every_component_has_its_account(stack: Stack) -> Iterator[str]:
    """Each workload has its own ServiceAccount, so that a permission of one is not given to another."""
    users: dict[tuple[str, str], str] = {}
    for workload, pod in stack.pods():
        account = (workload["metadata"]["namespace"], pod.get("serviceAccountName", "default"))
        if account[1] == "default":
            yield f"{name_of(workload)} runs as ServiceAccount default"
        elif account in users:
            yield f"{name_of(workload)} shares ServiceAccount {account[1]} with {users[account]}"
        users[account] = name_of(workload)


def failures_are_reported(stack: Stack) -> Iterator[str]:
    """The last log lines of a container that failed are in its pod's status."""
    for name, _, container in stack.containers():
        if container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            yield f"{name} fails without a message: set terminationMessagePolicy to FallbackToLogsOnError"


def images_are_pinned(stack: Stack) -> Iterator[str]:
    """Every image has a tag that names a version."""
    for name, _, container in stack.containers():
        repository, _, tag = container["image"].rpartition(":")
        if not repository or "/" in tag or tag == "latest":
            yield f"{name} runs {container['image']}: no version"


def no_manifest_has_a_password(stack: Stack) -> Iterator[str]:
    """Secrets are made in the cluster. Nothing that `kubectl kustomize` prints is secret."""
    for secret in stack.of("Secret"):
        yield f"{name_of(secret)} is in the manifests"
    for name, _, container in stack.containers():
        for variable in container.get("env", []):
            if re.search(r"PASSWORD|TOKEN|SECRET|API_KEY", variable["name"]) and variable.get("value"):
                yield f"{name} has a literal {variable['name']}"
    for thing in stack.objects:
        for text in _texts(thing):
            for url in re.findall(r"\w+://[^\s/:@]+:[^\s/@]+@", text):
                yield f"{name_of(thing)} has a password in a URL: {url}"


def everything_is_labelled(stack: Stack) -> Iterator[str]:
    """part-of finds the stack, name finds the component; selectors use the name only (they cannot change)."""
    for thing in stack.objects:
        if thing["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "llm-observability":
            yield f"{name_of(thing)} lacks the label app.kubernetes.io/part-of: llm-observability"
    for workload in stack.of(*WORKLOADS):
        labels = pod_template(workload)["metadata"]["labels"]
        if "app.kubernetes.io/part-of" not in labels:
            yield f"{name_of(workload)} has pods without the label app.kubernetes.io/part-of"
        selector = workload["spec"].get("selector", {}).get("matchLabels")
        if workload["kind"] != "CronJob" and set(selector or ()) != {"app.kubernetes.io/name"}:
            yield f"{name_of(workload)} selects by more than app.kubernetes.io/name"


def a_second_apply_changes_nothing(stack: Stack) -> Iterator[str]:
    """`kubectl apply` calls projected sources without their defaults changed each time."""
    for workload, pod in stack.pods():
        for volume in pod.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                for item in source.get("downwardAPI", {}).get("items", []):
                    if "apiVersion" not in item["fieldRef"]:
                        yield f"{name_of(workload)} volume {volume['name']}: write fieldRef's apiVersion, v1"


def _mounted(container: Object) -> set[str]:
    return {mount["name"] for mount in container.get("volumeMounts", [])}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


RULES = (
    namespaces_enforce_restricted,
    pods_are_restricted,
    containers_are_restricted,
    resources_are_bounded,
    probes_mean_something,
    readiness_asks_the_database,
    tokens_only_where_the_api_is_called,
    every_component_has_its_account,
    failures_are_reported,
    no_manifest_has_a_password,
    everything_is_labelled,
    a_second_apply_changes_nothing,
)
OVERLAY_RULES = (users_fit_the_place, images_are_pinned)  # only an overlay decides these
