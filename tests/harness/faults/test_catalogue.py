"""The catalogues name suites, tests and Components that exist, and what is broken is healed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import TestSuite as Suite

from harness.common.suites import SUITES
from harness.faults.catalogue import CATALOGUES, HERE, Fault, read_catalogue

ALL = [fault for catalogue in CATALOGUES for fault in read_catalogue(catalogue)]
ROOT = Path(__file__).parents[3]
CHANGES = ("collector", "agent", "stopped")
CONTAINER: dict[str, Any] = {
    "command": ["/otelcol-contrib", "--config=/a.yaml"],
    "env": [{"name": "OTEL_TRACES_SAMPLER", "value": "always_on"}, {"name": "HOME", "value": "/tmp"}],  # noqa: S108
}
SPEC: dict[str, Any] = {"replicas": 1, "template": {"spec": {"containers": [CONTAINER]}}}


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_its_test_exists_and_it_says_what_the_message_must_hold(fault: Fault) -> None:
    suite = Suite.from_file_system(SUITES / fault.suite)
    assert fault.test in {test.name for test in suite.tests}
    assert fault.says
    assert [bool(getattr(fault, key)) for key in CHANGES].count(True) == 1


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.collector], ids=lambda fault: fault.name)
def test_its_processors_are_in_the_collector_that_is_built(fault: Fault) -> None:
    builder = (ROOT / "harness/images/opentelemetry-collector-contrib/builder.yaml").read_text(
        encoding="utf-8"
    )
    for name in fault.collector.get("processors", ()):
        assert f"/{name.partition('/')[0]}processor " in builder


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.needs], ids=lambda fault: fault.name)
def test_the_components_that_it_needs_bring_the_object_that_shows_them(fault: Fault) -> None:
    for component, witness in fault.needs.items():
        files = (ROOT / "kustomize" / "components" / component).rglob("*.yaml")
        objects = [thing for file in files for thing in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
        names = {
            f"{thing['kind'].lower()}/{thing.get('metadata', {}).get('name')}"
            for thing in objects
            if "kind" in thing
        }
        assert witness in names


def test_every_catalogue_has_faults() -> None:
    assert {"authentication", "installation", "resilience", "traces"} <= set(CATALOGUES)
    assert all(read_catalogue(name) for name in CATALOGUES)


def test_the_short_limits_are_those_of_the_suites() -> None:
    short, usual = (
        yaml.safe_load(path.read_text(encoding="utf-8"))["LIMITS"]
        for path in (HERE / "short_limits.yaml", ROOT / "resources" / "settings.yaml")
    )
    assert set(short) == set(usual)
    assert all(short[name] <= usual[name] for name in usual)


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(fault.name for fault in ALL).items() if times > 1] == []


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_breaking_changes_what_it_says_and_healing_restores(fault: Fault) -> None:
    broken, healed = fault.patch(SPEC)[0], fault.heal(SPEC)[0]
    assert broken["path"] == healed["path"]
    key = broken["path"].rpartition("/")[2]
    assert healed["value"] == (SPEC | CONTAINER)[key]
    if fault.stopped:
        assert (broken["path"], broken["value"]) == ("/spec/replicas", 0)
    elif fault.collector:
        assert broken["value"][:-1] == CONTAINER["command"]
        added = broken["value"][-1].removeprefix("--config=yaml:")
        assert yaml.safe_load(added) == json.loads(added) == fault.collector
    else:
        before = {entry["name"]: entry["value"] for entry in CONTAINER["env"]} | dict(fault.agent)
        after = {entry["name"]: entry["value"] for entry in broken["value"]}
        assert after == {name: text for name, text in before.items() if text is not None}
        assert len(after) == len(broken["value"])


def test_healing_removes_an_environment_that_was_not_there() -> None:
    fault = Fault("name", "breaks", "suite", "test", ["text"], agent={"OTEL_TRACES_SAMPLER": "always_off"})
    bare = {"template": {"spec": {"containers": [{"command": ["/agent"]}]}}}
    assert fault.patch(bare)[0]["value"] == [{"name": "OTEL_TRACES_SAMPLER", "value": "always_off"}]
    assert fault.heal(bare) == [{"op": "remove", "path": "/spec/template/spec/containers/0/env"}]


def test_an_agent_loses_a_variable() -> None:
    fault = Fault("name", "breaks", "suite", "test", ["text"], agent={"OTEL_TRACES_SAMPLER": None})
    assert fault.patch(SPEC)[0]["value"] == [{"name": "HOME", "value": "/tmp"}]  # noqa: S108
