"""What is deployed, and what of an earlier run makes way for it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import deployment
from harness.cluster import lifecycle
from harness.common.combinations import KUSTOMIZE
from harness.common.errors import HarnessError
from harness.deployment import Deployment
from harness.stand_ins.stand_in import StandIn

TEAM = [["Namespace", "", "team1"], ["Service", "team1", "model"], ["Deployment.v1.apps", "other", "agent"]]
MODEL = ["Service", "team1", "model"]


def service(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "team1"}}


class Cluster:
    """A kubectl that remembers what changed the cluster, in order, and what is recorded in it."""

    def __init__(self) -> None:
        """Start empty."""
        self.done: list[str] = []
        self.rendered: dict[str, list[dict[str, Any]]] = {}  # by the folder's name
        self.recorded: list[dict[str, Any]] = []
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.breaks_at = ""

    def __call__(self, *arguments: str, text: str = "", limit: float = 0) -> str:
        """Answer a command."""
        assert limit >= 0
        verb, *rest = arguments
        if verb == "kustomize":
            return yaml.safe_dump_all(self.rendered.get(Path(rest[0]).name, [service("model")]))
        if verb == "get":
            return self._get(*rest)
        if verb == "create":
            return next(each.partition("deployed=")[2] for each in rest if each.startswith("--from-literal="))
        if verb == "apply" and text:
            self.recorded.append(json.loads(text))
            return ""
        if rest[0] == "configmap":
            self.recorded.clear()
            return ""
        self.do(f"{verb} {Path(rest[-1]).name if verb == 'apply' else rest[1]}")
        return ""

    def _get(self, kind: str, name: str, *_: str) -> str:
        if kind == "configmap":
            data = {"data": {"deployed": json.dumps(self.recorded[-1])}} if self.recorded else None
            return json.dumps(data) if data else ""
        return json.dumps(self.namespaces[name]) if name in self.namespaces else ""

    def do(self, what: str) -> None:
        """Remember a change; break, as an interrupted run does, where a test says so."""
        if what == self.breaks_at:
            raise HarnessError("interrupted")
        self.done.append(what)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return an empty cluster; stand-ins only remember that they came up and went down."""
    api = Cluster()

    def playing(name: str) -> StandIn:
        return StandIn(name, lambda: api.do(f"{name} up"), lambda: api.do(f"{name} down"), dict)

    known = {name: playing(name) for name in ("openshift", "kagenti", "managed-postgres")}

    def stand_ins_for(overlay: str, components: list[str]) -> list[StandIn]:
        if overlay == "of-another-version":
            raise HarnessError("not known")
        return [known[name] for name in (overlay, *components) if name in known]

    monkeypatch.setattr(deployment, "kubectl", api)
    monkeypatch.setattr(deployment, "stand_ins_for", stand_ins_for)
    monkeypatch.setattr(lifecycle, "up", lambda _: api.do("cluster up"))
    return api


@pytest.mark.parametrize(("kind", "name"), [("overlays", "kindd"), ("components", "mlflow-aut")])
def test_an_unknown_name_is_rejected_with_those_that_there_are(kind: str, name: str) -> None:
    with pytest.raises(
        HarnessError, match=f"There is no {kind[:-1]} '{name}'; choose from: .*(kind|phoenix)"
    ):
        deployment.find_folder(kind, name)


@pytest.mark.parametrize(("overlay", "provider"), [("embedded", "embedded"), ("kind", "kind")])
def test_a_plain_overlay_is_deployed_from_its_own_folder(overlay: str, provider: str, tmp_path: Path) -> None:
    folder = deployment.write_overlay(tmp_path / "overlay", overlay, [], provider)
    assert folder == KUSTOMIZE / "overlays" / overlay


