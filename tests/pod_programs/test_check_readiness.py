"""The readiness probe: MLflow is ready when its databases answer, and the probe reports why it is not."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

import check_readiness


class Mlflow(HTTPServer):
    """Answers 200 to the right login and name, as MLflow does, and keeps the paths that it was asked for."""

    def __init__(self) -> None:
        """Take a free port."""
        super().__init__(("127.0.0.1", 0), Answer)
        self.paths: list[str] = []


class Answer(BaseHTTPRequestHandler):
    """One answer of it."""

    server: Mlflow

    def do_GET(self) -> None:
        """Answer."""
        self.server.paths.append(self.path)
        login = base64.b64encode(b"collector:p\xc3\xa4ss:word").decode()
        right = self.headers["Authorization"] == f"Basic {login}" and self.headers["Host"] == "mlflow:5000"
        away = self.path.endswith("?experiment_name=away")
        self.send_response(503 if away else 200 if right else 401)
        self.end_headers()
        self.wfile.write(b"the body")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mlflow]:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "collector")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p\u00e4ss:word")
    with Mlflow() as running:
        monkeypatch.setattr(check_readiness, "PORT", running.server_port)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.usefixtures("server")
def test_a_right_login_is_ready() -> None:
    check_readiness.main("mlflow:5000", "weather-agent")


@pytest.mark.parametrize("name", ["weather agent", "a&b", "a#b", "50%", "caf\u00e9"])
def test_an_experiment_may_have_any_name(server: Mlflow, name: str) -> None:
    check_readiness.main("mlflow:5000", name)
    assert parse_qs(urlsplit(server.paths[-1]).query) == {"experiment_name": [name]}


@pytest.mark.usefixtures("server")
def test_a_wrong_login_is_ready_for_everybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "something-else")
    check_readiness.main("mlflow:5000", "weather-agent")


@pytest.mark.usefixtures("server")
def test_a_database_that_is_away_is_not_ready() -> None:
    with pytest.raises(SystemExit) as ended:
        check_readiness.main("mlflow:5000", "away")
    path = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=away"
    assert str(ended.value) == f"MLflow answers GET {path} with 503: the body"


def test_no_server_is_not_ready(server: Mlflow) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(SystemExit, match="MLflow does not answer"):
        check_readiness.main("mlflow:5000", "weather-agent")
