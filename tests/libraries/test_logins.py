"""Logins are found where the user gives them, are sent, and are shown by nothing."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from robot.api.types import Secret
from urllib3.exceptions import ReadTimeoutError

from entry import logins
from entry.entry_point import EntryPoint, Login
from entry.http_requests import RequestError
from entry.logins import LoginError, Logins
from kube.objects import Objects
from traces.mlflow_reader import _EntryHeaders

PASSWORD = "p\u00e4ss:word-of-ours"  # noqa: S105 - nobody's
LOGIN = Login("admin", Secret(PASSWORD))
HEADER = f"Basic {base64.b64encode(f'admin:{PASSWORD}'.encode()).decode()}"
ENTRY = EntryPoint("http://mlflow.localtest.me:8080", "192.0.2.7:8080")
WITH_LOGIN = Logins().get_entry_point_with_login(ENTRY, LOGIN)


def answer(status: int) -> Any:  # noqa: ANN401 - stands for requests.request
    response = requests.Response()
    response.status_code = status
    return lambda *_, **__: response


@pytest.mark.parametrize(("status", "wanted"), [(200, False), (401, True), (502, None), (404, None)])
def test_mlflow_says_whether_it_wants_a_login(
    status: int, wanted: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "request", answer(status))
    assert Logins().wants_login(ENTRY) is wanted


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (401, False), (502, None)])
def test_mlflow_says_whether_it_accepts_a_login(
    status: int, accepted: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "request", answer(status))
    assert Logins().accepts_login(WITH_LOGIN) is accepted


def test_a_server_that_does_not_answer_wants_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "request", fail)
    assert Logins().wants_login(ENTRY) is None


def test_a_server_that_lets_the_limit_pass_is_not_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, library = [], Logins()

    def time_out(*_: object, **__: object) -> None:
        asked.append(1)
        raise requests.ReadTimeout(ReadTimeoutError(None, "/", "Read timed out. (read timeout=15)"))  # type: ignore[arg-type]

    monkeypatch.setattr(requests, "request", time_out)
    assert [library.wants_login(ENTRY), library.wants_login(ENTRY)] == [None, None]
    assert len(asked) == 1
    with pytest.raises(RequestError, match="no answer"):
        library.should_have_answered(ENTRY)
    library.should_have_answered(replace(ENTRY, url="http://another"))
    monkeypatch.setattr(logins, "SILENCE", 0.0)
    monkeypatch.setattr(requests, "request", answer(401))
    assert library.wants_login(ENTRY) is True
    library.should_have_answered(ENTRY)


def test_a_server_that_refuses_the_connection_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError(ConnectionRefusedError())

    library = Logins()
    monkeypatch.setattr(requests, "request", refuse)
    assert library.wants_login(ENTRY) is None
    library.should_have_answered(ENTRY)
    monkeypatch.setattr(requests, "request", answer(401))
    assert library.wants_login(ENTRY) is True


def test_the_environment_gives_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(logins.USERNAME, raising=False)
    monkeypatch.delenv(logins.PASSWORD, raising=False)
    assert Logins().get_login_from_environment() is None
    monkeypatch.setenv(logins.USERNAME, "admin")
    with pytest.raises(LoginError, match="MLFLOW_TRACKING_PASSWORD is not set"):
        Logins().get_login_from_environment()
    monkeypatch.setenv(logins.PASSWORD, PASSWORD)
    found = Logins().get_login_from_environment()
    assert found
    assert found.headers["Authorization"] == HEADER


def test_the_credentials_file_of_mlflows_client_gives_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(logins.USERNAME, raising=False)
    monkeypatch.delenv(logins.PASSWORD, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Logins().get_login_from_environment() is None
    file = tmp_path / ".mlflow" / "credentials"
    file.parent.mkdir()
    file.write_text(f"[mlflow]\nmlflow_tracking_username = admin\nmlflow_tracking_password = {PASSWORD}\n")
    found = Logins().get_login_from_environment()
    assert found
    assert found.headers["Authorization"] == HEADER


def test_a_request_is_sent_with_the_login() -> None:
    prepared = requests.Request("GET", ENTRY.url, auth=LOGIN).prepare()
    assert prepared.headers["Authorization"] == HEADER


def test_mlflows_own_client_sends_the_login() -> None:
    provider = _EntryHeaders()
    provider.entry = WITH_LOGIN
    assert provider.request_headers() == {"Authorization": HEADER}
    provider.entry = ENTRY
    assert provider.request_headers() == {}


def test_nothing_shows_the_password() -> None:
    entry = WITH_LOGIN
    prepared = requests.Request("GET", ENTRY.url, auth=LOGIN).prepare()
    shown = f"{LOGIN} {LOGIN!r} {entry} {entry!r} {prepared.headers} {entry.login_headers}"
    assert PASSWORD not in shown
    assert HEADER.removeprefix("Basic ") not in shown
    assert "<secret>" in shown


def secret(**data: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "mlflow-admin"},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def test_a_secret_of_the_cluster_gives_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = Objects()
    monkeypatch.setattr(kube, "read_object", lambda *_: secret(username="admin", password=PASSWORD))
    values = kube.read_secret("kagenti-system", "mlflow-admin")
    assert PASSWORD not in str(values)
    assert Logins().make_login_from_secret("Secret mlflow-admin", values).headers["Authorization"] == HEADER
    del values["password"]
    with pytest.raises(LoginError, match="Secret mlflow-admin has no key password"):
        Logins().make_login_from_secret("Secret mlflow-admin", values)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, None),
        ({"args": ["--host=0.0.0.0", "--app-name=basic-auth"]}, "basic-auth"),
        ({"args": ["server", "--app-name", "basic-auth"]}, "basic-auth"),
        ({"command": ["sh", "-c", "exec mlflow server --app-name=basic-auth"]}, "basic-auth"),
        ({"args": ["--app-name=oidc-auth", "--port=5000"]}, "oidc-auth"),
    ],
    ids=str,
)
def test_mlflow_is_started_with_logins(container: dict[str, Any], expected: str | None) -> None:
    workload = {"spec": {"template": {"spec": {"containers": [container]}}}}
    assert Logins().login_app(workload) == expected


@pytest.mark.parametrize(
    ("page", "url", "address"),
    [
        (
            "http://oidc.localtest.me:8080/realms/any?state=1",
            "http://oidc.localtest.me:8080",
            "192.0.2.7:8080",
        ),
        ("https://sso.example.org/login", "https://sso.example.org", None),
    ],
)
def test_a_provider_in_mlflows_domain_is_behind_the_same_gateway(
    page: str, url: str, address: str | None
) -> None:
    found = Logins().get_entry_point_of_login_page(ENTRY, page)
    assert (found.url, found.address) == (url, address)
