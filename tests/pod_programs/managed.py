"""A managed PostgreSQL, played by a server on this machine: what the fixture `managed` returns."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from harness.common.errors import HarnessError
from harness.common.postgres import Server, find_programs

MLFLOWS = "spans_kept"  # MLflow's database, and the role that owns it
FEWEST_CONNECTIONS = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "2", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "1"}


@dataclass(frozen=True)
class Managed:
    """A server, its administrator's password, and the authority that signed its certificate."""

    server: Server
    password: str
    authority: trustme.CA


@contextmanager
def run_managed() -> Iterator[Managed]:
    """Start it, and remove it when the `with` ends; skip the test where no PostgreSQL is installed."""
    try:
        programs = find_programs()
    except HarnessError as missing:
        pytest.skip(str(missing))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A short path, because a socket's path must be; and a folder that PostgreSQL's own user may enter.
    server = Server(Path("/var/tmp") / f"pg-{os.getpid()}-{port}", "127.0.0.1", port, programs)  # noqa: S108
    authority = trustme.CA()
    with server.running("administrators-own", authority.issue_cert("localhost")):
        yield Managed(server, "administrators-own", authority)
