"""Bring MLflow's database to this version, make sure the traces' experiment exists, publish its id.

Environment: MLFLOW_BACKEND_STORE_URI, EXPERIMENT_NAME, EXPERIMENT_CONFIGMAP. The ConfigMap gets the keys
experiment-id and experiment-name. The collector reads the id from it: so it exports to the right
experiment on a fresh and on an old database alike, and waits while there is none yet.
"""

import os

import kube_api
import sqlalchemy
from alembic.util import CommandError
from mlflow import db
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

LOCK = 5_733_161  # an arbitrary number: what pods that start together must agree on
ARTIFACT_ROOT = "mlflow-artifacts:/"  # artifacts go through the server, as `mlflow server` has it by default


def prepare_experiment(uri: str, name: str) -> str:
    """Migrate the database and return the id of the active experiment of this name."""
    engine = sqlalchemy.create_engine(uri)
    with engine.connect() as connection:  # the lock ends with the connection
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        db.commands.main(["upgrade", uri], standalone_mode=False)
        store = SqlAlchemyStore(uri, ARTIFACT_ROOT)
        experiment = store.get_experiment_by_name(name)
        if experiment is None:
            return str(store.create_experiment(name))
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            # MLflow accepts spans for a deleted experiment and shows them to nobody.
            store.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)


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
    try:
        experiment_id = prepare_experiment(os.environ["MLFLOW_BACKEND_STORE_URI"], name)
    except (CommandError, MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())
        raise SystemExit(f"MLflow's database could not be prepared: {reason}") from None
    publish(os.environ["EXPERIMENT_CONFIGMAP"], experiment_id, name)
    print(f"Experiment {name} has id {experiment_id}.")


if __name__ == "__main__":
    main()
