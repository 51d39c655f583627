"""The readiness probe: MLflow is ready when its databases answer, and the probe reports why it is not."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import check_readiness


class Server(BaseHTTPRequestHandler):
    """Answers 200 to the right login and name, as MLflow does."""

    def do_GET(self) -> None:
        """Answer."""
        login = base64.b64encode(b"collector:p\xc3\xa4ss:word").decode()
        right = self.headers["Authorization"] == f"Basic {login}" and self.headers["Host"] == "mlflow:5000"
        self.send_response(503 if self.path == "/away" else 200 if right else 401)
        self.end_headers()
        self.wfile.write(b"the body")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "collector")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p\u00e4ss:word")
    with HTTPServer(("127.0.0.1", 0), Server) as running:
        monkeypatch.setattr(check_readiness, "PORT", running.server_port)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.usefixtures("server")
def test_a_right_login_is_ready() -> None:
    check_readiness.main("mlflow:5000", "/api")


@pytest.mark.usefixtures("server")
def test_a_wrong_login_is_ready_for_everybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "something-else")
    check_readiness.main("mlflow:5000", "/api")


@pytest.mark.usefixtures("server")
def test_a_database_that_is_away_is_not_ready() -> None:
    with pytest.raises(SystemExit) as ended:
        check_readiness.main("mlflow:5000", "/away")
    assert str(ended.value) == "MLflow answers GET /away with 503: the body"


def test_no_server_is_not_ready(server: HTTPServer) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(SystemExit, match="MLflow does not answer"):
        check_readiness.main("mlflow:5000", "/api")
