"""How init containers and sidecars use the Kubernetes API, and what they report when it rejects a request."""

import time
from http import HTTPStatus

import pytest

import kube_api

FORBIDDEN = '{"kind": "Status", "message": "routes \\"mlflow\\" is forbidden"}'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> list[tuple[HTTPStatus, str] | OSError]:
    """Return a list of the API server's next answers, for a test to fill."""
    answers: list[tuple[HTTPStatus, str] | OSError] = []

    def ask(*_: object) -> tuple[HTTPStatus, str]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(kube_api, "_request_once", ask)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return answers


def test_an_object_is_found(server: list[tuple[HTTPStatus, str] | OSError]) -> None:
    server.append((HTTPStatus.OK, '{"kind": "Route"}'))
    assert kube_api.find("/path") == {"kind": "Route"}


@pytest.mark.parametrize("body", ['{"kind": "Status"}', "404 page not found"])
def test_a_missing_object_is_none(server: list[tuple[HTTPStatus, str] | OSError], body: str) -> None:
    server.append((HTTPStatus.NOT_FOUND, body))
    assert kube_api.find("/path") is None


def test_a_server_that_is_away_or_busy_is_asked_again(server: list[tuple[HTTPStatus, str] | OSError]) -> None:
    server += [
        OSError("connection refused"),
        (HTTPStatus.SERVICE_UNAVAILABLE, ""),
        (HTTPStatus.TOO_MANY_REQUESTS, ""),
        (HTTPStatus.OK, "{}"),
    ]
    assert kube_api.find("/path") == {}


def test_a_rejection_is_reported_in_one_sentence(server: list[tuple[HTTPStatus, str] | OSError]) -> None:
    server += [(HTTPStatus.FORBIDDEN, FORBIDDEN), (HTTPStatus.NOT_FOUND, "none")]
    with pytest.raises(SystemExit, match='rejects GET /path: HTTP 403: routes "mlflow" is forbidden'):
        kube_api.find("/path")
    with pytest.raises(SystemExit, match="rejects POST /path: HTTP 404: none"):
        kube_api.send("POST", "/path", {})
