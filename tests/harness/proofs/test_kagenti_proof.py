"""What the proof of the attachment demands of an installation, and in which order it does things."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.attach.ours import MANAGER
from harness.common.errors import HarnessError
from harness.common.manifests import PART_OF, STACK
from harness.proofs.kagenti import __main__ as proof
from harness.proofs.kagenti import attachment, snapshot
from harness.proofs.kagenti.attachment import OUR_ARGUMENT, OUR_VARIABLE, Attachment
from harness.proofs.kagenti.snapshot import Snapshot

MLFLOW = "Deployment rossoctl-system/mlflow"
COLLECTOR = "Deployment rossoctl-system/otel-collector"
ADDED = "Service rossoctl-system/llm-observability-mlflow"


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """Return an object of the installation, with what changes by itself."""
    metadata = {
        "name": name,
        "namespace": "rossoctl-system",
        "resourceVersion": "1",
        "generation": 1,
        "labels": {"app": name},
        "annotations": {snapshot.REVISION: "1", "checksum/config": "a"},
        "managedFields": [
            {"manager": "helm", "operation": "Update", "time": "now", "fieldsV1": {"f:spec": {}}},
            {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:status": {}}},
        ],
    }
    return {"kind": kind, "metadata": metadata, "spec": {"replicas": 1}, "status": {"ready": 1}} | more


@dataclass
class Installation:
    """Answers what kubectl is asked about an installation."""

    objects: list[dict[str, Any]] = field(
        default_factory=lambda: [thing("Deployment", "mlflow"), thing("Deployment", "otel-collector")]
    )
    generations: list[int] = field(default_factory=lambda: [1] * 4)
    container: dict[str, Any] = field(default_factory=lambda: {"name": "otel-collector"})
    managers: list[str] = field(default_factory=lambda: ["helm"])

    def __call__(self, *arguments: str) -> str:
        """Return what kubectl prints."""
        if arguments[0] == "api-resources":
            return "deployments.apps\nservices\n"
        if arguments[1] == "deployment":
            managed = [{"manager": name} for name in self.managers]
            generation = self.generations.pop(0) if "--show-managed-fields" not in arguments else 1
            metadata = {"generation": generation, "managedFields": managed}
            return json.dumps(
                {"metadata": metadata, "spec": {"template": {"spec": {"containers": [self.container]}}}}
            )
        namespace = arguments[arguments.index("--namespace") + 1]
        items = [each for each in self.objects if each["metadata"]["namespace"] == namespace]
        return json.dumps({"items": items})


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Put an installation in kubectl's place; the commands of the page succeed and do nothing."""
    made = Installation()
    for module in (attachment, snapshot):
        monkeypatch.setattr(module, "kubectl", made)
    monkeypatch.setattr(attachment, "attach", lambda _: 0)
    monkeypatch.setattr(attachment, "read_all", lambda *_: made.objects)
    return made


@pytest.fixture
def remembered(installation: Installation) -> Attachment:
    """Return an attachment that has seen the installation."""
    assert installation.objects
    made = Attachment(Path("overlay"), proof.TODAY)
    made.remember()
    return made


def test_the_page_has_the_commands_that_the_proof_runs() -> None:
    assert attachment.read_commands() == ["check", "apply", "remove"]


def test_a_command_that_fails_ends_the_proof(remembered: Attachment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachment, "attach", lambda _: 1)
    with pytest.raises(HarnessError, match=r"`python -m harness\.attach remove` failed"):
        remembered.remove()


def test_applying_twice_must_change_nothing(installation: Installation, remembered: Attachment) -> None:
    remembered.apply()
    installation.generations = [1, 1, 2, 1]
    with pytest.raises(HarnessError, match="a second time changes MLflow's Deployment or the collector's"):
        remembered.apply()


