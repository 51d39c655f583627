"""The catalogue has the form of its schema, names tests and Components that exist, and leaves nothing out."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from robot.api import TestSuite as Suite

from diagnosis.causes import BLOCKED
from harness.common.combinations import KUSTOMIZE, contents
from harness.common.suites import SUITES
from harness.common.yaml_loader import load_yaml
from harness.faults.catalogue import EXEMPT, FILES, HERE, Fault, in_order, in_shard, read_catalogue
from harness.faults.every_stack import STACKS, may_fit
from verdicts.refusals import UNSENT

ALL = read_catalogue()
ROOT = Path(__file__).parents[3]
SMOKE = 10
WORDS = 3  # a shorter text is no sentence of a verdict


@pytest.fixture(scope="module")
def tests() -> Counter[str]:
    return Counter(test.name for test in Suite.from_file_system(SUITES).all_tests)


@pytest.fixture(scope="module")
def exempt() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(EXEMPT.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_has_the_form_of_the_schema(file: Path) -> None:
    schema = json.loads((HERE / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(load_yaml(file.read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_the_tests_that_it_names_exist_and_are_named_once(fault: Fault, tests: Counter[str]) -> None:
    assert [name for name in fault.tests if tests[name] != 1] == []
    assert [name for name, times in Counter(fault.tests).items() if times > 1] == []


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_it_says_what_must_stay_green_unless_its_tests_disrupt_the_stack(fault: Fault) -> None:
    assert fault.passes or fault.disruptive


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(fault.name for fault in ALL).items() if times > 1] == []


def test_every_test_case_is_in_a_fault_that_makes_it_fail(
    tests: Counter[str], exempt: dict[str, dict[str, str]]
) -> None:
    shown = {name for fault in ALL for name in fault.fails}
    assert sorted(tests.keys() - shown - exempt["tests"].keys()) == []
    assert sorted(exempt["tests"].keys() - tests.keys()) == [], "there are no such tests"
    assert sorted(exempt["tests"].keys() & shown) == [], "a fault shows them: take them from the list"


def test_every_subject_of_a_diagnosis_is_in_a_fault() -> None:
    assert BLOCKED.keys() == {fault.diagnosis.subject for fault in ALL} - {""}


def _names(text: str, cause: str) -> bool:
    return cause in text or (text in cause and len(text.split()) >= WORDS)


def _strings(node: ast.AST) -> Iterator[list[str]]:
    """Yield the fixed parts of each string below a node; what is within an f-string is a part of it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr | ast.Constant):
            constants = [each.value for each in ast.walk(child) if isinstance(each, ast.Constant)]
            yield [text.strip(" ;:,.({)`\"'") for text in constants if isinstance(text, str)]
        elif not isinstance(child, ast.Compare):  # what a log line is searched for
            yield from _strings(child)


def causes() -> list[list[str]]:
    """Return the sentences of libraries/verdicts about causes, each as its parts that never differ."""
    files = [ROOT / "libraries" / "verdicts" / name for name in ("causes.py", "refusals.py")]
    nodes = [node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    strings = [text for function in functions for line in function.body[1:] for text in _strings(line)]
    sentences = [[text for text in texts if len(text.split()) >= WORDS] for texts in strings]
    return [*filter(None, sentences), *([meaning] for _, meaning in UNSENT)]


def test_every_cause_of_a_verdict_is_in_a_fault(exempt: dict[str, dict[str, str]]) -> None:
    said = [
        text
        for fault in ALL
        for text in (*fault.diagnosis.says, *(text for says in fault.fails.values() for text in says))
    ]
    missing = {
        sentence[0]
        for sentence in causes()
        if not any(_names(text, part) for text in said for part in sentence)
    }
    known = tuple(exempt["causes"])
    assert sorted(cause for cause in missing if not cause.startswith(known)) == []
    needless = [key for key in known if not any(cause.startswith(key) for cause in missing)]
    assert needless == [], "no longer causes without a fault"


def test_the_smoke_run_has_ten_faults_of_different_kinds_for_every_stack() -> None:
    smoke = [fault for fault in ALL if fault.smoke]
    assert len(smoke) == SMOKE
    assert all(not fault.needs and not fault.installed and not fault.disruptive for fault in smoke)
    kinds = {key for fault in smoke for change in fault.changes for key in change}
    assert {"patch", "configure", "create"} <= kinds


def test_the_faults_of_a_workload_follow_each_other() -> None:
    ordered = [(fault.disruptive, fault.workloads) for fault in in_order(ALL)]
    assert ordered == sorted(ordered)
    assert {"otel-collector", "mlflow", "weather-agent"} <= {name for _, names in ordered for name in names}


def test_the_shards_have_every_fault_once() -> None:
    parts = [in_shard(ALL, number, 3) for number in (1, 2, 3)]
    assert sorted(fault.name for part in parts for fault in part) == sorted(fault.name for fault in ALL)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def configured() -> list[tuple[str, dict[str, Any]]]:
    return [
        (fault.name, change["configure"])
        for fault in ALL
        for change in fault.changes
        if "configure" in change
    ]


@pytest.mark.parametrize(("name", "configuration"), configured())
def test_its_processors_are_in_the_collector_that_is_built(name: str, configuration: dict[str, Any]) -> None:
    builder = (ROOT / "harness/images/opentelemetry-collector-contrib/builder.yaml").read_text(
        encoding="utf-8"
    )
    for processor in configuration.get("processors", ()):
        kind = processor.partition("/")[0].replace("_", "")
        assert f"/{kind}processor " in builder, name


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.needs], ids=lambda fault: fault.name)
def test_the_components_that_it_needs_name_the_object_that_shows_them(fault: Fault) -> None:
    for component, witness in fault.needs.items():
        files = (ROOT / "kustomize" / "components" / component).rglob("*.yaml")
        text = "".join(file.read_text(encoding="utf-8") for file in files)
        assert f"name: {witness.partition('/')[2]}" in text


def test_each_fault_may_fit_one_of_the_stacks_that_are_deployed_for_them() -> None:
    homeless = [fault.name for fault in ALL if not any(may_fit(fault, stack) for stack in STACKS)]
    assert homeless == []


def test_the_overlays_of_both_providers_bring_the_same_for_faults() -> None:
    needed = {name for fault in ALL for name in fault.needs}
    of_kind, of_embedded = (needed & contents(KUSTOMIZE / "overlays" / name) for name in ("kind", "embedded"))
    assert of_kind == of_embedded


def test_the_short_limits_are_those_of_the_suites() -> None:
    short, usual = (
        yaml.safe_load(path.read_text(encoding="utf-8"))["LIMITS"]
        for path in (HERE / "short_limits.yaml", ROOT / "resources" / "settings.yaml")
    )
    assert set(short) == set(usual)
    assert all(short[name] <= usual[name] for name in usual)
