"""Bring MLflow's database to this version, make sure the traces' experiment exists, publish its id.

Environment: MLFLOW_BACKEND_STORE_URI, EXPERIMENT_NAME, EXPERIMENT_CONFIGMAP. The ConfigMap gets the keys
experiment-id and experiment-name. The collector reads the id from it: so it exports to the right
experiment on a fresh and on an old database alike, and waits while there is none yet.

A database is not migrated under servers of another version: they would go on writing by the old schema, and
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

LOCK = 5_733_161  # an arbitrary number: what pods that start together must agree on
ARTIFACT_ROOT = "mlflow-artifacts:/"  # artifacts go through the server, as `mlflow server` has it by default
OWN_NAME = "prepare-mlflow"  # what PostgreSQL calls the sessions of this script; servers have no name
SERVERS = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND application_name <> :own"
)


def prepare_experiment(uri: str, name: str) -> str:
    """Migrate the database and return the id of the active experiment of this name."""
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
            # MLflow accepts spans for a deleted experiment and shows them to nobody.
            store.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)


def refuse_to_migrate_under_servers(connection: sqlalchemy.Connection, uri: str) -> None:
    """Exit, and say what to do, where the database needs a migration and servers are connected to it."""
    script = ScriptDirectory.from_config(_get_alembic_config(uri))
    present = MigrationContext.configure(connection).get_current_revision()
    if present is None or present in script.get_heads():
        return
    script.get_revision(present)  # raises CommandError for a database of a newer version
    sessions = connection.execute(SERVERS, {"own": OWN_NAME}).scalar()
    connection.rollback()  # the migration waits for nothing that was read here; the lock stays
    if sessions:
        raise SystemExit(
            f"MLflow's database has schema {present}, this version needs {', '.join(script.get_heads())}, "
            f"and servers of another version still use it ({sessions} sessions). Let them go first: "
            "`kubectl scale deployment/mlflow --replicas=0`, and when they are gone as many as before. "
            "The collectors keep the spans meanwhile."
        )


def publish(configmap: str, experiment_id: str, name: str) -> None:
    """Create or update the ConfigMap, by server-side apply."""
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
    """Prepare and publish; say in one sentence what is wrong if it cannot be done."""
    name = os.environ["EXPERIMENT_NAME"]
    os.environ["PGAPPNAME"] = OWN_NAME
    try:
        experiment_id = prepare_experiment(os.environ["MLFLOW_BACKEND_STORE_URI"], name)
    except (CommandError, MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())
        raise SystemExit(f"MLflow's database could not be prepared: {reason}") from None
    publish(os.environ["EXPERIMENT_CONFIGMAP"], experiment_id, name)
    print(f"Experiment {name} has id {experiment_id}.")


if __name__ == "__main__":
    main()
