"""Migrates MLflow's database to this version, creates the experiment of the traces, and publishes its id.

Environment: MLFLOW_BACKEND_STORE_URI, EXPERIMENT_NAME, EXPERIMENT_CONFIGMAP. The ConfigMap gets the keys
experiment-id and experiment-name. The collector's pod takes the id from it, and waits until it is there. So
the collector exports to the right experiment, on a new database and on an old one.

The database is not migrated while servers of another version use it. They would write by the old schema, and
answer spans with an error that no collector retries. Their pods must be gone first.
"""

import os

import sqlalchemy
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

import kube_api
from mlflow import db

LOCK = 5_733_161  # PostgreSQL's advisory lock: any number, the same in all pods that start together
ARTIFACT_ROOT = "mlflow-artifacts:/"  # artifacts go through the server, as `mlflow server` has it by default
APPLICATION = "prepare-mlflow"  # the name of this script's sessions in PostgreSQL; servers have none
SERVER_SESSIONS = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND application_name <> :script"
)


def prepare_experiment(uri: str, name: str) -> str:
    """Migrate the database. Return the id of the experiment of this name, created or restored if needed."""
    engine = sqlalchemy.create_engine(uri)
    with engine.connect() as connection:  # the lock ends with the connection
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        refuse_to_migrate_under_servers(connection, uri)
        db.commands.main(["upgrade", uri], standalone_mode=False)
        store = SqlAlchemyStore(uri, ARTIFACT_ROOT)
        experiment = store.get_experiment_by_name(name)
        if experiment is None:
            return str(store.create_experiment(name))
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            # MLflow accepts spans for a deleted experiment, but shows them to nobody.
            store.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)


def refuse_to_migrate_under_servers(connection: sqlalchemy.Connection, uri: str) -> None:
    """Raise SystemExit, with what to do, if the database needs a migration while servers are connected.

    Raises CommandError for a database of a newer version.
    """
    script = ScriptDirectory.from_config(_get_alembic_config(uri))
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None or current in script.get_heads():
        return
    script.get_revision(current)  # raises CommandError if this version does not know it
    sessions = connection.execute(SERVER_SESSIONS, {"script": APPLICATION}).scalar()
    connection.rollback()  # or the migration would wait for this transaction; the lock stays
    if sessions:
        raise SystemExit(
            f"MLflow's database has schema {current} and this version needs {', '.join(script.get_heads())}, "
            f"but servers of another version still use it ({sessions} sessions). Scale "
            "the Deployment of this pod to 0, wait until its pods are gone, and scale up again. "
            "The collectors keep the spans meanwhile."
        )


def publish(configmap: str, experiment_id: str, name: str) -> None:
    """Create or update the ConfigMap by server-side apply."""
    namespace = kube_api.namespace()
    kube_api.send(
        "PATCH",
        f"/api/v1/namespaces/{namespace}/configmaps/{configmap}?fieldManager=prepare-mlflow&force=true",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": configmap, "labels": {"app.kubernetes.io/part-of": "llm-observability"}},
            "data": {"experiment-id": experiment_id, "experiment-name": name},
        },
        content_type="application/apply-patch+yaml",
    )


def main() -> None:
    """Prepare and publish. Raise SystemExit with one sentence when that fails."""
    name = os.environ["EXPERIMENT_NAME"]
    os.environ["PGAPPNAME"] = APPLICATION
    try:
        experiment_id = prepare_experiment(os.environ["MLFLOW_BACKEND_STORE_URI"], name)
    except (CommandError, MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())
        raise SystemExit(f"Cannot prepare MLflow's database: {reason}") from None
    publish(os.environ["EXPERIMENT_CONFIGMAP"], experiment_id, name)
    print(f"Experiment {name} has id {experiment_id}.")


if __name__ == "__main__":
    main()
