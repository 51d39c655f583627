"""The suites' requests are RequestsLibrary's: their log shows request and answer, and no login."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from robot.api import logger
from robot.api.types import Secret

from entry.entry_point import EntryPoint, Login
from entry.http_requests import HttpRequests, RequestError


class Handler(BaseHTTPRequestHandler):
    """Answers 418 with the scheme of the Authorization header."""

    def do_GET(self) -> None:
        """Answer."""
        body = self.headers.get("Authorization", "none").split()[0].encode()
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
    assert (answer.status_code, answer.text) == (418, "Basic")
    text = "\n".join(logged)
    assert "/x?a=b" in text
    assert "status=418" in text
    assert entry.login_headers["Authorization"].removeprefix("Basic ") not in text
    assert "top-secret" not in text


def test_a_request_without_an_answer_names_the_failure() -> None:
    with pytest.raises(RequestError, match="failed: connection refused"):
        HttpRequests().send_request(EntryPoint("http://127.0.0.1:9"), "GET", "/", 5)
