"""In how many processes the tests run, in which order, and which servers they share."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from harness.common.mlflow_server import Mlflow
    from tests.pod_programs.managed import Managed

TESTS = Path(__file__).parent
# Folders with the files that take longest: what begins late ends alone.
FIRST = ("kustomize", "pod_programs", "harness", "learn")
# Files that run in one process, for they share a PostgreSQL, or a MLflow too: its start is 8 seconds of work.
SHARE_SERVERS = {
    "tests/harness/bench/test_filling.py",
    "tests/pod_programs/test_create_database.py",
    "tests/pod_programs/test_lossless_ingestion.py",
    "tests/pod_programs/test_lossless_store.py",
    "tests/pod_programs/test_prepare_mlflow.py",
}


class Scheduling(LoadFileScheduling):  # type: ignore[misc] # it has no types
    """Gives the tests of a file to one process, and also those of SHARE_SERVERS."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "servers" if file in SHARE_SERVERS else file


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Take a process more than there are cores for `auto`: a third of the time tests wait for servers."""
    cores = yield
    return cores + 1 if config.option.numprocesses == "auto" else cores


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Return what `--dist=loadfile` stands for here."""
    return Scheduling(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders FIRST before the others."""
    items.sort(key=_rank)


# Where checkov runs, there is no trustme and no MLflow: these are imported by whoever wants a server.
@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    """Return a managed PostgreSQL, played by a server on this machine."""
    from tests.pod_programs.managed import run_managed  # noqa: PLC0415

    with run_managed() as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(managed: Managed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """Return a MLflow with a database in `managed`, and the fewest connections that a Component gives it."""
    from harness.common.mlflow_server import run_mlflow  # noqa: PLC0415
    from tests.pod_programs.managed import FEWEST_CONNECTIONS, MLFLOWS  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("mlflow")
    with run_mlflow(managed.server, MLFLOWS, folder, workers=1, settings=FEWEST_CONNECTIONS) as server:
        yield server


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return FIRST.index(folder) if folder in FIRST else len(FIRST)
