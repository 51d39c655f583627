"""A MLflow and its PostgreSQL for the time of a benchmark, and how its tasks find them."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from harness.common.loopback import LOOPBACK, free_port
from harness.common.mlflow_server import Mlflow, run_mlflow
from harness.common.postgres import Server, find_programs

DATABASE = "bench"


@contextmanager
def run_servers() -> Iterator[list[str]]:
    """Run both until the `with` ends; yield options that name them to a run of Robot Framework.

    Raises HarnessError where PostgreSQL is not installed, and when one does not start.
    """
    # A short path, because a socket's path must be; and a folder that PostgreSQL's own user may enter.
    place = Path("/var/tmp") / f"bench-{os.getpid()}"  # noqa: S108 - for its user only
    postgres = Server(place, LOOPBACK, free_port(), find_programs())
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.running(secrets.token_urlsafe(32), trustme.CA().issue_cert("localhost")),
        run_mlflow(postgres, DATABASE, Path(folder)) as mlflow,
    ):
        yield [
            *("--variable", f"MLFLOW_URL:{mlflow.url}"),
            *("--variable", f"POSTGRES_FOLDER:{postgres.folder}"),
            *("--variable", f"POSTGRES_PORT:{postgres.port}"),
        ]


def find_servers(url: str, folder: str, port: int) -> Mlflow:
    """Return what another process runs, from the values of those options."""
    return Mlflow(url, Server(Path(folder), LOOPBACK, port, find_programs()), DATABASE)
