"""Which rejections are final and which are retried: no span is dropped for a login."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import flask
import pytest
from werkzeug.datastructures import Authorization

REFUSED = {"WWW-Authenticate": 'Basic realm="mlflow"'}


class DatabaseAwayError(Exception):
    """What MLflow's store raises while its database is away. MLflow answers it with 503."""


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module, with a user store that knows `right` and does not answer for `away`."""

    def has_user(name: str) -> bool:
        if name == "away":
            raise DatabaseAwayError
        return name == "right"

    def authenticate() -> Authorization | flask.Response:
        given = flask.request.authorization
        return given if given and given.username == "right" else flask.Response("", 401, REFUSED)

    auth = SimpleNamespace(
        store=SimpleNamespace(has_user=has_user), authenticate_request_basic_auth=authenticate
    )
    missing = SimpleNamespace(find_missing_experiment=lambda id_: "it is gone" if id_ == "77" else "")
    monkeypatch.setitem(sys.modules, "mlflow.server", SimpleNamespace(auth=auth))
    monkeypatch.setitem(sys.modules, "lossless_store", missing)
    monkeypatch.delitem(sys.modules, "mlflow_login", raising=False)
    return importlib.import_module("mlflow_login")


def ask(login: ModuleType, path: str, user: str | None, experiment: str = "1") -> int:
    """Return the status of the rejection, 200 for a login that is accepted."""
    auth, headers = (user, "password") if user else None, {"x-mlflow-experiment-id": experiment}
    with flask.Flask("test").test_request_context(path, auth=auth, headers=headers):
        answer = login.authenticate()
    return answer.status_code if isinstance(answer, flask.Response) else 200


@pytest.mark.parametrize(
    ("path", "user", "status"),
    [
        ("/v1/traces", "right", 200),
        ("/v1/traces", "wrong", 503),
        ("/v1/traces", None, 401),
        ("/", "right", 200),
        ("/", "wrong", 401),
        ("/", None, 401),
        ("/v1/traces/more", "wrong", 401),
    ],
)
def test_only_spans_with_a_wrong_login_are_retried(
    login: ModuleType, path: str, user: str | None, status: int
) -> None:
    assert ask(login, path, user) == status


@pytest.mark.parametrize(
    ("path", "user", "status"),
    [("/v1/traces", "right", 503), ("/v1/traces", None, 401), ("/", "right", 200)],
)
def test_spans_wait_for_an_experiment_that_is_not_there(
    login: ModuleType, path: str, user: str | None, status: int
) -> None:
    assert ask(login, path, user, experiment="77") == status


@pytest.mark.parametrize("path", ["/v1/traces", "/"])
def test_a_database_that_is_away_is_an_error(login: ModuleType, path: str) -> None:
    with pytest.raises(DatabaseAwayError):
        ask(login, path, "away")