def test_of_an_installation_nothing_is_ours(tmp_path: Path, cluster: Cluster) -> None:
    assert deployment.write_overlay(tmp_path / "overlay", "installed", [], "embedded") is None
    with pytest.raises(HarnessError, match="for installed, so no Component goes on top"):
        deployment.write_overlay(tmp_path / "overlay", "installed", ["phoenix"], "embedded")
    assert deployment.deploy(Deployment("kind", []), None).objects == []
    assert not [change for change in cluster.done if change.startswith("apply")]


def test_a_component_that_the_official_image_cannot_run_is_refused_on_kind(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="needs an MLflow with the plugin mlflow-oidc-auth"):
        deployment.write_overlay(tmp_path / "overlay", "kind", ["mlflow-oidc"], "kind")


@pytest.mark.parametrize("overlay", ["kind", "embedded"])
def test_components_come_on_top_in_their_order_and_images_last(overlay: str, tmp_path: Path) -> None:
    # managed-postgres moves what mlflow-auth adds; the other way round, that would stay as it is.
    wanted = ["managed-postgres", "mlflow-auth"]
    folder = deployment.write_overlay(tmp_path / "overlay", overlay, wanted, "embedded")
    assert folder
    written = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert [(folder / path).resolve().name for path in written["resources"]] == [overlay]
    on_top = [(folder / path).resolve().name for path in written["components"]]
    again = ["fixed-user", "checkov-reasons", "images"]  # for the pods that Components bring
    assert on_top == ["mlflow-auth", "managed-postgres", *again, "built-images"]


def test_what_an_overlay_lacks_does_not_come_on_top_for_new_pods(tmp_path: Path) -> None:
    folder = deployment.write_overlay(tmp_path / "overlay", "openshift", ["mlflow-auth"], "kind")
    assert folder
    written = yaml.safe_load((folder / "kustomization.yaml").read_text())
    on_top = [(folder / path).resolve().name for path in written["components"]]
    assert on_top == ["mlflow-auth", "checkov-reasons", "images"], "no fixed-user where an SCC chooses"


def test_objects_are_recorded_with_their_group(cluster: Cluster) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"}}
    cluster.rendered["kind"] = [role, service("model")]
    deployed = deployment.deploy(Deployment("kind", []), Path("kind"))
    assert deployed.objects == [["Role.v1.rbac.authorization.k8s.io", "", "a"], MODEL]
    assert deployment.find_deployed() == deployed


def test_objects_of_a_namespace_that_goes_are_left_to_it(cluster: Cluster) -> None:
    cluster.recorded = [{"overlay": "kind", "components": [], "objects": TEAM}]
    deployment.remove_deployed()
    assert cluster.done == ["delete agent", "delete team1", "cluster up"]
    assert deployment.find_deployed() is None


def test_a_claim_goes_after_the_workload_that_mounts_it(cluster: Cluster) -> None:
    objects = [["PersistentVolumeClaim", "a", "queue"], ["Deployment.v1.apps", "a", "collector"]]
    cluster.recorded = [{"overlay": "kind", "components": [], "objects": objects}]
    deployment.remove_deployed()
    assert cluster.done[:2] == ["delete collector", "delete queue"]


def test_another_overlay_goes_with_its_stand_ins_before_the_next_comes(cluster: Cluster) -> None:
    cluster.recorded = [{"overlay": "openshift", "components": [], "objects": TEAM}]
    deployment.deploy(Deployment("kagenti", []), Path("kagenti"))
    assert cluster.done == [
        "delete agent",
        "delete team1",
        "cluster up",
        "openshift down",
        "kagenti up",
        "apply kagenti",
        "apply attach",
    ]
    assert cluster.recorded[-1] == {"overlay": "kagenti", "components": [], "objects": [MODEL]}


