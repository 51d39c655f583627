"""What the proof for Kagenti demands of the installation's collector, and in which order it does things."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import HarnessError
from harness.proofs.kagenti import __main__ as proof
from harness.proofs.kagenti import attachment
from harness.proofs.kagenti.attachment import MANAGER, Attachment

OUR_ARGUMENT = "--config=/etc/otelcol-mlflow/mlflow.yaml"
OUR_VARIABLE = {"name": "MLFLOW_EXPERIMENT_ID"}


@dataclass
class Installation:
    """Answers what kubectl is asked about an installation, and keeps its other commands."""

    container: dict[str, Any] = field(default_factory=lambda: {"name": "otel-collector"})
    config: str = "exporters: {}"
    managers: list[str] = field(default_factory=lambda: ["helm"])
    generations: list[int] = field(default_factory=lambda: [1, 1])
    left: str = ""
    commands: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str) -> str:
        """Return what kubectl prints."""
        if arguments[0] != "get":
            self.commands.append(" ".join(arguments))
            return ""
        kind, name = arguments[1:3]
        if kind == attachment.LEFT_OVER:
            return self.left
        if kind == "configmap":
            return json.dumps({"data": {"base.yaml": self.config}})
        if kind == "service":
            return json.dumps({"spec": {"ports": [{"port": 8335}]}})
        if name == "mlflow":
            return json.dumps({"metadata": {"generation": self.generations.pop(0)}})
        metadata = {"managedFields": [{"manager": name} for name in self.managers]}
        spec = {"template": {"spec": {"containers": [self.container]}}}
        return json.dumps({"metadata": metadata, "spec": spec})


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Put an installation in kubectl's place."""
    made = Installation()
    monkeypatch.setattr(attachment, "kubectl", made)
    return made


@pytest.fixture
def deployed(installation: Installation) -> Attachment:
    """Return an attachment whose overlay is applied."""
    made = Attachment(Path("overlay"))
    made.deploy()
    assert [command.split()[0] for command in installation.commands] == ["apply", "rollout", "apply"]
    return made


def test_an_overlay_that_changes_mlflow_when_it_is_applied_again_is_reported(
    installation: Installation,
) -> None:
    installation.generations = [1, 2]
    with pytest.raises(HarnessError, match="a second time changes MLflow's Deployment"):
        Attachment(Path("overlay")).deploy()


def test_a_collector_with_our_fields_is_attached(installation: Installation, deployed: Attachment) -> None:
    installation.container |= {"args": [OUR_ARGUMENT], "env": [OUR_VARIABLE]}
    installation.managers.append(MANAGER)
    deployed.check_attached()


def test_all_that_a_collector_lacks_to_be_attached_is_reported(
    installation: Installation, deployed: Attachment
) -> None:
    installation.config = "exporters: {otlphttp/mlflow: {}}"
    with pytest.raises(HarnessError) as error:
        deployed.check_attached()
    assert str(error.value) == (
        "The collector is not attached as it was: it lacks our arguments, it lacks our variable, "
        "or has others, llm-observability manages none of its fields, its own config has something of ours."
    )


def test_a_collector_that_is_not_as_before_is_reported(
    installation: Installation, deployed: Attachment
) -> None:
    deployed.check_detached()
    installation.managers.append(MANAGER)
    with pytest.raises(HarnessError, match="llm-observability still manages fields"):
        deployed.check_detached()
    installation.container["args"] = [OUR_ARGUMENT]
    with pytest.raises(HarnessError, match=r"The collector's spec is now .*mlflow.yaml.*, before it was"):
        deployed.check_detached()


def test_what_removing_leaves_behind_is_reported(installation: Installation, deployed: Attachment) -> None:
    deployed.remove()
    installation.left = "secret/mlflow-database\nconfigmap/mlflow-experiment\n"
    with pytest.raises(
        HarnessError, match="leaves behind secret/mlflow-database, configmap/mlflow-experiment"
    ):
        deployed.remove()


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


def test_every_part_detaches_and_removes_what_it_attached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "RESULTS", tmp_path)
    parts = proof.steps_of_parts("embedded")
    assert tuple(parts) == proof.PARTS
    for steps in parts.values():
        names = [name for name, _ in steps]
        assert names[-3:] == ["Detach", "The collector is as before", "Remove MLflow"]
        for number, name in enumerate(names):
            if name.startswith(("Upgrade with", "Upgrade Helm", "A chart with")):
                assert names[number + 1] == "The collector is still attached"
                assert names[number + 2] == "A question's trace is whole in both backends"
