"""Creates MLflow's users with the passwords of their Secrets, at every start: a changed Secret wins.

Environment: AUTH_DATABASE_USERNAME (also the database's name) and AUTH_DATABASE_PASSWORD, ADMIN_USERNAME and
ADMIN_PASSWORD, COLLECTOR_USERNAME and COLLECTOR_PASSWORD, PGSERVICEFILE (written here; MLflow reads it),
MLFLOW_AUTH_CONFIG_PATH, MLFLOW_BACKEND_STORE_URI, EXPERIMENT_NAME. With components/retention also
RETENTION_USERNAME and RETENTION_PASSWORD.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

SERVICE = "mlflow-auth"  # the name of the database in basic_auth.ini
LOCK = 5_733_162  # PostgreSQL's advisory lock: any number, the same in all pods that start together
ARTIFACT_ROOT = "mlflow-artifacts:/"
# MLflow lets every user create these unless they are denied. (Experiments too, but denying them would deny
# the granted one as well.)
DENIED = (
    "assessment",
    "gateway_endpoint",
    "gateway_model_definition",
    "gateway_secret",
    "logged_model",
    "mcp_server",
    "prompt",
    "registered_model",
    "review_queue",
    "run",
    "scorer",
)


def write_service_file(path: Path, database: str, password: str) -> None:
    """Write the login that libpq uses. It takes the database's host from the environment."""
    if "\n" in database + password:
        raise SystemExit(
            "The Secret mlflow-auth-database has a line break in its username or password: remove it."
        )
    path.write_text(
        f"[{SERVICE}]\ndbname={database}\nuser={database}\npassword={password}\n", encoding="utf-8"
    )
    path.chmod(0o600)


def create_user(store: Any, name: str, password: str, *, admin: bool) -> None:  # noqa: ANN401 - MLflow's user store
    """Create the user, or set its password."""
    if store.has_user(name):
        store.update_user(name, password=password, is_admin=admin)
    else:
        store.create_user(name, password, is_admin=admin)


def allow_traces(store: Any, name: str, experiment_id: str) -> None:  # noqa: ANN401 - MLflow's user store
    """Allow the user to store traces in this experiment, and deny all else that MLflow can deny."""
    _allow_one_experiment(store, name, experiment_id, "EDIT", dict.fromkeys(DENIED, "DENY"))


def allow_deletion(store: Any, name: str, experiment_id: str) -> None:  # noqa: ANN401 - MLflow's user store
    """Allow the user to delete traces of this experiment, and deny all else that MLflow can deny.

    MLflow has no permission that deletes and does not change. A trace's assessments are deleted with it.
    """
    others = dict.fromkeys(DENIED, "DENY") | {"assessment": "MANAGE", "trace": "MANAGE"}
    _allow_one_experiment(store, name, experiment_id, "READ", others)


def _allow_one_experiment(
    store: Any,  # noqa: ANN401 - MLflow's user store
    name: str,
    experiment_id: str,
    permission: str,
    others: Mapping[str, str],
) -> None:
    """Give a permission for one experiment and for no other one, and one for each other kind of thing."""
    for known in store.list_experiment_permissions(name):
        if known.experiment_id not in (experiment_id, "*"):
            store.delete_experiment_permission(known.experiment_id, name)
    store.grant_user_permission(name, "experiment", experiment_id, permission)
    for kind, granted in others.items():
        store.grant_user_permission(name, kind, "*", granted)


def main() -> None:
    """Create the users. Raise SystemExit with one sentence when that fails."""
    env = os.environ
    write_service_file(
        Path(env["PGSERVICEFILE"]), env["AUTH_DATABASE_USERNAME"], env["AUTH_DATABASE_PASSWORD"]
    )
    from mlflow.server.auth import auth_config, store  # noqa: PLC0415 - it starts the app as it is imported

    name = env["EXPERIMENT_NAME"]
    try:
        experiment = SqlAlchemyStore(env["MLFLOW_BACKEND_STORE_URI"], ARTIFACT_ROOT).get_experiment_by_name(
            name
        )
        if experiment is None:
            raise SystemExit(f"MLflow has no experiment {name}: read the log of container prepare.")
        with sqlalchemy.create_engine(
            auth_config.database_uri
        ).connect() as connection:  # the lock ends with it
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            store.init_db(auth_config.database_uri)
            create_user(store, env["ADMIN_USERNAME"], env["ADMIN_PASSWORD"], admin=True)
            create_user(store, env["COLLECTOR_USERNAME"], env["COLLECTOR_PASSWORD"], admin=False)
            allow_traces(store, env["COLLECTOR_USERNAME"], str(experiment.experiment_id))
            if "RETENTION_USERNAME" in env:
                create_user(store, env["RETENTION_USERNAME"], env["RETENTION_PASSWORD"], admin=False)
                allow_deletion(store, env["RETENTION_USERNAME"], str(experiment.experiment_id))
    except (MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())
        raise SystemExit(f"Cannot create MLflow's users: {reason}") from None
    print(f"MLflow's administrator is ready, and the collector's user for experiment {name}.")


if __name__ == "__main__":
    main()
