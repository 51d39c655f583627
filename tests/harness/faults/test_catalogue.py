"""The catalogue names suites and tests that there are, and breaks what there is to break."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import TestSuite as Suite

from harness.faults.__main__ import judge
from harness.faults.catalogue import CATALOGUES, HERE, SUITES, Fault, faults

ALL = [fault for catalogue in CATALOGUES for fault in faults(catalogue)]
ROOT = Path(__file__).parents[3]
CONTAINER: dict[str, Any] = {
    "command": ["/otelcol-contrib", "--config=/a.yaml"],
    "env": [{"name": "OTEL_TRACES_SAMPLER", "value": "always_on"}, {"name": "HOME", "value": "/tmp"}],  # noqa: S108
}


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_its_test_exists_and_it_says_what_the_message_must_hold(fault: Fault) -> None:
    suite = Suite.from_file_system(SUITES / fault.suite)
    assert fault.test in {test.name for test in suite.tests}
    assert fault.says
    assert bool(fault.collector) != bool(fault.agent)


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.collector], ids=lambda fault: fault.name)
def test_its_processors_are_in_the_collector_that_is_built(fault: Fault) -> None:
    builder = (ROOT / "harness/images/opentelemetry-collector-contrib/builder.yaml").read_text(
        encoding="utf-8"
    )
    for name in fault.collector.get("processors", ()):
        assert f"/{name.partition('/')[0]}processor " in builder


def test_the_limits_of_impatience_are_those_of_the_suites() -> None:
    impatient, usual = (
        yaml.safe_load(path.read_text(encoding="utf-8"))["LIMITS"]
        for path in (HERE / "impatient.yaml", ROOT / "resources" / "settings.yaml")
    )
    assert set(impatient) == set(usual)


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(fault.name for fault in ALL).items() if times > 1] == []


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_breaking_adds_and_healing_restores(fault: Fault) -> None:
    broken, healed = fault.patch(CONTAINER)[0], fault.heal(CONTAINER)[0]
    assert broken["path"] == healed["path"]
    key = broken["path"].rpartition("/")[2]
    assert healed["value"] == CONTAINER[key]
    if fault.collector:
        assert broken["value"][:-1] == CONTAINER["command"]
        added = broken["value"][-1].removeprefix("--config=yaml:")
        assert yaml.safe_load(added) == json.loads(added) == fault.collector
    else:
        assert (
            dict(fault.agent).items() <= {entry["name"]: entry["value"] for entry in broken["value"]}.items()
        )
        assert len({entry["name"] for entry in broken["value"]}) == len(broken["value"])


@pytest.mark.parametrize(
    ("body", "found", "said"),
    [
        ("Fail    lost 3 spans in the filter", True, "lost 3 spans in the filter"),
        ("Fail    something else", False, "does not say 'lost 3'"),
        ("Log    all well", False, "did not fail"),
    ],
)
def test_a_run_is_judged_by_its_test_and_its_message(
    tmp_path: Path, body: str, found: bool, said: str
) -> None:
    text = f"*** Test Cases ***\nSpans Arrive\n    {body}\n"
    Suite.from_string(text).run(output=tmp_path / "output.xml", stdout=None, console="none")
    fault = Fault("name", "breaks", "suite", "Spans Arrive", ["lost 3"])
    seen, message = judge(fault, tmp_path / "output.xml")
    assert seen is found
    assert said in message
    assert not judge(Fault("name", "", "", "Another", ["x"]), tmp_path / "output.xml")[0]
