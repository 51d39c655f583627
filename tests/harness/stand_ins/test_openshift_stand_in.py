"""The stand-in for OpenShift: ranges of users, certificates, manifests; no cluster is touched."""

import json
import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.common import waiting
from harness.common.errors import HarnessError
from harness.common.go import Go
from harness.stand_ins.openshift import admission, manifests, stand_in
from harness.stand_ins.openshift.manifests import NAMESPACE
from tests.clock import Clock

VALUES = {"ranges": "{'a': '1000000000/10000'}", "namespaces": "['a']", "domain": manifests.DOMAIN}
ROUTER = {"namespace": "n", "scripts_digest": "d", "traefik_image": "t", "python_image": "p"}


def test_each_namespace_has_a_range_of_its_own_and_keeps_it() -> None:
    ranges = admission.uid_ranges(["a", "b"], {"a": "1000660000/10000"})
    assert ranges["a"] == "1000660000/10000"
    assert ranges["b"] != ranges["a"]
    first, size = (int(part) for part in ranges["b"].split("/"))
    assert size == 10000
    assert first >= 1_000_000_000
    assert first % size == 0
    assert first + size < 2**31


def test_namespaces_are_those_of_the_overlay_and_the_router_s() -> None:
    assert admission.namespaces() == ["kagenti-system", "team1", NAMESPACE]


def test_router_s_certificate_is_the_authority_s_and_for_every_route(tmp_path: Path) -> None:
    ca, chain, key = stand_in.certificates()
    (tmp_path / "chain").write_text(chain)
    (tmp_path / "key").write_text(key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "chain", tmp_path / "key")
    assert ca in chain
    authority = ssl.create_default_context(cadata=ca).get_ca_certs()
    assert len(authority) == 1


def test_manifests_are_filled_in_and_named_as_a_stand_in() -> None:
    rendered = (
        manifests.render("admission.yaml", VALUES) + "\n---\n" + manifests.render("router.yaml", ROUTER)
    )
    assert "${" not in rendered
    for thing in yaml.safe_load_all(rendered):
        names = thing["metadata"]["name"] + thing["metadata"].get("namespace", "")
        assert "stand-in" in names or thing["kind"] == "Namespace" or names.endswith("n"), names


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Cluster":
    """Return a cluster that the stand-in works with instead of a real one."""
    api = Cluster()
    for module in (stand_in, admission, manifests):
        monkeypatch.setattr(module, "kubectl", api)
    monkeypatch.setattr(stand_in, "route_definition", lambda: ROUTES)
    monkeypatch.setattr(stand_in, "CERTIFICATE_FILE", tmp_path / "ca.crt")
    monkeypatch.setattr(waiting, "time", Clock())
    return api


ROUTES = yaml.safe_dump({"kind": "CustomResourceDefinition", "metadata": {"name": stand_in.ROUTES}})
ADMISSION = {"range", "scc", "host", "denied"}  # what the policies do


class Cluster:
    """A kubectl of a cluster where everything that is made takes effect only after some questions."""

    def __init__(self) -> None:
        """Start without anything of the stand-in."""
        self.made: dict[tuple[str, str], dict[str, Any]] = {}
        self.effects: set[str] = set()  # of ADMISSION, and "served"
        self.late: list[str] = []  # what takes effect next, one with each question
        self.deleted: list[tuple[str, str]] = []
        self.router_came_with: set[str] = set()
        self.policies_gone_at: int | None = None

    def __call__(self, *arguments: str, text: str = "", **_: float) -> str:
        """Answer a command."""
        if self.late:
            self.effects ^= {self.late.pop(0)}
        answer = getattr(self, arguments[0].replace("-", "_"), None)
        return str(answer(*arguments[1:], text=text)) if answer else ""

    def apply(self, *_: str, text: str) -> str:
        """Make objects."""
        for thing in yaml.safe_load_all(text):
            kind, name = thing["kind"].lower(), thing["metadata"]["name"]
            if (kind, name) not in self.made:
                self.late += ["served"] if kind == "customresourcedefinition" else []
                self.late += sorted(ADMISSION) if name == "restricted-v2-stand-in" else []
            self.made[kind, name] = thing
            if kind == "customresourcedefinition":
                self.made["apiservice", stand_in.API_SERVICE] = {"metadata": {}}
            if kind == "deployment":
                self.router_came_with = set(self.effects)
        return ""

    def get(self, kind: str, name: str, *_: str, text: str) -> str:
        """Find an object."""
        if kind == stand_in.ROUTES and "served" not in self.effects:
            raise HarnessError("no such resource")
        names = {"crd": "customresourcedefinition"}
        deployment = {"spec": {"template": {"spec": {"containers": [{"image": "traefik"}]}}}}
        found = deployment if name == "traefik" else self.made.get((names.get(kind, kind), name))
        return json.dumps(found) if found else text

    def api_resources(self, *_: str, text: str) -> str:
        """List what is served."""
        return stand_in.ROUTES if "served" in self.effects else text

    def create(self, *options: str, text: str) -> str:
        """Admit an object in a dry run."""
        assert "--dry-run=server" in options
        thing: dict[str, Any] = json.loads(text)
        if thing["kind"] == "Route":
            if "served" not in self.effects or "host" not in self.effects:
                raise HarnessError("Resource kind route.openshift.io/v1, Kind=Route not found")
            thing["spec"]["host"] = "a.test"
        if thing["kind"] == "Namespace" and "range" in self.effects:
            thing["metadata"]["annotations"] = dict.fromkeys(admission.RANGES, "1/2")
        if thing["kind"] == "Pod":
            user = thing["spec"]["containers"][0]["securityContext"].get("runAsUser")
            if user and "denied" in self.effects:
                raise HarnessError("runAsUser 1: must be in the range [1000, 2000]")
            if "scc" in self.effects:
                thing["metadata"]["annotations"] = {admission.SCC: "restricted-v2"}
        return json.dumps(thing)

    def wait(self, _: str, name: str, *__: str, text: str) -> str:
        """Let the API server remove the APIService, which it does some time after the definition."""
        self.made.pop(("apiservice", name.removeprefix("apiservice/")))
        return text

    def delete(self, kind: str, name: str, *_: str, text: str) -> str:
        """Delete an object; policies stay in effect for a while."""
        self.deleted.append((kind, name))
        found = self.made.pop(({"crd": "customresourcedefinition"}.get(kind, kind), name), None)
        if found and name == "restricted-v2-stand-in":
            self.late += ["-", "-", *sorted(ADMISSION)]
        if found and kind == "crd":
            assert not self.effects & ADMISSION, "pods were still admitted under the SCC"
            self.late += ["-", "-", "served"]
        if found and kind == "namespace":
            assert "served" not in self.effects, "Routes were still served"
        return text


