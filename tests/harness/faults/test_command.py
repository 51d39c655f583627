"""Which faults the command runs, which it leaves out and why, and when one counts as found."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from robot.api import TestSuite as Suite

from harness.common.errors import HarnessError
from harness.faults import __main__ as command
from harness.faults import stack
from harness.faults.catalogue import CATALOGUES, Fault, read_catalogue
from harness.faults.stack import HealingError, Workload, broken

SAMPLER = Fault(
    "agent-samples", "breaks", "suite", "test", ["text"], agent={"OTEL_TRACES_SAMPLER": "always_off"}
)
NO_VARIABLES: dict[str, str] = {}
QUEUE = Fault(
    "queue-in-memory",
    "breaks",
    "suite",
    "test",
    ["text"],
    collector={"exporters": {}},
    needs={"high-availability": "poddisruptionbudget/otel-collector"},
)


@dataclass
class Cluster:
    """Answers what kubectl is asked, and keeps the patches."""

    container: dict[str, object] = field(default_factory=lambda: {"command": ["/program"], "env": []})
    workloads: int = 1
    objects: set[str] = field(default_factory=set)
    patches: list[object] = field(default_factory=list)
    failing_roll_outs: int = 0
    labels: dict[str, str] = field(default_factory=lambda: {"app.kubernetes.io/part-of": "llm-observability"})
    namespaces: list[str] = field(default_factory=lambda: ["kagenti-system"])

    def __call__(self, verb: str, *arguments: str) -> str:
        """Return what kubectl prints."""
        if verb == "patch":
            self.patches.append(json.loads(arguments[-1])[0]["value"])
        if verb == "rollout" and self.failing_roll_outs:
            self.failing_roll_outs -= 1
            raise HarnessError("kubectl rollout failed: timed out")
        if arguments[0] == "services":
            return json.dumps({"items": [{"metadata": {"namespace": name}} for name in self.namespaces]})
        if arguments[0] == "service":
            return json.dumps({"spec": {"selector": {"app": "program"}}})
        if arguments[0] == stack.KINDS:
            template = {"spec": {"containers": [self.container]}}
            metadata = {"name": "program", "labels": self.labels}
            workload = {"kind": "Deployment", "metadata": metadata, "spec": {"template": template}}
            return json.dumps({"items": [workload] * self.workloads})
        return arguments[0] if arguments[0] in self.objects else ""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(stack, "kubectl", made)
    monkeypatch.setattr(command, "current_context", lambda: "here")
    return made


def test_the_default_is_all_faults_of_all_catalogues() -> None:
    assert command.choose([], []) == [fault for name in CATALOGUES for fault in read_catalogue(name)]
    assert command.choose(["resilience"], []) == read_catalogue("resilience")


def test_a_fault_is_chosen_by_its_name_from_any_catalogue() -> None:
    assert [fault.name for fault in command.choose([], ["wrong-login", "agent-samples"])] == [
        "wrong-login",
        "agent-samples",
    ]
    with pytest.raises(HarnessError, match=r"No fault is named 'nothing'; choose from .*wrong-login"):
        command.choose([], ["nothing"])


def test_what_does_not_fit_is_left_out_with_the_reason(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "run", lambda *_: True)
    assert command.run_all([SAMPLER, QUEUE], NO_VARIABLES) == (["agent-samples"], [], ["queue-in-memory"])
    assert (
        "queue-in-memory: left out: it needs components/high-availability, "
        "and namespace kagenti-system has no poddisruptionbudget/otel-collector"
    ) in capsys.readouterr().out
    cluster.objects.add("poddisruptionbudget/otel-collector")
    assert command.run_all([QUEUE], NO_VARIABLES) == (["queue-in-memory"], [], [])


@pytest.mark.parametrize("container", [{"command": ["/program"], "args": ["--config=a.yaml"]}, {}])
def test_the_collector_of_another_owner_is_left_out(cluster: Cluster, container: dict[str, object]) -> None:
    cluster.container = container
    reason = stack.why_left_out(QUEUE, Workload("otel-collector"))
    assert "deployment/program has not its whole command line in `command`" in reason
    assert not stack.why_left_out(SAMPLER, Workload("weather-agent"))


def test_faults_of_an_installation_are_for_what_is_not_ours_and_all_others_for_ours(cluster: Cluster) -> None:
    ours, (installed, *_) = Workload("weather-agent"), read_catalogue("installation")
    assert stack.why_left_out(installed, ours) == "deployment/program is ours"
    cluster.labels = {"rossoctl.io/type": "agent"}
    theirs = Workload("weather-agent")
    assert stack.why_left_out(SAMPLER, theirs) == "deployment/program is of an installation"
    assert not stack.why_left_out(installed, theirs)


def test_naming_a_fault_that_does_not_fit_is_a_failure(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not cluster.objects
    monkeypatch.setattr(command, "run", lambda *_: True)
    monkeypatch.setattr(sys, "argv", ["faults", "agent-samples", "queue-in-memory"])
    assert command.main() == 1
    assert "Found 1 of 1 faults, left out 1: queue-in-memory." in capsys.readouterr().out


def test_a_fault_is_healed_whatever_happens(cluster: Cluster) -> None:
    workload = Workload("weather-agent")
    with pytest.raises(KeyboardInterrupt), broken(SAMPLER, workload):
        raise KeyboardInterrupt
    cluster.failing_roll_outs = 1
    with pytest.raises(HarnessError, match="timed out"), broken(SAMPLER, workload):
        pass
    assert cluster.patches == [[{"name": "OTEL_TRACES_SAMPLER", "value": "always_off"}], []] * 2


def test_a_fault_that_does_not_roll_out_counts_as_not_found(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.failing_roll_outs = 1
    assert command.run_all([SAMPLER], NO_VARIABLES) == ([], ["agent-samples"], [])
    assert "NOT FOUND: kubectl rollout failed: timed out" in capsys.readouterr().out


def test_the_output_of_an_earlier_run_is_not_judged(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not cluster.patches
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    earlier = tmp_path / SAMPLER.name / "output.xml"
    earlier.parent.mkdir()
    Suite.from_string("*** Test Cases ***\ntest\n    Fail    text\n").run(
        output=earlier, stdout=None, console="none"
    )
    assert command.was_found(SAMPLER, earlier)[0]
    assert not command.run(SAMPLER, Workload(SAMPLER.component), NO_VARIABLES)
    assert "NOT FOUND: robot did not run suite" in capsys.readouterr().out


def test_a_fault_that_is_not_healed_ends_the_run(cluster: Cluster) -> None:
    cluster.failing_roll_outs = 2
    with pytest.raises(HealingError, match="Fault agent-samples is not healed, apply the overlay again"):
        command.run_all([SAMPLER, SAMPLER], NO_VARIABLES)


def test_one_of_several_namespaces_must_be_chosen(cluster: Cluster) -> None:
    cluster.namespaces = ["rossoctl-system", "kagenti-system"]
    several = r"2 namespaces have Service otel-collector \(kagenti-system, rossoctl-system\): choose one with"
    with pytest.raises(HarnessError, match=several):
        Workload("otel-collector")
    assert Workload("otel-collector", {"SYSTEM_NAMESPACE": "kagenti-system"}).namespace == "kagenti-system"
    cluster.namespaces = []
    with pytest.raises(HarnessError, match=r"0 namespaces have Service weather-service \(none\)"):
        Workload("weather-agent")


def test_a_variable_of_the_command_line_chooses_for_the_fault_and_for_its_test(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.namespaces = ["team1", "team2"]
    runs: list[tuple[str, ...]] = []
    monkeypatch.setattr(command, "run_robot", lambda *options: runs.append(options))
    monkeypatch.setattr(sys, "argv", ["faults", "--variable", "AGENTS_NAMESPACE:team2", "agent-samples"])
    assert command.main() == 1
    assert "AGENTS_NAMESPACE:team2" in runs[0]


def test_a_component_that_is_not_one_workload_is_reported(cluster: Cluster) -> None:
    cluster.workloads = 2
    with pytest.raises(
        HarnessError, match=r"Service weather-service of weather-agent .* 2 deployment,statefulset"
    ):
        Workload("weather-agent")


@pytest.mark.parametrize(
    ("body", "found", "message"),
    [
        ("Fail    lost 3 spans in the filter", True, "lost 3 spans in the filter"),
        ("Fail    something else", False, "its message lacks 'lost 3'"),
        ("Log    all well", False, "did not fail"),
    ],
)
def test_a_fault_counts_as_found_by_its_test_and_its_message(
    tmp_path: Path, body: str, found: bool, message: str
) -> None:
    text = f"*** Test Cases ***\nSpans Arrive\n    {body}\n"
    Suite.from_string(text).run(output=tmp_path / "output.xml", stdout=None, console="none")
    fault = Fault("name", "breaks", "suite", "Spans Arrive", ["lost 3"])
    seen, reported = command.was_found(fault, tmp_path / "output.xml")
    assert seen is found
    assert message in reported
    assert not command.was_found(Fault("name", "", "", "Another", ["x"]), tmp_path / "output.xml")[0]


@pytest.mark.parametrize("disruptive", [True, False])
def test_a_disruptive_test_may_disrupt_the_context_that_is_broken(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, disruptive: bool
) -> None:
    runs: list[tuple[str, ...]] = []
    monkeypatch.setattr(command, "run_robot", lambda *options: runs.append(options))
    command.run(replace(SAMPLER, disruptive=disruptive), Workload("weather-agent"), NO_VARIABLES)
    assert cluster.patches
    assert ("DISRUPTIVE:here" in runs[0]) is disruptive
