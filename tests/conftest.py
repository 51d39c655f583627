"""In how many processes the tests run, and in which order."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Folders with the files that take longest: what begins late ends alone.
FIRST = ("kustomize", "pod_programs", "harness", "learn")


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Take a process more than there are cores for `auto`: a third of the time tests wait for servers."""
    cores = yield
    return cores + 1 if config.option.numprocesses == "auto" else cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders FIRST before the others."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return FIRST.index(folder) if folder in FIRST else len(FIRST)