@pytest.mark.parametrize(
    "at", ["delete team1", "cluster up", "openshift down", "kagenti up", "apply kagenti"]
)
def test_an_interrupted_change_of_overlays_is_continued_by_the_next_run(cluster: Cluster, at: str) -> None:
    """Where the stand-in that defines a kind is gone, kubectl knows no object of it any more."""
    cluster.recorded = [{"overlay": "openshift", "components": [], "objects": TEAM}]
    cluster.breaks_at = at
    with pytest.raises(HarnessError, match="interrupted"):
        deployment.deploy(Deployment("kagenti", []), Path("kagenti"))
    first, cluster.done, cluster.breaks_at = cluster.done, [], ""
    deployment.deploy(Deployment("kagenti", []), Path("kagenti"))
    assert cluster.done[-1] == "apply attach"
    assert ("delete agent" in cluster.done) is (at == "delete team1")
    assert "openshift down" in first + cluster.done


def test_a_stand_in_that_came_up_in_part_goes_before_another_overlay_comes(cluster: Cluster) -> None:
    cluster.breaks_at = "kagenti up"
    with pytest.raises(HarnessError, match="interrupted"):
        deployment.deploy(Deployment("kagenti", []), Path("kagenti"))
    deployment.deploy(Deployment("kind", []), Path("kind"))
    assert cluster.done == ["cluster up", "kagenti down", "apply kind"]


def test_what_other_components_left_goes_afterwards(cluster: Cluster) -> None:
    old = ["Service", "team1", "old"]
    cluster.recorded = [{"overlay": "kind", "components": ["mlflow-auth"], "objects": [old, MODEL]}]
    cluster.breaks_at = "delete old"
    with pytest.raises(HarnessError):
        deployment.deploy(Deployment("kind", []), Path("kind"))
    assert old in cluster.recorded[-1]["objects"], "an interrupted run must not forget what it left"
    cluster.breaks_at = ""
    deployment.deploy(Deployment("kind", []), Path("kind"))
    assert cluster.done == ["apply kind", "apply kind", "delete old"]
    assert cluster.recorded[-1]["objects"] == [MODEL]


def test_the_stand_in_of_a_component_goes_with_it(cluster: Cluster) -> None:
    cluster.recorded = [{"overlay": "kind", "components": ["managed-postgres"], "objects": [MODEL]}]
    deployment.deploy(Deployment("kind", ["managed-postgres"]), Path("kind"))
    deployment.deploy(Deployment("kind", []), Path("kind"))
    assert cluster.done == ["managed-postgres up", "apply kind", "managed-postgres down", "apply kind"]


def test_a_namespace_that_is_being_deleted_is_waited_for(cluster: Cluster) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team1"}}
    cluster.rendered["kind"] = [namespace, service("model")]
    cluster.namespaces["team1"] = {"metadata": {"name": "team1", "deletionTimestamp": "now"}}
    deployment.deploy(Deployment("kind", []), Path("kind"))
    assert cluster.done == ["wait namespace/team1", "apply kind"]


def test_what_is_attached_is_never_deleted(cluster: Cluster) -> None:
    collector = {**service("otel-collector"), "kind": "Deployment", "apiVersion": "apps/v1"}
    cluster.rendered["attach"] = [collector]
    deployed = deployment.deploy(Deployment("kagenti", []), Path("kagenti"))
    assert deployed.objects == [MODEL]
    deployment.wait_for_rollouts(deployed)
    assert cluster.done[1:] == ["apply kagenti", "apply attach", "rollout deployment/otel-collector"]
    deployment.remove_deployed()
    assert "delete otel-collector" not in cluster.done


def test_what_another_version_deployed_is_named_with_what_to_do(cluster: Cluster) -> None:
    cluster.recorded = [{"overlay": "of-another-version", "components": ["x"], "objects": TEAM}]
    with pytest.raises(HarnessError, match=r"deployed of-another-version, x here: start anew with `tox -e"):
        deployment.deploy(Deployment("kind", []), Path("kind"))
    cluster.recorded = [{"overlay": "kind", "tenants": 2}]
    with pytest.raises(HarnessError, match="deployed something here: start anew with `tox -e"):
        deployment.deploy(Deployment("kind", []), Path("kind"))
    assert cluster.done == []


