"""Which faults the command runs, which it leaves out and why, and what it writes."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import INTERRUPTED, HarnessError
from harness.faults import __main__ as command
from harness.faults.catalogue import Expected, Fault, read_catalogue
from harness.faults.changes import HealingError, heal_what_was_left
from harness.faults.judging import Outcome
from harness.faults.stack import Stack
from tests.harness.faults.fake_cluster import Cluster

SCALED = Fault(
    "collector-stopped",
    "It is scaled to 0.",
    [{"patch": "otel-collector", "with": {"spec": {"replicas": 0}}}],
    Expected("otel-collector", ["does not run"]),
    {"The Collector Is Ready": []},
)
NAMED = Outcome(SCALED, "otel-collector", "otel-collector does not run", 3.1)


@dataclass(frozen=True)
class Deployed:
    """What is deployed, of which the command wants no more."""

    environment: dict[str, str]
    namespaces: dict[str, str] = field(default_factory=dict)


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["faults", *arguments])
    return command.main()


def chosen(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["faults", *arguments])
    return [fault.name for fault in command.choose(command.parse_arguments())]


def test_the_default_is_the_whole_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [fault.name for fault in read_catalogue()]
    assert sorted(chosen(monkeypatch)) == sorted(every)
    assert chosen(monkeypatch, "wrong-login", "agent-samples", "no-second-try", "filter-not-counted") == [
        "wrong-login", "filter-not-counted", "agent-samples", "no-second-try",
    ]  # fmt: skip
    smoke = {fault.name for fault in read_catalogue() if fault.smoke}
    assert set(chosen(monkeypatch, "--smoke")) == smoke
    assert chosen(monkeypatch, "--shard", "2/3") == chosen(monkeypatch)[1::3]


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "one/3"])
def test_a_part_that_there_is_not_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    with pytest.raises(SystemExit):
        chosen(monkeypatch, "--shard", part)
    assert "is not a part such as 1/3" in capsys.readouterr().err


def test_an_unknown_name_is_reported(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "nothing") == 1
    assert "No fault is named 'nothing'; choose from " in capsys.readouterr().err
    assert not cluster.done


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (SCALED, ""),
        (replace(SCALED, installed=True), "the stack is ours"),
        (
            replace(SCALED, needs={"high-availability": "poddisruptionbudget/otel-collector"}),
            "it needs components/high-availability, and namespace kagenti-system has no poddisruptionbudget/",
        ),
        (
            replace(SCALED, needs={"openshift-routes": "route/unknown-kind"}),
            "it needs components/openshift-routes, and namespace kagenti-system has no route/unknown-kind",
        ),
        (replace(SCALED, changes=[{"delete": "system/httproute/mlflow"}]), "There is no httproute/mlflow in"),
    ],
)
def test_what_does_not_fit_is_left_out_with_the_reason(cluster: Cluster, fault: Fault, reason: str) -> None:
    assert command.why_left_out(fault, Stack()).startswith(reason)
    assert bool(reason) == bool(command.why_left_out(fault, Stack()))
    assert not cluster.done


def test_faults_of_an_installation_are_for_what_is_not_ours(cluster: Cluster) -> None:
    cluster.labels = {}
    assert command.why_left_out(SCALED, Stack()) == "the stack is of an installation"
    assert not command.why_left_out(replace(SCALED, installed=True), Stack())


def run_with(monkeypatch: pytest.MonkeyPatch, outcome: Outcome, *arguments: str) -> int:
    monkeypatch.setattr(command, "read_catalogue", lambda: [SCALED])
    monkeypatch.setattr(command, "run_tests", lambda *_: None)
    monkeypatch.setattr(command, "judge", lambda *_: outcome)
    return call(monkeypatch, *arguments)


def test_a_named_fault_is_in_the_table_the_json_and_the_page(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, NAMED) == 0
    printed = capsys.readouterr().out
    assert "collector-stopped  named     3.1 s  otel-collector     otel-collector does not run" in printed
    assert (
        "1 fault was run: 1 found, 1 named, 0 with a false alarm. Diagnosis after 3.1 s (median)" in printed
    )
    written = json.loads((results / "faults.json").read_text(encoding="utf-8"))
    assert written["score"]["named"] == 1
    assert written["faults"][0]["subject"] == "otel-collector"
    assert "<a href='collector-stopped/report.html'>" in (results / "faults.html").read_text(encoding="utf-8")
    assert [each[0] for each in cluster.done] == ["patch", "replace"]


def test_a_run_that_breaks_nothing_leaves_the_report_of_the_one_before(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, NAMED) == 0

    def without_cluster() -> None:
        raise HarnessError("No cluster answers.")

    monkeypatch.setattr(command, "find_deployed", without_cluster)
    cluster.done.clear()
    assert call(monkeypatch) == 1
    assert capsys.readouterr().err == "Error: No cluster answers.\n"
    assert json.loads((results / "faults.json").read_text(encoding="utf-8"))["score"]["run"] == 1
    assert not cluster.done


@pytest.mark.usefixtures("cluster")
def test_the_suites_find_the_namespaces_and_the_stand_ins_of_what_is_deployed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployed = Deployed({"ROUTER_ADDRESS": "10.0.0.1:443"}, {"AGENTS_NAMESPACE": "team1"})
    seen: list[Any] = []

    def run_tests(_: object, __: object, ___: object, variables: dict[str, str], limits: object) -> None:
        del limits
        seen.extend([os.environ["ROUTER_ADDRESS"], variables])

    monkeypatch.setattr(command, "find_deployed", lambda: deployed)
    monkeypatch.setattr(command, "read_catalogue", lambda: [SCALED])
    monkeypatch.setattr(command, "run_tests", run_tests)
    monkeypatch.setattr(command, "judge", lambda *_: NAMED)
    assert call(monkeypatch, "--variable", "CITY:Rome") == 0
    assert seen == ["10.0.0.1:443", {"AGENTS_NAMESPACE": "team1", "CITY": "Rome"}]
    assert "ROUTER_ADDRESS" not in os.environ


@pytest.mark.usefixtures("cluster")
def test_each_fault_is_run_on_the_first_stack_that_it_fits(
    monkeypatch: pytest.MonkeyPatch, results: Path
) -> None:
    for_installations = replace(SCALED, name="installed-collector-stopped", installed=True)
    not_found = replace(SCALED, name="without-its-witness", needs={"mlflow-oidc": "route/unknown-kind"})
    for_nobody = replace(SCALED, name="of-another", needs={"x": "route/unknown-kind"})
    deployed: list[str] = []
    monkeypatch.setattr(command, "read_catalogue", lambda: [SCALED, for_installations, not_found, for_nobody])
    monkeypatch.setattr(command, "deploy", lambda stack, _: deployed.append(stack.overlay))
    monkeypatch.setattr(Stack, "is_ours", lambda _: deployed[-1] == "")
    monkeypatch.setattr(command, "run_tests", lambda *_: None)
    monkeypatch.setattr(command, "judge", lambda fault, _: replace(NAMED, fault=fault))
    assert call(monkeypatch, "--every-stack") == 0
    assert deployed == ["", "installed", ""]
    written = json.loads((results / "faults.json").read_text(encoding="utf-8"))["faults"]
    assert {each["name"]: bool(each["left_out"]) for each in written} == {
        "collector-stopped": False,
        "installed-collector-stopped": False,
        "of-another": True,
        "without-its-witness": True,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"missed": ["'x' did not fail: PASS"]}, "not found"),
        ({"unnamed": ["The diagnosis does not say 'x': y"]}, "not named"),
        ({"false_alarms": ["'x' must stay green: FAIL"]}, "false alarm"),
    ],
)
def test_one_that_is_not_right_is_a_failure_and_says_what_was_expected(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    said: str,
) -> None:
    assert run_with(monkeypatch, replace(NAMED, **change)) == 1
    printed = capsys.readouterr().out
    assert said in printed
    assert "expected  otel-collector: does not run" in printed
    assert cluster.done


def test_naming_a_fault_that_does_not_fit_is_a_failure(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.labels = {}
    assert run_with(monkeypatch, NAMED, "collector-stopped") == 1
    assert "left out: the stack is of an installation" in capsys.readouterr().out


def test_an_interrupted_run_heals_and_reports_what_it_has(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, results: Path
) -> None:
    def judge(fault: Fault, _: object) -> Outcome:
        if fault is SCALED:
            return NAMED
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "read_catalogue", lambda: [SCALED, replace(SCALED, name="another")])
    monkeypatch.setattr(command, "run_tests", lambda *_: None)
    monkeypatch.setattr(command, "judge", judge)
    assert call(monkeypatch) == INTERRUPTED
    assert [each[0] for each in cluster.done] == ["patch", "replace", "patch", "replace"]
    assert json.loads((results / "faults.json").read_text(encoding="utf-8"))["score"]["run"] == 1


def test_a_fault_that_is_not_healed_ends_the_run(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.failing = {"replace"}
    outcomes: list[Outcome] = []
    monkeypatch.setattr(command, "run_tests", lambda *_: None)
    with pytest.raises(HealingError):
        command.run_all([SCALED, SCALED], Stack(), {}, None, outcomes)
    assert [outcome.verdict for outcome in outcomes] == ["not run"]
    cluster.failing = set()
    heal_what_was_left(command.RESULTS)
    assert "An earlier run was killed" in capsys.readouterr().out


def test_a_fault_that_cannot_be_made_counts_as_not_run(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.failing = {"patch"}
    assert run_with(monkeypatch, NAMED) == 1
    assert "not run: `kubectl patch` failed" in capsys.readouterr().out
