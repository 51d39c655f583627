"""A probe asks the server itself, and only the expected statuses count as its answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.cluster.probes import Probe, gateway_probe


class Answer(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        """Answer."""
        status = int(self.path.removeprefix("/"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://192.0.2.1/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return address and port of a server that answers any status."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        threading.Thread(target=running.serve_forever).start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()


def test_only_200_counts_unless_something_else_is_expected(server: str) -> None:
    assert Probe("DNS", server, "/200").problem() == ""
    assert Probe("DNS", server, "/400", range(400, 401)).problem() == ""
    problem = f"DNS answers 503 at http://{server}/503, expected 200"
    assert Probe("DNS", server, "/503").problem() == problem


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (302, True), (404, True), (502, False)])
def test_gateway_answers_with_any_status_but_an_error_of_its_own(
    server: str, status: int, healthy: bool
) -> None:
    probe = Probe("the gateway", server, f"/{status}", gateway_probe(server).expected)
    assert probe.problem() == (
        "" if healthy else f"the gateway answers {status} at http://{server}/{status}, expected 200 to 499"
    )


def test_proxy_is_not_asked(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{server}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    problem = Probe("DNS", "127.0.0.1:1", "/200").problem()
    assert problem.startswith("DNS does not answer at http://127.0.0.1:1/200: ")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Probe("DNS", server, "/200").problem() == ""
