"""Tokens are sent, renewed before they expire, and shown by nothing; what is wrong is one sentence."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
import requests
from robot.api.types import Secret

from entry import logins
from entry.entry_point import BearerToken, EntryPoint
from entry.http_requests import send_request
from entry.logins import LoginError, Logins
from entry.tokens import ClientCredentials, GivenToken, PluginLogin, TokenError, read_expiry

SOURCE = "Secret kagenti-system/mlflow-oauth-secret"
CLIENT_SECRET = "the-secret-of-nobody"  # noqa: S105 - nobody's


def make_jwt(end: float | None) -> str:
    claims = {"sub": "nobody"} | ({} if end is None else {"exp": end})
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "RS256"}, claims)
    )
    return f"{head}.{body}.c2lnbmF0dXJl"


class Provider(BaseHTTPRequestHandler):
    """An identity provider that knows one client, and an API that wants any token of it."""

    lifetime: ClassVar[int] = 300
    asked: ClassVar[list[dict[str, list[str]]]] = []
    seen: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        """Give a token."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        Provider.asked.append(form)
        if self.path == "/page":
            self._answer(200, b"<html>")
        elif form.get("client_secret") != [CLIENT_SECRET]:
            self._answer(401, b'{"error": "invalid_client", "error_description": "Wrong secret"}')
        else:
            token = f"token-{len(Provider.asked)}"
            answer = {"access_token": token, "token_type": "Bearer", "expires_in": Provider.lifetime}
            self._answer(200, json.dumps(answer).encode())

    def do_GET(self) -> None:
        """Remember the login."""
        Provider.seen.append(self.headers["Authorization"])
        self._answer(200, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the provider; yield its URL."""
    monkeypatch.setattr(Provider, "asked", [])
    monkeypatch.setattr(Provider, "seen", [])
    monkeypatch.setattr(Provider, "lifetime", 300)
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def client(url: str, secret: str = CLIENT_SECRET) -> ClientCredentials:
    return ClientCredentials("suites", Secret(secret), EntryPoint(f"{url}/token"), SOURCE)


def test_a_client_gets_one_token_for_many_requests(provider: str) -> None:
    entry = EntryPoint(provider, login=client(provider))
    for _ in range(3):
        send_request(entry, "GET", "/", 5)
    assert Provider.seen == ["Bearer token-1"] * 3
    assert Provider.asked == [
        {"grant_type": ["client_credentials"], "client_id": ["suites"], "client_secret": [CLIENT_SECRET]}
    ]


def test_a_token_that_is_about_to_expire_is_renewed(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Provider, "lifetime", 5)  # less than the seconds that a request may take
    entry = EntryPoint(provider, login=client(provider))
    send_request(entry, "GET", "/", 5)
    monkeypatch.setattr(Provider, "lifetime", 300)
    send_request(entry, "GET", "/", 5)
    send_request(entry, "GET", "/", 5)
    assert Provider.seen == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


def test_nothing_shows_secret_or_token(provider: str) -> None:
    login = client(provider)
    shown = f"{login} {login!r} {login.headers} {login.read_token()!r} {EntryPoint(provider, login=login)!r}"
    assert "token-" not in shown
    assert CLIENT_SECRET not in shown
    assert "the login of client suites" in shown


def test_a_provider_that_gives_no_token_is_one_sentence(provider: str) -> None:
    with pytest.raises(TokenError) as wrong:
        _ = client(provider, "wrong").headers
    assert str(wrong.value) == (
        f"The identity provider {provider}/token gives client suites no token: "
        f"invalid_client (Wrong secret). Correct {SOURCE}."
    )
    page = ClientCredentials("suites", Secret(CLIENT_SECRET), EntryPoint(f"{provider}/page"), SOURCE)
    with pytest.raises(TokenError, match=r"no token: .* not a JSON object"):
        _ = page.headers
    with pytest.raises(TokenError, match=r"^The identity provider of .* no token: connection refused\.$"):
        _ = client("http://127.0.0.1:1").headers


def test_a_given_token_that_has_expired_is_named() -> None:
    assert GivenToken(Secret(make_jwt(time.time() + 60)), "MLFLOW_TRACKING_TOKEN").headers
    assert GivenToken(Secret("no-jwt"), "PHOENIX_API_KEY").headers
    with pytest.raises(TokenError, match=r"^MLFLOW_TRACKING_TOKEN expired at 2001-09-09 01:46:40 UTC: set"):
        _ = GivenToken(Secret(make_jwt(1_000_000_000)), "MLFLOW_TRACKING_TOKEN").headers


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (make_jwt(1_000_000_000), 1_000_000_000.0),
        (make_jwt(None), None),
        ("opaque", None),
        ("a.b.c", None),
        ("a.W10.c", None),
    ],
)
def test_the_end_of_a_token_is_read_where_it_has_one(token: str, end: float | None) -> None:
    assert read_expiry(token) == end


def test_a_forged_token_differs_in_its_signature_alone() -> None:
    token = BearerToken(Secret(make_jwt(None)))
    forged = Logins().forge_token(token).token.value
    assert forged != token.token.value
    assert forged.rpartition(".")[0] == token.token.value.rpartition(".")[0]


def test_a_login_without_a_token_has_none_to_copy() -> None:
    assert Logins().copy_token(BearerToken(Secret("opaque"))).token.value == "opaque"
    with pytest.raises(LoginError, match="the login of admin sends no token"):
        Logins().copy_token(Logins().make_login("admin", "word"))


def test_the_environment_gives_logins_in_the_order_of_mlflows_own_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (logins.USERNAME, logins.PASSWORD, logins.TOKEN, logins.PLUGIN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(logins.PLUGIN, "kubernetes")
    assert isinstance(Logins().get_login_from_environment(), PluginLogin)
    monkeypatch.setenv(logins.TOKEN, "opaque")
    found = Logins().get_login_from_environment()
    assert found
    assert found.headers == {"Authorization": "Bearer opaque"}
    monkeypatch.setenv(logins.USERNAME, "admin")
    monkeypatch.setenv(logins.PASSWORD, "word")
    assert str(Logins().get_login_from_environment()) == "the login of admin"


@pytest.mark.filterwarnings("ignore:Could not find any registered plugin")
def test_a_plugin_that_mlflow_lacks_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (logins.USERNAME, logins.PASSWORD, logins.TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(logins.PLUGIN, "nobody")
    with pytest.raises(TokenError, match="MLFLOW_TRACKING_AUTH is 'nobody', but mlflow has no plugin"):
        Logins().get_login_from_environment()


def test_every_request_names_the_workspace(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logins.WORKSPACE, "team1")
    entry = Logins().get_entry_point_with_workspace(EntryPoint(provider, login=BearerToken(Secret("opaque"))))
    answer = send_request(entry, "GET", "/", 5, headers={"Accept": "application/json"})
    assert answer.request.headers["X-MLFLOW-WORKSPACE"] == "team1"
    assert answer.request.headers["Accept"] == "application/json"
    assert entry.login_headers == {"X-MLFLOW-WORKSPACE": "team1", "Authorization": "Bearer opaque"}
    monkeypatch.delenv(logins.WORKSPACE)
    assert Logins().get_entry_point_with_workspace(entry).workspace is None


def test_a_secret_gives_a_client(provider: str) -> None:
    values = {
        "OIDC_CLIENT_ID": Secret("suites"),
        "OIDC_CLIENT_SECRET": Secret(CLIENT_SECRET),
        "OIDC_TOKEN_URL": Secret(f"{provider}/token"),
        "OIDC_DISCOVERY_URL": Secret(provider),
    }
    login = Logins().make_login_from_secret(SOURCE, values)
    assert requests.get(provider, auth=login, timeout=5).ok
    assert Provider.seen == ["Bearer token-1"]
    del values["OIDC_TOKEN_URL"]
    with pytest.raises(LoginError, match="has no key OIDC_TOKEN_URL"):
        Logins().make_login_from_secret(SOURCE, values)