@pytest.fixture
def kubectl_diff(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Return a function that makes a Python program kubectl."""

    def make(program: str) -> None:
        file = tmp_path / "kubectl"
        file.write_text(f"#!{sys.executable}\nimport sys\n{program}")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return make


def test_what_a_second_apply_would_change_is_named(kubectl_diff: Callable[[str], None]) -> None:
    kubectl_diff("")
    assert deployment.find_changes_of_a_second_apply(Path("overlay")) == []
    name = "v1.Service.team1.model"
    kubectl_diff(
        f"print('diff -u -N /tmp/LIVE-1/{name} /tmp/MERGED-2/{name}\\n--- /tmp/LIVE-1/{name}')\nsys.exit(1)"
    )
    assert deployment.find_changes_of_a_second_apply(Path("overlay")) == [name]


@pytest.mark.parametrize("code", [1, 2])
def test_a_second_apply_that_cannot_be_tried_is_an_error(
    kubectl_diff: Callable[[str], None], code: int
) -> None:
    kubectl_diff(f"print('no cluster', file=sys.stderr)\nsys.exit({code})")
    with pytest.raises(HarnessError, match="no cluster"):
        deployment.find_changes_of_a_second_apply(Path("overlay"))


def test_workloads_with_a_new_image_of_the_same_name_are_rolled(monkeypatch: pytest.MonkeyPatch) -> None:
    rolled: list[tuple[str, ...]] = []

    def workload(name: str, image: str, *init: str) -> dict[str, Any]:
        pod = {"containers": [{"image": image}], "initContainers": [{"image": each} for each in init]}
        metadata = {"name": name, "namespace": "team1"}
        return {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": pod}}}

    def kubectl(*arguments: str) -> str:
        if arguments[0] == "rollout":
            rolled.append(arguments)
        return json.dumps(
            {"items": [workload("a", "new"), workload("b", "old"), workload("c", "old", "new")]}
        )

    monkeypatch.setattr(deployment, "kubectl", kubectl)
    deployment.restart_users_of(set())
    assert rolled == []
    deployment.restart_users_of({"new"})
    assert [arguments[2] for arguments in rolled] == ["deployment/a", "deployment/c"]


def test_the_suites_are_given_the_namespaces_of_what_is_deployed() -> None:
    services = [["Service", "system", "mlflow"], ["Service", "agents", "weather-service"]]
    others = [["Deployment.v1.apps", "elsewhere", "mlflow"], ["Service", "system", "phoenix"]]
    assert Deployment("kind", [], [*services, *others]).robot_options == [
        "--variable",
        "SYSTEM_NAMESPACE:system",
        "--variable",
        "AGENTS_NAMESPACE:agents",
    ]
    assert Deployment("kind", [], services[:1]).robot_options == ["--variable", "SYSTEM_NAMESPACE:system"]
    tenants = [["Service", name, "weather-service"] for name in ("team2", "team1", "team3")]
    assert Deployment("kind", [], tenants).robot_options == ["--variable", "AGENTS_NAMESPACE:team1"]
    settings = KUSTOMIZE / "overlays" / "kagenti" / "settings.yaml"
    beside = [["Service", "installation", "llm-observability-mlflow"]]
    assert Deployment("kagenti", [], beside).robot_options == [
        "--variablefile",
        str(settings),
        "--variable",
        "SYSTEM_NAMESPACE:installation",
    ]
    assert Deployment("installed", []).robot_options == []


def test_the_services_that_name_the_namespaces_are_in_the_suites_settings() -> None:
    folders = (KUSTOMIZE.parent / "resources", KUSTOMIZE / "overlays" / "kagenti")
    for folder in folders:
        settings = yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))
        for setting, services in deployment.NAMESPACE_SETTINGS.items():
            places = [place for place in settings["COMPONENTS"].values() if place["service"] in services]
            assert [place["namespace"] for place in places] == [f"${{{setting}}}"]
