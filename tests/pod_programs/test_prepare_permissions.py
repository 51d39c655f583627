"""The collectors' group may store traces in the one experiment, also after the experiment has changed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import prepare_permissions

GROUP = "mlflow-collector"


class Store:
    """The plugin's store, as far as it is used."""

    def __init__(self, **granted: str) -> None:
        """Start with permissions by the experiment's id."""
        self.groups: list[str] = []
        self.granted = {key.removeprefix("id_"): value for key, value in granted.items()}

    def populate_groups(self, names: list[str]) -> None:
        """Create groups."""
        self.groups += names

    def list_group_experiment_permissions(self, group: str) -> list[Any]:
        """Return the granted permissions."""
        assert group in self.groups
        return [SimpleNamespace(experiment_id=key) for key in self.granted]

    def create_group_experiment_permission(self, _: str, experiment_id: str, permission: str) -> None:
        """Grant."""
        assert experiment_id not in self.granted
        self.granted[experiment_id] = permission

    def update_group_experiment_permission(self, _: str, experiment_id: str, permission: str) -> None:
        """Change what was granted."""
        assert experiment_id in self.granted
        self.granted[experiment_id] = permission

    def delete_group_experiment_permission(self, _: str, experiment_id: str) -> None:
        """Revoke."""
        del self.granted[experiment_id]


@pytest.mark.parametrize("before", [{}, {"id_3": "READ"}, {"id_0": "MANAGE", "id_3": "EDIT"}])
def test_the_group_may_write_to_the_one_experiment(before: dict[str, str]) -> None:
    store = Store(**before)
    prepare_permissions.allow_traces(store, GROUP, "3")
    assert store.granted == {"3": "EDIT"}
    assert store.groups == [GROUP]


def test_the_database_is_reached_by_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "pg_service.conf"
    prepare_permissions.write_service_file(path, "mlflow_oidc", "p@ss/word")
    assert path.read_text() == "[mlflow-oidc]\ndbname=mlflow_oidc\nuser=mlflow_oidc\npassword=p@ss/word\n"
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(SystemExit, match="line break"):
        prepare_permissions.write_service_file(path, "mlflow_oidc", "a\nb")
