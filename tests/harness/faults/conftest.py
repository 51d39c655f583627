"""A cluster in kubectl's place, for all that breaks and heals a stack."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from harness.common.errors import HarnessError
from harness.faults import __main__ as command
from harness.faults import changes, judging, settling, stack
from tests.harness.faults.fake_cluster import Cluster


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    for module in (stack, settling, changes, command):
        monkeypatch.setattr(module, "kubectl", made)
    for module in (changes, judging, command):
        monkeypatch.setattr(module, "current_context", lambda: "here")
    monkeypatch.setattr(command, "find_deployed", lambda: None)
    monkeypatch.setattr(command, "RobotAhead", lambda: nullcontext(SimpleNamespace(run=None)))
    monkeypatch.setattr(stack, "wait_for", _wait_without_patience)
    return made


def _wait_without_patience(condition: Callable[[], bool], limit: float, message: str) -> None:
    if not condition():
        raise HarnessError(f"{message} within {limit:.0f} s.")
