"""What `tox -e e2e` deploys, and what of an earlier run makes way for it."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import e2e
from harness.e2e import Deployment, StepError

KIND = [["Namespace", "", "team1"], ["Service", "team1", "model"], ["Deployment.v1.apps", "other", "agent"]]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that would change the cluster, in order; none is run."""
    done: list[list[str]] = []
    monkeypatch.setattr(e2e, "in_cluster", lambda *command, **_: done.append(list(command)))
    monkeypatch.setattr(e2e, "run", lambda *command, **_: done.append(list(command)))
    return done


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: list[list[str]]) -> dict[str, Any]:
    """Let a test say what an earlier run deployed and what the overlay renders to; keep what is recorded."""
    state: dict[str, Any] = {"deployed": None, "things": [], "recorded": []}
    monkeypatch.setattr(e2e, "deployed_before", lambda: state["deployed"])
    monkeypatch.setattr(e2e, "render", lambda _: state["things"])
    monkeypatch.setattr(e2e, "record", state["recorded"].append)
    monkeypatch.setattr(e2e, "ROOT", tmp_path)
    assert commands == []
    return state


def service(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "team1"}}


@pytest.mark.parametrize(("kind", "name"), [("overlays", "kindd"), ("components", "mlflow-aut")])
def test_unknown_name_is_refused_with_those_that_there_are(kind: str, name: str) -> None:
    with pytest.raises(StepError, match=f"there is no {kind[:-1]} '{name}'; choose from: .*(kind|phoenix)"):
        e2e.folder_of(kind, name)


def test_plain_overlay_is_deployed_from_its_own_folder() -> None:
    assert e2e.write_overlay("embedded", [], "embedded") == e2e.KUSTOMIZE / "overlays" / "embedded"
    assert e2e.write_overlay("kind", [], "kind") == e2e.KUSTOMIZE / "overlays" / "kind"


@pytest.mark.parametrize("overlay", ["kind", "embedded"])
def test_components_come_on_top_and_images_last(
    overlay: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(e2e, "RESULTS", tmp_path)
    folder = e2e.write_overlay(overlay, ["genai-transform"], "embedded")
    written = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert [(folder / path).resolve().name for path in written["resources"]] == [overlay]
    assert [(folder / path).resolve().name for path in written["components"]] == [
        "genai-transform",
        "images",
        "built-images",
    ]


def test_objects_are_named_with_their_group() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"}}
    assert e2e.reference(role) == ["Role.v1.rbac.authorization.k8s.io", "", "a"]
    assert e2e.reference(service("model")) == ["Service", "team1", "model"]


def test_objects_of_a_namespace_that_goes_are_left_to_it(commands: list[list[str]]) -> None:
    e2e.remove(KIND)
    assert [command[2:4] for command in commands] == [["Deployment.v1.apps", "agent"], ["Namespace", "team1"]]


def test_a_claim_goes_after_the_workload_that_mounts_it(commands: list[list[str]]) -> None:
    e2e.remove([["PersistentVolumeClaim", "a", "queue"], ["Deployment.v1.apps", "a", "collector"]])
    assert [command[3] for command in commands] == ["collector", "queue"]


def test_another_overlay_makes_way_before(before: dict[str, Any], commands: list[list[str]]) -> None:
    before["deployed"] = Deployment("kind", [], KIND)
    before["things"] = [service("model")]
    e2e.deploy(Deployment("openshift", []), Path("folder"))
    assert [command[1] for command in commands] == ["delete", "delete", "up", "apply"]
    assert before["recorded"][-1] == Deployment("openshift", [], [["Service", "team1", "model"]])


def test_what_other_components_left_goes_afterwards(
    before: dict[str, Any], commands: list[list[str]]
) -> None:
    old, kept = ["Service", "team1", "old"], ["Service", "team1", "model"]
    before["deployed"] = Deployment("kind", ["mlflow-auth"], [old, kept])
    before["things"] = [service("model")]
    e2e.deploy(Deployment("kind", []), Path("folder"))
    assert [command[1] for command in commands] == ["apply", "delete"]
    assert commands[-1][2:4] == ["Service", "old"]
    first, last = before["recorded"]
    assert old in first.objects, "an interrupted run must not forget what it left"
    assert last.objects == [kept]


def test_stand_ins_come_before_and_go_when_nobody_wants_them(
    before: dict[str, Any], commands: list[list[str]], tmp_path: Path
) -> None:
    for name in ("openshift", "managed_postgres"):
        (tmp_path / "harness" / "stand_ins" / name).mkdir(parents=True)
        (tmp_path / "harness" / "stand_ins" / name / "stand_in.py").touch()
    before["deployed"] = Deployment("openshift", [], [])
    e2e.deploy(Deployment("kind", ["managed-postgres"]), Path("folder"))
    told = [
        (Path(command[1]).parent.name, command[2])
        for command in commands
        if command[0] not in ("kubectl", "harness.cluster")
    ]
    assert told == [("openshift", "down"), ("managed_postgres", "up")]


def test_what_is_attached_is_applied_by_fields_and_never_deleted(
    before: dict[str, Any], commands: list[list[str]]
) -> None:
    attach = e2e.KUSTOMIZE / "overlays" / "kagenti" / "attach"
    e2e.deploy(Deployment("kagenti", []), Path("folder"))
    applied = [command for command in commands if command[:2] == ["kubectl", "apply"]]
    assert applied == [
        ["kubectl", "apply", "--kustomize", "folder"],
        [*e2e.SERVER_SIDE, "--kustomize", str(attach)],
    ]
    before["deployed"] = Deployment("kagenti", [], [])
    e2e.deploy(Deployment("kind", []), Path("folder"))
    assert not [command for command in commands if "delete" in command and "otel-collector" in command]


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (0, "", ""),
        (
            1,
            "diff -u -N /tmp/LIVE-1/v1.Service.team1.model /tmp/MERGED-2/v1.Service.team1.model\n"
            "--- /tmp/LIVE-1/v1.Service.team1.model\n+++ /tmp/MERGED-2/v1.Service.team1.model\n",
            "a second `kubectl apply -k` would change v1.Service.team1.model",
        ),
    ],
)
def test_what_a_second_apply_would_change_is_named(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str, sentence: str
) -> None:
    program = f"import sys; print({said!r}, end=''); sys.exit({code})"
    monkeypatch.setattr(e2e, "KUBECTL", (sys.executable, "-c", program))
    assert e2e.changed_by_a_second_apply(Path("overlay")) == sentence


@pytest.mark.parametrize("code", [1, 2])
def test_a_second_apply_that_cannot_be_tried_is_an_error(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    program = f"import sys; print('no cluster', file=sys.stderr); sys.exit({code})"
    monkeypatch.setattr(e2e, "KUBECTL", (sys.executable, "-c", program))
    with pytest.raises(StepError, match="no cluster"):
        e2e.changed_by_a_second_apply(Path("overlay"))
