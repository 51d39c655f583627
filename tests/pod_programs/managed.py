"""A managed PostgreSQL, played by a server on this machine: the fixture `managed`."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from harness.common.errors import HarnessError
from harness.common.postgres import Server, find_programs


@dataclass(frozen=True)
class Managed:
    """A server, its administrator's password, and the authority that signed its certificate."""

    server: Server
    password: str
    authority: trustme.CA


@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    try:
        programs = find_programs()
    except HarnessError as missing:
        pytest.skip(str(missing))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A short path, because a socket's path must be; and a folder that PostgreSQL's own user may enter. Two
    # folders of tests have this fixture, and each has its own server, in the same process too.
    server = Server(Path("/var/tmp") / f"pg-{os.getpid()}-{port}", "127.0.0.1", port, programs)  # noqa: S108
    authority = trustme.CA()
    with server.running("administrators-own", authority.issue_cert("localhost")):
        yield Managed(server, "administrators-own", authority)
