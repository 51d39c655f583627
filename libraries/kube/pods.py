"""Asks pods: for their logs, by HTTP, and by running programs in them."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from robot.api.deco import keyword, library

from kube.client import CLUSTER, ClusterClient, ClusterError, status_of
from kube.model import Object

# Programs that pods run with their own Python: read as text here, and sent.
IN_POD = Path(__file__).parent / "in_pod"
LAST_LINES = 6
RUN_LIMIT = 60  # seconds
FORWARD_LIMIT = 10  # seconds, for each answer
UNREACHED = http.HTTPStatus.SERVICE_UNAVAILABLE  # how the API server answers for a pod that it does not reach
LONGEST_OUTPUT = 300  # characters of what a program printed instead of its answer


@library(scope="GLOBAL")
class Pods:
    """Reads logs, makes requests to pods, and runs programs in them that change nothing."""

    def __init__(self, cluster: ClusterClient = CLUSTER) -> None:
        """Ask the pods of this cluster."""
        self._cluster = cluster

    @keyword
    def read_log(
        self,
        pod: Object,
        container: str,
        lines: int | None = LAST_LINES,
        previous: bool = False,
        since_seconds: int | None = None,
    ) -> list[str]:
        """Return the last lines of a container's log, `previous` that of its run before the last restart.

        `lines` is how many, None for all.
        Raises ClusterError where there is no log or it may not be read.
        """
        name, namespace = _name_and_namespace(pod)
        text: str = self._cluster.call(
            f"read the log of {container} in pod {name}",
            self._cluster.connection.v1.read_namespaced_pod_log,
            name,
            namespace,
            container=container,
            tail_lines=lines,
            previous=previous,
            since_seconds=since_seconds,
            _preload_content=False,
        ).data.decode(errors="replace")
        return text.splitlines()

    @keyword
    def read_from_pod(self, pod: Object, port: int, path: str) -> str:
        """Return the text that a pod answers on a port, asked through the API server.

        Where the API server does not reach the pod, as when a network policy denies it to other nodes, the
        pod's own node forwards the port.
        """
        name, namespace = _name_and_namespace(pod)
        try:
            answer = self._cluster.call(
                f"read {path} on port {port} of pod {name}",
                self._cluster.connection.v1.connect_get_namespaced_pod_proxy_with_path,
                f"{name}:{port}",
                namespace,
                path.lstrip("/"),
                _preload_content=False,
            )
        except ClusterError as error:
            text = self._read_by_port_forward(pod, port, path) if status_of(error) == UNREACHED else None
            if text is None:
                raise
            return text
        return str(answer.data.decode())

    def _read_by_port_forward(self, pod: Object, port: int, path: str) -> str | None:
        """Return the text that a pod answers on a port that its node forwards, None where it gives none."""
        try:
            connection = http.client.HTTPConnection(pod["metadata"]["name"], port, timeout=FORWARD_LIMIT)
            connection.sock = self.connect_to_pod(pod, port)
            with closing(connection):
                connection.sock.settimeout(FORWARD_LIMIT)
                connection.request("GET", f"/{path.lstrip('/')}")
                answer = connection.getresponse()
                text = answer.read().decode()
        except (ClusterError, OSError, http.client.HTTPException):
            return None
        return text if answer.status == http.HTTPStatus.OK else None

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
        login: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Make one HTTP request from inside a pod that has Python; POST when there is a body.

        With `own_login` it carries the login for MLflow that the container has in its environment. `login`
        are headers with another one: the program reads them, so no process list of the pod has them.
        Returns `status`, 0 when there was no answer, and `body`: its first 500 bytes, or why there was none.
        """
        asked = {"url": url, "headers": headers or {}, "body": body, "timeout": timeout, "login": own_login}
        line = json.dumps(dict(login)) if login else ""
        asked["reads_headers"] = bool(line)
        answer: dict[str, Any] = self._run_python(pod, container, "request.py", asked, line)
        return answer

    @keyword
    def export_from_pod(
        self, pod: Object, container: str, url: str, body: bytes, timeout: float = 10
    ) -> dict[str, str]:
        """Send an OTLP export request by gRPC from inside a pod that has Python and its module grpc.

        It goes to the URL's host and port, over TLS for https; a request with an empty body has no spans.
        Returns `status`, as OK or UNAVAILABLE, empty where the pod has no such module, and `details`, the
        reason.
        """
        asked = {"url": url, "body": base64.b64encode(body).decode(), "timeout": timeout}
        answer: dict[str, str] = self._run_python(pod, container, "export.py", asked)
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
        asked = {"targets": targets, "timeout": timeout}

        def connect(place: tuple[Object, str]) -> list[str] | str:
            try:
                answer: list[str] = self._run_python(*place, "connect.py", asked)
            except ClusterError as error:
                return str(error)
            return answer

        with ThreadPoolExecutor(max_workers=max(1, len(places))) as pool:
            return list(pool.map(connect, places))

    def run_in_pod(self, pod: Object, container: str, command: Sequence[str], line: str = "") -> str:
        """Return what a command prints in a pod, to either stream. It can read `line` from standard input.

        Each call has a connection of its own: the client's `stream` turns the one that it is given into a
        websocket meanwhile, so calls at the same time cannot share one.
        """
        from kubernetes import client  # noqa: PLC0415 - heavy, and not needed for a dry run

        name, namespace = _name_and_namespace(pod)
        with client.ApiClient(self._cluster.connection.api_client.configuration) as connection:
            printed: str = self._cluster.call(
                f"run a program in {container} of pod {name}",
                _run_program,
                line,
                client.CoreV1Api(connection).connect_get_namespaced_pod_exec,
                name,
                namespace,
                container=container,
                command=list(command),
                stdout=True,
                stderr=True,
                tty=False,
            )
        return printed

    def connect_to_pod(self, pod: Object, port: int) -> socket.socket:
        """Return a connection to a pod's port, through the API server, as `kubectl port-forward` makes it.

        What is sent to a port where nobody listens is answered by closing the connection.
        """
        from kubernetes import client  # noqa: PLC0415 - heavy, and not needed for a dry run
        from kubernetes.stream import portforward  # noqa: PLC0415

        name, namespace = _name_and_namespace(pod)
        with client.ApiClient(self._cluster.connection.api_client.configuration) as connection:
            forwarded = self._cluster.call(
                f"forward port {port} of pod {name}",
                portforward,
                client.CoreV1Api(connection).connect_get_namespaced_pod_portforward,
                name,
                namespace,
                ports=str(port),
            )
        # The client's own wrapper is no socket to others.
        return socket.socket(fileno=forwarded.socket(port).detach())

    def _run_python(self, pod: Object, container: str, program: str, asked: object, line: str = "") -> Any:  # noqa: ANN401
        """Return what a program of `in_pod` answers to a question, both JSON; `line` is for its input."""
        text = (IN_POD / program).read_text(encoding="utf-8")
        printed = self.run_in_pod(pod, container, ["python3", "-c", text, json.dumps(asked)], line)
        try:
            return json.loads(printed.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise ClusterError(
                f"Pod {pod['metadata']['name']} cannot run Python in {container}: "
                f"{printed[-LONGEST_OUTPUT:].strip() or 'it printed nothing'}"
            ) from error


def _run_program(line: str, run: Any, *arguments: Any, **options: Any) -> str:  # noqa: ANN401
    """Return what a program prints; one that reads `line` may take RUN_LIMIT seconds."""
    from kubernetes.client import ApiException  # noqa: PLC0415 - heavy, and not needed for a dry run
    from kubernetes.stream import stream  # noqa: PLC0415
    from websocket import WebSocketException  # noqa: PLC0415

    if not line:
        printed: str = stream(run, *arguments, stdin=False, **options)
        return printed
    running = stream(run, *arguments, stdin=True, _preload_content=False, **options)
    try:
        running.write_stdin(f"{line}\n")
        running.run_forever(RUN_LIMIT)
        printed = running.read_all()
    except (WebSocketException, OSError) as error:
        raise ApiException(status=0, reason=str(error)) from error
    finally:
        running.close()
    return printed


def _name_and_namespace(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["name"], pod["metadata"]["namespace"]
