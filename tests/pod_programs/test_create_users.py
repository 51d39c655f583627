"""MLflow's users: created or updated, and the collector's may do no more than it needs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import create_users


class Store:
    """MLflow's user store, as far as it is used."""

    def __init__(self) -> None:
        """Start empty."""
        self.users: dict[str, tuple[str, bool]] = {}
        self.granted: dict[tuple[str, str], str] = {}

    def has_user(self, name: str) -> bool:
        """Return whether the user exists."""
        return name in self.users

    def create_user(self, name: str, password: str, is_admin: bool) -> None:
        """Create a new user."""
        assert name not in self.users
        self.users[name] = password, is_admin

    def update_user(self, name: str, password: str, is_admin: bool) -> None:
        """Change an existing user."""
        assert name in self.users
        self.users[name] = password, is_admin

    def list_experiment_permissions(self, name: str) -> list[Any]:
        """Return the granted permissions."""
        assert name in self.users
        return [SimpleNamespace(experiment_id=key) for kind, key in self.granted if kind == "experiment"]

    def delete_experiment_permission(self, experiment_id: str, name: str) -> None:
        """Revoke a permission."""
        assert name in self.users
        del self.granted["experiment", experiment_id]

    def grant_user_permission(self, name: str, kind: str, pattern: str, permission: str) -> None:
        """Grant."""
        assert name in self.users
        self.granted[kind, pattern] = permission


def test_a_user_is_created_once_and_then_gets_the_secrets_password() -> None:
    store = Store()
    for password in ("first", "second", "second"):
        create_users.create_user(store, "admin", password, admin=True)
    assert store.users == {"admin": ("second", True)}


def test_the_collector_may_write_to_its_experiment_and_is_denied_the_rest() -> None:
    store = Store()
    create_users.create_user(store, "collector", "secret", admin=False)
    create_users.allow_traces(store, "collector", "3")
    create_users.allow_traces(store, "collector", "4")
    experiments = {key: value for (kind, key), value in store.granted.items() if kind == "experiment"}
    others = {value for (kind, _), value in store.granted.items() if kind != "experiment"}
    assert experiments == {"4": "EDIT"}, "an experiment of an earlier database is not its own any more"
    assert others == {"DENY"}


def test_who_deletes_old_traces_may_delete_them_in_one_experiment_and_is_denied_the_rest() -> None:
    store = Store()
    create_users.create_user(store, "retention", "secret", admin=False)
    create_users.allow_deletion(store, "retention", "3")
    create_users.allow_deletion(store, "retention", "4")
    assert {key: value for (kind, key), value in store.granted.items() if kind == "experiment"} == {
        "4": "READ"
    }
    allowed = {kind for (kind, _), value in store.granted.items() if value == "MANAGE"}
    assert allowed == {"trace", "assessment"}
    assert store.granted["run", "*"] == "DENY"


def test_the_service_file_holds_the_login_and_nobody_else_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "pg_service.conf"
    for password in ("first", "a=b #c 'd"):
        create_users.write_service_file(file, "mlflow_auth", password)
    assert file.read_text() == "[mlflow-auth]\ndbname=mlflow_auth\nuser=mlflow_auth\npassword=a=b #c 'd\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_password_that_the_file_cannot_hold_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="line break"):
        create_users.write_service_file(tmp_path / "f", "mlflow_auth", "a\nhost=elsewhere")
