"""The suites' requests are RequestsLibrary's: their log shows request and answer, and no login."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from robot.api import logger
from robot.api.types import Secret

from entry.entry_point import EntryPoint, Login, UserInfo
from entry.http_requests import HttpRequests, RequestError, send_request
from traces.mlflow_reader import MlflowError, MlflowServer

ADMIN = "Basic YWRtaW46"  # and the password


class Handler(BaseHTTPRequestHandler):
    """Answers 418 with the begin of the Authorization header; redirects /redirect to /."""

    def do_GET(self) -> None:
        """Answer."""
        body = self.headers.get("Authorization", "none")[: len(ADMIN)].encode()
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/")
        else:
            self.send_response(418)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
        """Log nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_log_shows_the_request_and_no_login(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(logger, "info", lambda text, **_: logged.append(text))
    entry = EntryPoint(url, login=Login("admin", Secret("top-secret-password")))
    answer = HttpRequests().send_request(entry, "GET", "/x?a=b", 5)
    assert (answer.status_code, answer.text) == (418, ADMIN)
    text = "\n".join(logged)
    assert "/x?a=b" in text
    assert "status=418" in text
    assert entry.login_headers["Authorization"].removeprefix("Basic ") not in text
    assert "top-secret" not in text


def test_a_request_without_an_answer_names_the_failure() -> None:
    with pytest.raises(RequestError, match="failed: connection refused"):
        HttpRequests().send_request(EntryPoint("http://127.0.0.1:9"), "GET", "/", 5)


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a login for this machine in ~/.netrc."""
    file = tmp_path / ".netrc"
    file.write_text("default login somebody password nobody-knows\n")
    file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("path", ["/", "/redirect"])
@pytest.mark.parametrize(("login", "seen"), [(None, "none"), (Login("admin", Secret("pw")), ADMIN)])
def test_no_request_takes_a_login_from_netrc(path: str, login: Login | None, seen: str, url: str) -> None:
    entry = EntryPoint(url, login=login)
    assert send_request(entry, "GET", path, 5).text == seen
    assert HttpRequests().send_request(entry, "GET", path, 5).text == seen


@pytest.mark.usefixtures("netrc")
def test_mlflows_client_takes_no_login_from_netrc(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    for login, seen in ((None, "none"), (Login("admin", Secret("pw")), ADMIN)):
        server = MlflowServer(EntryPoint(url, login=login))
        with pytest.raises(MlflowError, match=f"Response body: '{seen}'"):
            server.read_experiment("Default")


def test_mlflows_client_sends_the_login_of_its_url_whatever_its_environment_gives(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / ".mlflow" / "credentials"
    credentials.parent.mkdir()
    credentials.write_text("[mlflow]\nmlflow_tracking_username = a\nmlflow_tracking_password = b\n")
    given = {"HOME": str(tmp_path), "MLFLOW_TRACKING_USERNAME": "other", "MLFLOW_TRACKING_TOKEN": "token"}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "word")
    with pytest.raises(MlflowError, match=f"Response body: '{ADMIN}'"):
        MlflowServer(EntryPoint(url, login=UserInfo(Secret("admin:pw")))).read_experiment("Default")
