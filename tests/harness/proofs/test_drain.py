"""Whose nodes are drained."""

from pathlib import Path

import pytest

from harness import deployment
from harness.cluster import lifecycle
from harness.deployment import Deployment
from harness.proofs.drain import __main__ as drain


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """Return how Robot Framework is run; there is a kind cluster with high availability."""
    run: list[tuple[str, ...]] = []
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", str(tmp_path))
    (tmp_path / "provider").write_text("kind\n")
    monkeypatch.setattr(lifecycle, "environment", lambda _: {})
    monkeypatch.setattr(drain, "current_context", lambda: "kind-ours")

    def run_robot(*arguments: str, **_: object) -> int:
        run.append(arguments)
        return 0

    monkeypatch.setattr(drain, "run_robot", run_robot)
    deployed = Deployment("kind", ["high-availability"])
    monkeypatch.setattr(deployment, "find_deployed", lambda: deployed)
    return run


def test_the_context_to_disrupt_is_our_own_kind_cluster(ran: list[tuple[str, ...]]) -> None:
    assert drain.main([]) == 0
    (arguments,) = ran
    assert "DISRUPTIVE:kind-ours" in arguments
    assert arguments[-1] == str(drain.SUITE)
    assert drain.SUITE.exists()


def test_nodes_of_no_other_cluster_are_drained(
    ran: list[tuple[str, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "provider").write_text("embedded\n")
    assert drain.main([]) == 1
    assert "on a kind cluster only: tox -e e2e -- --nodes 3" in capsys.readouterr().err
    assert ran == []


@pytest.mark.parametrize("deployed", [None, Deployment("kind", [])])
def test_what_is_not_highly_available_is_not_drained(
    deployed: Deployment | None,
    ran: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(deployment, "find_deployed", lambda: deployed)
    assert drain.main([]) == 1
    assert "Deploy it first: tox -e e2e -- --nodes 3" in capsys.readouterr().err
    assert ran == []