def test_the_router_comes_when_routes_are_served_and_all_admission_is_in_effect(cluster: Cluster) -> None:
    stand_in.up()
    assert cluster.router_came_with >= {"served", *ADMISSION}


def test_down_waits_until_nothing_of_it_is_in_effect_and_leaves_nothing(cluster: Cluster) -> None:
    stand_in.up()
    stand_in.down()
    assert not cluster.effects - {"-"}
    namespaced = [thing for thing in cluster.made.values() if thing["metadata"].get("namespace") == NAMESPACE]
    assert list(cluster.made.values()) == namespaced, "what is in its namespace goes with it"
    assert cluster.deleted[-1] == ("namespace", NAMESPACE)


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("range", "A new namespace gets no range of users."),
        ("scc", f"A pod in {NAMESPACE} is admitted without an SCC."),
        ("host", "Resource kind route.openshift.io/v1, Kind=Route not found"),
        ("denied", f"A pod in {NAMESPACE} may choose a user outside of its range."),
    ],
)
def test_admission_that_does_not_take_effect_is_named(cluster: Cluster, missing: str, problem: str) -> None:
    cluster.effects = {"served", *ADMISSION} - {missing}
    with pytest.raises(HarnessError, match=re.escape(f"within 2 min 0 s. {problem}")):
        admission.wait_until_imposed()


def test_routes_that_are_not_the_stand_in_s_stay(cluster: Cluster) -> None:
    cluster.made = {
        ("customresourcedefinition", stand_in.ROUTES): {"metadata": {}},
        ("apiservice", stand_in.API_SERVICE): {"metadata": {}},
    }
    there = dict(cluster.made)
    with pytest.raises(HarnessError, match="not the stand-in's"):
        stand_in.down()
    with pytest.raises(HarnessError, match="serves Routes already"):
        stand_in.up()
    assert cluster.made == there
    assert cluster.deleted == []


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Let a test say what `go mod download -json` answers."""
    answer: dict[str, Any] = {"Dir": str(tmp_path), "Sum": stand_in.MODULE_SUM}

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, 0, json.dumps(answer), "")

    monkeypatch.setattr(Go, "install", lambda *_: None)
    monkeypatch.setattr(subprocess, "run", run)
    return answer


def test_definition_is_read_from_the_module(proxy: dict[str, Any], tmp_path: Path) -> None:
    assert proxy["Sum"] == stand_in.MODULE_SUM
    file = tmp_path / stand_in.DEFINITION
    file.parent.mkdir(parents=True)
    file.write_text("definition")
    assert stand_in.route_definition() == "definition"


def test_another_module_than_the_pinned_one_is_rejected(proxy: dict[str, Any]) -> None:
    proxy["Sum"] = "h1:other"
    with pytest.raises(
        HarnessError, match=f"has the sum h1:other, expected {re.escape(stand_in.MODULE_SUM)}"
    ):
        stand_in.route_definition()


def test_a_module_that_cannot_be_downloaded_is_named(proxy: dict[str, Any]) -> None:
    proxy.clear()
    proxy["Error"] = "no such host"
    with pytest.raises(HarnessError, match="check GOPROXY: no such host"):
        stand_in.route_definition()
