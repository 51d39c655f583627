"""Each kind of change is made by one kubectl command, and healed from what was read before."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import HarnessError, Terminated, stop_when_terminated
from harness.faults.catalogue import Expected, Fault
from harness.faults.changes import (
    HealingError,
    Journal,
    broken,
    clean,
    heal_what_was_left,
    plan,
    wait_until_healed,
)
from harness.faults.stack import Stack
from tests.harness.faults.fake_cluster import Cluster

SCALED = {"patch": "otel-collector", "with": {"spec": {"replicas": 0}}}
PLACE = ("deployment", "program", "--namespace=kagenti-system")


def fault(*changes: dict[str, Any], rolls_out: bool = True) -> Fault:
    return Fault("name", "Breaks.", changes, Expected("", ["text"]), {"test": []}, rolls_out=rolls_out)


def patch_of(arguments: tuple[str, ...]) -> dict[str, Any]:
    patch: dict[str, Any] = json.loads(arguments[-1].removeprefix("--patch="))
    return patch


def test_a_workload_is_patched_by_name_and_replaced_by_what_it_was(cluster: Cluster) -> None:
    step = plan(SCALED, Stack())
    assert step.make == ("patch", *PLACE, "--type=strategic", '--patch={"spec": {"replicas": 0}}')
    assert step.heal == ("replace", "--filename={kept}")
    assert step.kept == cluster.workload


def test_a_container_is_patched_by_the_name_of_the_first(cluster: Cluster) -> None:
    assert cluster.container["name"] == "otelcol"
    step = plan({"patch": "otel-collector", "container": {"image": "none"}}, Stack())
    assert patch_of(step.make)["spec"]["template"]["spec"]["containers"] == [
        {"name": "otelcol", "image": "none"}
    ]


@pytest.mark.parametrize("key", ["command", "args"])
def test_configuration_is_one_more_option_of_the_collector(cluster: Cluster, key: str) -> None:
    cluster.container = {"name": "otelcol", "command": ["/program"], key: ["--config=a.yaml"]}
    step = plan({"configure": {"exporters": {"x": None}}}, Stack())
    container = patch_of(step.make)["spec"]["template"]["spec"]["containers"][0]
    assert container[key] == ["--config=a.yaml", '--config=yaml:{"exporters": {"x": null}}']


def test_a_collector_with_its_command_line_in_the_image_is_reported(cluster: Cluster) -> None:
    cluster.container = {"name": "otelcol"}
    with pytest.raises(HarnessError, match=r"deployment/program .* has its command line in its image"):
        plan({"configure": {}}, Stack())


def test_another_object_is_patched_as_its_kind_allows(cluster: Cluster) -> None:
    cluster.objects["httproute/mlflow"] = {"apiVersion": "gateway.networking.k8s.io/v1", "metadata": {}}
    step = plan({"patch": "system/httproute/mlflow", "with": {"spec": {}}}, Stack())
    assert "--type=merge" in step.make
    assert step.workload is None


def test_the_configmap_of_a_volume_is_found_by_the_volumes_name(cluster: Cluster) -> None:
    cluster.objects["configmap/config-1a2b"] = {"apiVersion": "v1", "metadata": {}}
    step = plan({"patch": "otel-collector/volume/config", "with": {"data": {}}}, Stack())
    assert step.make[1:3] == ("configmap", "config-1a2b")
    with pytest.raises(HarnessError, match="mounts no ConfigMap or Secret as volume other"):
        plan({"patch": "otel-collector/volume/other", "with": {}}, Stack())


def test_a_deleted_object_is_created_again(cluster: Cluster) -> None:
    cluster.objects["httproute/mlflow"] = {"apiVersion": "v1", "metadata": {}}
    step = plan({"delete": "system/httproute/mlflow"}, Stack())
    assert step.make == ("delete", "httproute", "mlflow", "--namespace=kagenti-system")
    assert step.heal == ("create", "--filename={kept}")
    with pytest.raises(HarnessError, match="There is no httproute/other in namespace kagenti-system"):
        plan({"delete": "system/httproute/other"}, Stack())


def test_a_created_object_is_deleted_and_never_one_that_was_there(cluster: Cluster) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "fault", "namespace": "system"},
    }
    step = plan({"create": policy}, Stack())
    reference = ("networkpolicy.networking.k8s.io", "fault", "--namespace=kagenti-system")
    assert json.loads(step.text)["metadata"]["namespace"] == "kagenti-system"
    assert step.heal == ("delete", *reference, "--ignore-not-found")
    cluster.objects["networkpolicy.networking.k8s.io/fault"] = policy
    with pytest.raises(HarnessError, match="There is already networkpolicy"):
        plan({"create": policy}, Stack())


def test_a_command_in_a_pod_is_healed_by_its_opposite(cluster: Cluster) -> None:
    assert cluster.container["name"] == "otelcol"
    step = plan({"exec": "otel-collector", "command": ["on"], "undo": ["off", "now"]}, Stack())
    place = ("exec", "deployment/program", "--namespace=kagenti-system", "--container=otelcol", "--")
    assert (step.make, step.heal) == ((*place, "on"), (*place, "off", "now"))


def test_a_namespace_stands_where_its_setting_is_named(cluster: Cluster) -> None:
    cluster.namespaces = ["elsewhere"]
    step = plan({"exec": "otel-collector", "command": ["${SYSTEM_NAMESPACE}"], "undo": []}, Stack())
    assert step.make[-1] == "elsewhere"


def test_what_the_server_writes_is_not_given_back(cluster: Cluster) -> None:
    cleaned = clean(cluster.workload)
    assert "status" not in cleaned
    assert cleaned["metadata"].keys() == {"name", "namespace", "labels"}
    assert cleaned["spec"] == cluster.workload["spec"]


def test_changes_are_healed_in_the_opposite_order(cluster: Cluster, tmp_path: Path) -> None:
    run = {"exec": "otel-collector", "command": ["on"], "undo": ["off"]}
    kept = tmp_path / "unhealed" / "1.json"
    with broken(fault(SCALED, run), Stack(), tmp_path):
        assert [each[0] for each in cluster.done] == ["patch", "exec"]
        assert json.loads(kept.read_text(encoding="utf-8")) == clean(cluster.workload)
        assert kept.stat().st_mode & 0o777 == 0o600
    assert [each[0] for each in cluster.done[2:]] == ["exec", "replace"]
    assert cluster.done[3] == ("replace", f"--filename={kept}")
    assert not kept.exists()
    assert not (tmp_path / "unhealed.json").exists()


def test_a_command_waits_for_what_the_change_before_it_rolls_out(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[list[str]] = []
    monkeypatch.setattr(
        Stack, "wait_until_settled", lambda *_: done.append([each[0] for each in cluster.done])
    )
    run = {"exec": "otel-collector", "command": ["on"], "undo": ["off"]}
    with broken(fault(SCALED, run), Stack(), tmp_path):
        assert done == [["patch"], ["patch", "exec"]]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Terminated, RuntimeError])
def test_a_fault_is_healed_whatever_happens(
    cluster: Cluster, tmp_path: Path, stop: type[BaseException]
) -> None:
    with pytest.raises(stop), broken(fault(SCALED), Stack(), tmp_path):
        raise stop
    assert cluster.done[-1][0] == "replace"


def test_what_was_done_of_a_fault_that_cannot_be_made_is_healed(cluster: Cluster, tmp_path: Path) -> None:
    missing = {"delete": "system/httproute/other"}
    with (
        pytest.raises(HarnessError, match="There is no httproute/other"),
        broken(fault(SCALED, missing), Stack(), tmp_path),
    ):
        pass
    assert [each[0] for each in cluster.done] == ["patch", "replace"]


def test_what_cannot_be_healed_is_reported_with_the_command_and_left_to_the_next_run(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.failing = {"replace"}
    command = f"kubectl replace --filename={tmp_path}/unhealed/1.json"
    with pytest.raises(HealingError, match=command), broken(fault(SCALED), Stack(), tmp_path):
        pass
    assert Journal(tmp_path).commands == [command]
    cluster.failing = set()
    heal_what_was_left(tmp_path)
    assert cluster.done[-1][0] == "replace"
    assert Journal(tmp_path).commands == []


@pytest.mark.parametrize("answer", ["AlreadyExists", "NotFound"])
def test_what_needs_no_healing_any_more_is_healed(cluster: Cluster, tmp_path: Path, answer: str) -> None:
    cluster.failing, cluster.answer = {"replace"}, f": Error from server ({answer}): none"
    with broken(fault(SCALED), Stack(), tmp_path):
        pass
    assert Journal(tmp_path).commands == []


def test_what_was_left_in_another_cluster_is_not_healed_in_this_one(cluster: Cluster, tmp_path: Path) -> None:
    left = {"context": "another", "commands": [["replace", "--filename=x"]]}
    (tmp_path / "unhealed.json").write_text(json.dumps(left), encoding="utf-8")
    heal_what_was_left(tmp_path)
    assert cluster.done == []


def test_a_stack_that_does_not_settle_again_ends_the_run(cluster: Cluster, tmp_path: Path) -> None:
    stack = Stack()
    with broken(fault(SCALED), stack, tmp_path):
        cluster.status = cluster.status | {"availableReplicas": 0}
    with pytest.raises(HealingError, match="Every change is healed, but the stack is not well"):
        wait_until_healed(stack)
    wait_until_healed(stack)  # it has been said


def test_a_fault_that_must_not_roll_out_is_judged_once_its_controller_knows(
    cluster: Cluster, tmp_path: Path
) -> None:
    with broken(fault(SCALED, rolls_out=False), Stack(), tmp_path):
        assert cluster.done
    cluster.status = {"observedGeneration": 1}
    with broken(fault(SCALED, rolls_out=False), Stack(), tmp_path):
        assert cluster.done
    with pytest.raises(HarnessError, match="is not rolled out"), broken(fault(SCALED), Stack(), tmp_path):
        pytest.fail("it is not judged")


def verbs_and_waits(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, folder: Path, *faults: Fault
) -> list[str]:
    """Return what is done to the cluster, with `well` where the whole stack is waited for."""

    def note(_: Stack) -> None:
        cluster.done.append(("well",))

    monkeypatch.setattr(Stack, "wait_until_well", note)
    stack = Stack()
    for each in faults:
        with broken(each, stack, folder):
            cluster.done.append(("judge",))
    wait_until_healed(stack)
    return [each[0] for each in cluster.done]


def test_the_healing_of_a_fault_and_the_change_of_the_next_are_one_roll_out(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ["patch", "judge", "replace"]
    assert verbs_and_waits(cluster, monkeypatch, tmp_path, fault(SCALED), fault(SCALED)) == [
        *one, *one, "well",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (fault(SCALED), fault({"delete": "system/httproute/mlflow"})),  # needs what is still healed
        (fault(SCALED), fault(SCALED, rolls_out=False)),  # the pods before it must be healthy ones
        (fault({"delete": "system/httproute/mlflow"}), fault(SCALED)),  # nothing says when it is healed
        (replace(fault(SCALED), disruptive=True), fault(SCALED)),
        (fault(SCALED), fault({"exec": "otel-collector", "command": ["on"], "undo": ["off"]}, SCALED)),
    ],
)
def test_any_other_fault_waits_until_the_one_before_it_is_healed(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Fault, second: Fault
) -> None:
    cluster.objects["httproute/mlflow"] = {"apiVersion": "v1", "metadata": {}}
    done = verbs_and_waits(cluster, monkeypatch, tmp_path, first, second)
    healed = done.index("judge") + len(first.changes) + first.disruptive
    assert done[healed + 1] == "well"


@pytest.mark.parametrize("metrics", ['otelcol_exporter_queue_size{exporter="x"} 10', None])
def test_spans_that_may_wait_in_the_collector_are_sent_before_the_next_fault(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: str | None
) -> None:
    cluster.metrics = metrics or ""
    cluster.pods = cluster.pods if metrics else []
    monkeypatch.setattr(Stack, "wait_until_settled", lambda *_: None)
    done = verbs_and_waits(cluster, monkeypatch, tmp_path, fault(SCALED), fault(SCALED))
    assert done == ["patch", "judge", "replace", "well"] * 2


@pytest.mark.parametrize(
    ("hook", "patched"),
    [
        ({"sleep": {"seconds": 5}}, {"name": "otelcol", "lifecycle": {"preStop": None}, "image": "none"}),
        ({"exec": {"command": ["stop"]}}, {"name": "otelcol", "image": "none"}),
    ],
)
def test_the_pods_of_a_fault_end_at_once(
    cluster: Cluster, hook: dict[str, Any], patched: dict[str, Any]
) -> None:
    cluster.container["lifecycle"] = {"preStop": hook}
    change = {"patch": "otel-collector", "container": {"image": "none"}}
    step = plan(change, Stack(), ends_at_once=True)
    assert patch_of(step.make)["spec"]["template"]["spec"]["containers"] == [patched]


def test_the_scale_that_a_disruptive_test_may_leave_is_healed(cluster: Cluster, tmp_path: Path) -> None:
    with broken(replace(fault(SCALED), disruptive=True), Stack(), tmp_path):
        pass
    assert cluster.done[-1] == ("scale", *PLACE, "--replicas=1")


def test_healing_is_not_interrupted(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heal = Journal.heal

    def interrupted(journal: Journal) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        heal(journal)

    monkeypatch.setattr(Journal, "heal", interrupted)
    with broken(fault(SCALED), Stack(), tmp_path):
        pass
    assert cluster.done[-1][0] == "replace"


def test_sigterm_heals_as_ctrl_c_does(cluster: Cluster, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop_when_terminated()
    try:
        with pytest.raises(KeyboardInterrupt), broken(fault(SCALED), Stack(), tmp_path):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert cluster.done[-1][0] == "replace"
