"""A MLflow server on this machine, as the overlays run it, with a database in a PostgreSQL here."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from harness.common.at_the_end import run_at_the_end
from harness.common.combinations import ROOT
from harness.common.local_requests import local_session
from harness.common.loopback import LOOPBACK, free_port
from harness.common.manifests import read_container
from harness.common.postgres import Server
from harness.common.waiting import wait_until_up

SOURCES = ROOT / "kustomize" / "base" / "mlflow"
START_LIMIT = 180  # seconds; MLflow makes its tables, and loads much
REQUEST_LIMIT = 60  # seconds


@dataclass(frozen=True)
class Mlflow:
    """A server that has the plugin as the pod has it, and its database, named as the role that owns it."""

    url: str
    postgres: Server
    database: str

    def send(self, body: bytes, experiment: str = "0") -> requests.Response:
        """Send an export request as the collector does."""
        headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment}
        with local_session() as session:
            return session.post(f"{self.url}/v1/traces", data=body, headers=headers, timeout=REQUEST_LIMIT)

    def query(self, statement: str) -> str:
        """Return what the superuser gets for a statement in MLflow's database."""
        return self.postgres.query(statement, self.database)


@contextmanager
def run_mlflow(
    postgres: Server, database: str, folder: Path, workers: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[Mlflow]:
    """Yield a MLflow with a new database, and remove both when the `with` ends.

    It keeps artifacts and its log in `folder`. It has as many workers as the manifests say, or `workers`, and
    their environment, with `settings` on top.
    Raises HarnessError when it does not start.
    """
    password = secrets.token_urlsafe(32)
    postgres.query(f"CREATE ROLE {database} LOGIN PASSWORD '{password}'")
    try:
        # Text is compared by its bytes, as in the pod. In other locales an index finds no beginnings.
        postgres.query(
            f"CREATE DATABASE {database} OWNER {database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
        )
        _lay_out_plugin(folder)
        port, deployed = free_port(), _read_deployed()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
            **deployed.environment,
            **(settings or {}),
            "PGHOST": LOOPBACK,
            "PGPORT": str(postgres.port),
            "PGDATABASE": database,
            "PGUSER": database,
            "PGPASSWORD": password,
            "PGSSLMODE": "require",
            "PYTHONPATH": str(folder),
        }
        command = [sys.executable, "-m", "mlflow", "server", f"--port={port}"]
        command += [f"--workers={workers or deployed.workers}", f"--artifacts-destination={folder}"]
        mlflow = Mlflow(f"http://{LOOPBACK}:{port}", postgres, database)
        with run_server(command, environment, folder, f"{mlflow.url}/health"):
            yield mlflow
    finally:
        postgres.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        postgres.query(f"DROP ROLE {database}")


@dataclass(frozen=True)
class _Deployed:
    workers: int
    environment: Mapping[str, str]


def _read_deployed() -> _Deployed:
    """Return how the manifests run MLflow, without what only a pod needs."""
    container = read_container(SOURCES / "mlflow.yaml")
    (workers,) = (each.partition("=")[2] for each in container["args"] if each.startswith("--workers="))
    literal = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    own = {name: value for name, value in literal.items() if name.startswith("MLFLOW_") and "$(" not in value}
    return _Deployed(int(workers), own)


def _lay_out_plugin(folder: Path) -> None:
    """Put the files where the pod's volume has them."""
    described = folder / "lossless_store-1.dist-info"
    described.mkdir(parents=True)
    for module in ("lossless_store.py", "no_delay.py"):
        (folder / module).symlink_to(SOURCES / module)
    (described / "entry_points.txt").symlink_to(SOURCES / "entry_points.txt")


@contextmanager
def run_server(
    command: list[str], environment: Mapping[str, str], folder: Path, health: str
) -> Iterator[None]:
    """Run a MLflow server until the `with` ends, or this process is killed; Ctrl-C does not reach it before.

    It keeps its log in `folder`. Raises HarnessError when the URL `health` does not answer in time.
    """
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
        run_at_the_end(["sh", "-c", 'kill -s TERM -- "-$0"', str(process.pid)]),
    ):
        wait_until_up(process, lambda: _answers(health), START_LIMIT, "MLflow", log)
        yield


def _answers(url: str) -> bool:
    with local_session() as session:
        try:
            return session.get(url, timeout=5).ok
        except requests.RequestException:
            return False
