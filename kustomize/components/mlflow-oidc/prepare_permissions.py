"""Migrates the database of mlflow-oidc-auth, and lets the collectors' group store traces in the experiment.

Environment: OIDC_DATABASE_USERNAME (also the database's name), OIDC_DATABASE_PASSWORD, PGSERVICEFILE (written
here; MLflow reads it), OIDC_USERS_DB_URI, MLFLOW_BACKEND_STORE_URI, EXPERIMENT_NAME, COLLECTORS_GROUP.
"""

import os
from pathlib import Path
from typing import Any

import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

SERVICE = "mlflow-oidc"  # the name of the database in OIDC_USERS_DB_URI
LOCK = 5_733_163  # PostgreSQL's, until the connection ends: any number, the same in all pods
ARTIFACT_ROOT = "mlflow-artifacts:/"
PERMISSION = "EDIT"


def write_service_file(path: Path, database: str, password: str) -> None:
    """Write the login that libpq uses. It takes the database's host from the environment."""
    if "\n" in database + password:
        raise SystemExit(
            "The Secret mlflow-oidc-database has a line break in its username or password: remove it."
        )
    path.write_text(
        f"[{SERVICE}]\ndbname={database}\nuser={database}\npassword={password}\n", encoding="utf-8"
    )
    path.chmod(0o600)


def allow_traces(store: Any, group: str, experiment_id: str) -> None:  # noqa: ANN401 - the plugin's store
    """Let a group store traces in this experiment, and in no other one."""
    store.populate_groups([group])
    granted = {each.experiment_id for each in store.list_group_experiment_permissions(group)}
    for other in granted - {experiment_id}:
        store.delete_group_experiment_permission(group, other)
    if experiment_id in granted:
        store.update_group_experiment_permission(group, experiment_id, PERMISSION)
    else:
        store.create_group_experiment_permission(group, experiment_id, PERMISSION)


def main() -> None:
    """Prepare the permissions. Raise SystemExit with one sentence when that fails."""
    env = os.environ
    write_service_file(
        Path(env["PGSERVICEFILE"]), env["OIDC_DATABASE_USERNAME"], env["OIDC_DATABASE_PASSWORD"]
    )
    from mlflow_oidc_auth.store import store  # noqa: PLC0415 - it reads the service file

    name, group = env["EXPERIMENT_NAME"], env["COLLECTORS_GROUP"]
    try:
        experiment = SqlAlchemyStore(env["MLFLOW_BACKEND_STORE_URI"], ARTIFACT_ROOT).get_experiment_by_name(
            name
        )
        if experiment is None:
            raise SystemExit(f"MLflow has no experiment {name}: read the log of container prepare.")
        with sqlalchemy.create_engine(env["OIDC_USERS_DB_URI"]).connect() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            allow_traces(store, group, str(experiment.experiment_id))
    except (MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())
        raise SystemExit(f"Cannot prepare MLflow's permissions: {reason}") from None
    print(f"Group {group} may store traces in experiment {name}.")


if __name__ == "__main__":
    main()
