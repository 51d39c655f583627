"""The programs that run inside pods are sent as text and answer in JSON; here this machine runs them."""

from __future__ import annotations

import base64
import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kube.client import ClusterError
from kube.model import Object
from kube.pods import Pods

POD: Object = {"metadata": {"name": "agent-0", "namespace": "team1"}}


class _LocalPods(Pods):
    """Runs a pod's Python programs on this machine, as they are sent."""

    def run_in_pod(self, pod: Object, container: str, command: Sequence[str], line: str = "") -> str:
        assert (pod, container, command[0]) == (POD, "agent", "python3")
        return subprocess.run(
            [sys.executable, *command[1:]], input=line, capture_output=True, text=True, check=True
        ).stdout


class _PodWithoutPython(Pods):
    def run_in_pod(self, pod: Object, container: str, command: Sequence[str], line: str = "") -> str:
        del pod, container, command, line
        return "sh: python3: not found\n"


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked, `/missing` with 404 and `/broken` with no HTTP at all."""

    def do_GET(self) -> None:
        if self.path == "/broken":
            self.wfile.write(b"no HTTP\r\n\r\n")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        seen = f"{self.command} {self.headers['Host']} {self.headers['Authorization']} {body.decode()}"
        self.wfile.write(seen.encode())

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_a_request_answers_with_status_and_body(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = _LocalPods().request_from_pod(POD, "agent", server, {"Host": "mlflow:5000"})
    assert answer == {"status": 200, "body": "GET mlflow:5000 None "}
    answer = _LocalPods().request_from_pod(POD, "agent", f"{server}/missing", {"Host": "m"}, "{}")
    assert answer == {"status": 404, "body": "POST m None {}"}


def test_a_request_carries_the_login_of_its_own_environment(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "agent")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    answer = _LocalPods().request_from_pod(POD, "agent", server, own_login=True)
    assert f"Basic {base64.b64encode(b'agent:secret').decode()}" in answer["body"]


def test_a_login_from_elsewhere_is_read_and_stands_in_no_command(server: str) -> None:
    commands: list[Sequence[str]] = []

    class _SeenPods(_LocalPods):
        def run_in_pod(self, pod: Object, container: str, command: Sequence[str], line: str = "") -> str:
            commands.append(command)
            return super().run_in_pod(pod, container, command, line)

    login = {"Authorization": "Basic of-a-tenant"}
    answer = _SeenPods().request_from_pod(POD, "agent", server, {"Host": "m"}, login=login)
    assert answer == {"status": 200, "body": "GET m Basic of-a-tenant "}
    assert "of-a-tenant" not in str(commands)


class _Provider(http.server.BaseHTTPRequestHandler):
    """An identity provider that gives a token to one client."""

    def do_GET(self) -> None:
        self._answer({"token_endpoint": f"http://{self.headers['Host']}/token"})

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert form == "grant_type=client_credentials&client_id=mlflow&client_secret=se+cret"
        self._answer({"access_token": "a-token"})

    def _answer(self, content: dict[str, str]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_request_carries_a_token_of_its_own_client(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as provider:
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        monkeypatch.setenv("OIDC_DISCOVERY_URL", f"http://127.0.0.1:{provider.server_port}/")
        monkeypatch.setenv("OIDC_CLIENT_ID", "mlflow")
        monkeypatch.setenv("OIDC_CLIENT_SECRET", "se cret")
        answer = _LocalPods().request_from_pod(POD, "agent", server, own_login=True)
        provider.shutdown()
    assert "Bearer a-token" in answer["body"]


def test_a_container_without_a_login_is_named(server: str) -> None:
    answer = _LocalPods().request_from_pod(POD, "agent", server, own_login=True)
    assert answer == {"status": 0, "body": "the container has no login for MLflow in its environment"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "Connection refused"),
        ("None/v1/traces", "unknown url type"),
        ("{server}/broken", "no HTTP"),
    ],
)
def test_a_request_without_an_answer_says_why(server: str, url: str, reason: str) -> None:
    answer = _LocalPods().request_from_pod(POD, "agent", url.format(server=server))
    assert answer["status"] == 0
    assert reason in answer["body"]


def test_a_connection_says_of_each_target_why_it_was_not_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as open_port,
        socket.create_server(("127.0.0.1", 0)) as closing,
    ):
        closed = closing.getsockname()
        closing.close()
        targets = [open_port.getsockname(), closed, ("localhost", 0), ("no-such-name.invalid", 0)]
        one, other = _LocalPods().connect_from_pods([(POD, "agent"), (POD, "agent")], targets, 5)
    assert isinstance(one, list)
    reached, refused, found, unknown = one
    assert (reached, refused, found) == ("", "Connection refused", "")
    assert unknown
    assert one == other


def test_a_connection_that_nobody_answers_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(8)]  # more than its queue takes
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        (answer,) = _LocalPods().connect_from_pods([(POD, "agent")], [server.getsockname()], 0.2)
        for each in waiting:
            each.close()
    assert answer == ["no answer within 0.2 s"]


def test_a_pod_without_python_says_so() -> None:
    says = "Pod agent-0 cannot run Python in agent: sh: python3: not found"
    assert _PodWithoutPython().connect_from_pods([(POD, "agent")], [("mlflow", 5000)], 1) == [says]
    with pytest.raises(ClusterError, match=says):
        _PodWithoutPython().request_from_pod(POD, "agent", "http://mlflow:5000")


GRPC = """
class RpcError(Exception):
    def code(self): return type("Code", (), {"name": "UNAVAILABLE"})
    def details(self): return "nobody listens"

class Channel:
    def __init__(self, *opened): self.opened = opened
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def unary_unary(self, method):
        def call(body, timeout):
            if body == b"none":
                raise RpcError
            if (self.opened in EXPECTED, method, body, timeout) != (True, METHOD, b"spans", 5):
                raise ValueError((self.opened, method, body, timeout))
        return call

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DIRECTLY = [("grpc.enable_http_proxy", 0)]
EXPECTED = (("c:4317", DIRECTLY), ("s:4317", "tls", DIRECTLY))
def ssl_channel_credentials(): return "tls"
insecure_channel = secure_channel = Channel
"""


def test_spans_are_exported_by_the_pods_own_module_grpc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = _LocalPods()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "grpc.py").write_text("raise ImportError('No module named grpc')")
    answer = pods.export_from_pod(POD, "agent", "http://c:4317", b"spans", 5)
    assert answer == {"status": "", "details": "No module named grpc"}
    (tmp_path / "grpc.py").write_text(GRPC)
    assert pods.export_from_pod(POD, "agent", "http://c:4317", b"spans", 5)["status"] == "OK"
    assert pods.export_from_pod(POD, "agent", "https://s:4317", b"spans", 5)["status"] == "OK"
    answer = pods.export_from_pod(POD, "agent", "http://c:4317", b"none", 5)
    assert answer == {"status": "UNAVAILABLE", "details": "nobody listens"}