def test_what_moves_by_itself_is_no_difference(installation: Installation, remembered: Attachment) -> None:
    for each in installation.objects:
        each["metadata"] |= {"resourceVersion": "2", "generation": 3}
        each["metadata"]["annotations"][snapshot.REVISION] = "3"
        each["metadata"]["managedFields"][0]["time"] = "later"
        each["metadata"]["managedFields"][1]["fieldsV1"] = {}
        each["status"] = {"ready": 0}
    installation.objects.append(thing("Pod", "otel-collector-1"))
    remembered.check()
    remembered.check_removed()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda objects: objects.pop(0), f"{MLFLOW} is gone"),
        (lambda objects: objects.append(thing("Secret", "left")), "Secret rossoctl-system/left is new"),
        (lambda objects: objects[0]["spec"].update(replicas=2), ".spec.replicas is 2, was 1"),
        (
            lambda objects: objects[0]["metadata"]["labels"].update(a="b"),
            '.metadata.labels.a is "b", was null',
        ),
        (
            lambda objects: objects[0]["metadata"]["annotations"].clear(),
            ".metadata.annotations.checksum/config",
        ),
        (lambda objects: objects[0]["metadata"]["managedFields"].pop(0), ".managedFields.helm by Update"),
    ],
)
def test_every_other_difference_is_reported(
    installation: Installation,
    remembered: Attachment,
    change: Callable[[list[dict[str, Any]]], object],
    sentence: str,
) -> None:
    change(installation.objects)
    for judge in (remembered.check_removed, remembered.check, remembered.check_rest):
        with pytest.raises(HarnessError) as error:
            judge()
        assert sentence in str(error.value)


def test_only_the_collector_may_change_while_attached(
    installation: Installation, remembered: Attachment
) -> None:
    installation.objects[1]["spec"] = {"replicas": 1, "args": []}
    added = thing("Service", "llm-observability-mlflow")
    added["metadata"] |= {
        "labels": {PART_OF: STACK},
        "managedFields": [{"manager": MANAGER, "operation": "Apply"}],
    }
    installation.objects.append(added)
    remembered.check_rest()
    with pytest.raises(HarnessError, match=f"{ADDED} is new; {COLLECTOR} changed"):
        remembered.check_removed()


def test_what_helm_writes_anew_is_no_difference_after_upgrades(
    installation: Installation, remembered: Attachment
) -> None:
    installation.objects.append(thing("Secret", "sh.helm.release.v1.x.v2", type=snapshot.HELM_RELEASE))
    installation.objects[0]["metadata"]["managedFields"].pop(0)
    remembered.check_removed_after_upgrades()
    installation.managers.append(MANAGER)
    with pytest.raises(HarnessError, match="still manages fields"):
        remembered.check_removed_after_upgrades()
    installation.objects[0]["spec"] = {}
    with pytest.raises(HarnessError, match=r"not as before: .*\.spec\.replicas is null, was 1"):
        remembered.check_removed_after_upgrades()


def test_a_collector_with_our_fields_is_attached(installation: Installation, remembered: Attachment) -> None:
    installation.container |= {"args": [OUR_ARGUMENT], "env": [{"name": OUR_VARIABLE}]}
    installation.managers.append(MANAGER)
    remembered.check_attached()


@pytest.mark.usefixtures("installation")
def test_all_that_a_collector_lacks_to_be_attached_is_reported(remembered: Attachment) -> None:
    with pytest.raises(HarnessError) as error:
        remembered.check_attached()
    assert str(error.value) == (
        "The collector is not attached as it was: it lacks our arguments, it lacks our variable, "
        "or has others, llm-observability manages none of its fields."
    )


def test_differences_are_found_in_both_directions() -> None:
    one: Snapshot = {"a": {"spec": {"x": [1]}}}
    assert snapshot.find_differences(one, copy.deepcopy(one)) == []
    assert snapshot.find_differences(one, {"b": {}}) == ["a is gone", "b is new"]
    assert snapshot.find_differences(one, {"a": {}}, ["a"]) == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('conflict with "llm-observability" using apps/v1: .spec.template.spec.containers.args', ""),
        ("the API server does not answer", "stopped for another reason"),
        (None, "without a conflict"),
    ],
)
def test_helm_4_must_stop_at_our_arguments(
    monkeypatch: pytest.MonkeyPatch, answer: str | None, problem: str
) -> None:
    def install(*_: object) -> None:
        if answer:
            raise HarnessError(answer)

    monkeypatch.setattr(proof, "install", install)
    if problem:
        with pytest.raises(HarnessError, match=problem):
            proof.check_conflict()
    else:
        proof.check_conflict()


def test_every_part_removes_what_it_brought_and_compares_with_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "RESULTS", tmp_path)
    parts = proof.steps_of_parts("embedded")
    assert tuple(parts) == proof.PARTS
    for part, steps in parts.items():
        names = [name for name, _ in steps]
        looked, removed = names.index("Look at all objects"), names.index("Remove what is ours")
        compared = "Every object is as before" if part == "second" else "The installation is as before"
        assert looked < removed == names.index(compared) - 1
        for number, name in enumerate(names):
            if name.startswith(("Upgrade with", "Upgrade Helm", "A chart with")):
                assert names[number + 1] == "The collector is still attached"
                assert names[number + 2] == "A question's trace is whole in both backends"
