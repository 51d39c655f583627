"""The stand-in for OpenShift: ranges of users, certificates, manifests; no cluster is touched."""

import json
import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.stand_ins.openshift import stand_in
from harness.stand_ins.openshift.stand_in import StandInError

VALUES = {"ranges": "{'a': '1000000000/10000'}", "namespaces": "['a']", "domain": stand_in.DOMAIN}
ROUTER = {"namespace": "n", "scripts_digest": "d", "traefik_image": "t", "python_image": "p"}


def test_each_namespace_has_a_range_of_its_own_and_keeps_it() -> None:
    ranges = stand_in.uid_ranges(["a", "b"], {"a": "1000660000/10000"})
    assert ranges["a"] == "1000660000/10000"
    assert ranges["b"] != ranges["a"]
    first, size = (int(part) for part in ranges["b"].split("/"))
    assert size == 10000
    assert first >= 1_000_000_000
    assert first % size == 0
    assert first + size < 2**31


def test_namespaces_are_those_of_the_overlay() -> None:
    assert stand_in.namespaces() == ["kagenti-system", "team1"]


def test_router_s_certificate_is_the_authority_s_and_for_every_route(tmp_path: Path) -> None:
    ca, chain, key = stand_in.certificates()
    (tmp_path / "chain").write_text(chain)
    (tmp_path / "key").write_text(key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "chain", tmp_path / "key")
    assert ca in chain
    authority = ssl.create_default_context(cadata=ca).get_ca_certs()
    assert len(authority) == 1


def test_manifests_are_filled_in_and_named_as_a_stand_in() -> None:
    rendered = stand_in.render("admission.yaml", VALUES) + "\n---\n" + stand_in.render("router.yaml", ROUTER)
    assert "${" not in rendered
    for thing in yaml.safe_load_all(rendered):
        names = thing["metadata"]["name"] + thing["metadata"].get("namespace", "")
        assert "stand-in" in names or thing["kind"] == "Namespace" or names.endswith("n"), names


def test_down_knows_every_cluster_scoped_object(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What `up` makes outside of the stand-in's namespace, `down` deletes by name."""
    deleted = []
    monkeypatch.setattr(stand_in, "CERTIFICATE_FILE", tmp_path / "ca.crt")
    monkeypatch.setattr(stand_in, "read", lambda *_: {})
    monkeypatch.setattr(stand_in, "kubectl", lambda *arguments, **_: deleted.append(arguments[1:3]))
    stand_in.down()
    made = [
        (thing["kind"].lower(), thing["metadata"]["name"])
        for text in (stand_in.render("admission.yaml", VALUES), stand_in.render("router.yaml", ROUTER))
        for thing in yaml.safe_load_all(text)
        if "namespace" not in thing["metadata"] and thing["kind"] != "Namespace"
    ]
    assert set(made) <= set(deleted)
    assert ("crd", "routes.route.openshift.io") in deleted
    assert ("namespace", stand_in.NAMESPACE) in deleted


def test_routes_that_are_not_the_stand_in_s_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(kind: str, *_: str) -> dict[str, Any] | None:
        return None if kind == "namespace" else {"kind": kind}

    def kubectl(*arguments: str, **_: object) -> str:
        pytest.fail(f"the cluster would be changed: kubectl {' '.join(arguments)}")

    monkeypatch.setattr(stand_in, "read", read)
    monkeypatch.setattr(stand_in, "kubectl", kubectl)
    with pytest.raises(StandInError, match="not the stand-in's"):
        stand_in.down()
    with pytest.raises(StandInError, match="serves Routes already"):
        stand_in.up()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Let a test say what `go mod download -json` answers."""
    answer: dict[str, Any] = {"Dir": str(tmp_path), "Sum": stand_in.MODULE_SUM}

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, 0, json.dumps(answer), "")

    monkeypatch.setattr(stand_in, "find_go", lambda: "go")
    monkeypatch.setattr(subprocess, "run", run)
    return answer


def test_definition_is_read_from_the_module(proxy: dict[str, Any], tmp_path: Path) -> None:
    assert proxy["Sum"] == stand_in.MODULE_SUM
    file = tmp_path / stand_in.DEFINITION
    file.parent.mkdir(parents=True)
    file.write_text("definition")
    assert stand_in.route_definition() == "definition"


def test_another_module_than_the_pinned_one_is_refused(proxy: dict[str, Any]) -> None:
    proxy["Sum"] = "h1:other"
    with pytest.raises(StandInError, match=f"has the sum h1:other, but {re.escape(stand_in.MODULE_SUM)}"):
        stand_in.route_definition()


def test_a_module_that_cannot_be_fetched_is_told(proxy: dict[str, Any]) -> None:
    proxy.clear()
    proxy["Error"] = "no such host"
    with pytest.raises(StandInError, match="check GOPROXY: no such host"):
        stand_in.route_definition()
