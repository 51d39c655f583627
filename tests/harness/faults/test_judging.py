"""When a fault counts as found, and as named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from robot.api import ExecutionResult
from robot.api import TestSuite as Suite

from harness.faults.catalogue import Expected, Fault
from harness.faults.judging import judge, run_tests
from tests.harness.faults.fake_cluster import Cluster

SUITE = """*** Test Cases ***
Finds
    Fail    lost 3 spans
Waits
    Fail    Not judged: no.
Stays
    Log    all well
"""
FAULT = Fault("name", "Breaks.", (), Expected("mlflow", ["does not run"]), {"Finds": ["lost 3"]})
FOUND = {"subject": "mlflow", "sentence": "mlflow does not run", "seconds": 2.5, "shown_by": []}


def result(folder: Path, diagnoses: list[dict[str, object]]) -> Path:
    Suite.from_string(SUITE).run(output=folder / "output.xml", stdout=None, console="none")
    (folder / "diagnosis.json").write_text(json.dumps({"diagnoses": diagnoses}), encoding="utf-8")
    return folder


def test_it_is_found_by_its_tests_and_named_by_the_first_diagnosis(tmp_path: Path) -> None:
    fault = replace(FAULT, not_judged=["Waits"], passes=["Stays"])
    outcome = judge(fault, result(tmp_path, [FOUND]))
    assert outcome.is_right
    assert (outcome.verdict, outcome.subject, outcome.seconds, outcome.problems) == (
        "named",
        "mlflow",
        2.5,
        [],
    )


def test_what_the_diagnosis_becomes_is_right_too(tmp_path: Path) -> None:
    fault = replace(FAULT, diagnosis=Expected("", ["does not run"], becomes="mlflow"))
    assert judge(fault, result(tmp_path, [FOUND])).verdict == "named"


@pytest.mark.parametrize(
    ("expectation", "verdict", "problem"),
    [
        ({"fails": {"Finds": ["lost 4"]}}, "not named", "'Finds' does not say 'lost 4': FAIL lost 3 spans"),
        ({"fails": {"Stays": []}}, "not found", "'Stays' did not fail: PASS"),
        ({"fails": {"Waits": []}}, "not found", "'Waits' did not look: FAIL Not judged: no."),
        ({"fails": {"Another": []}}, "not found", "No test is named 'Another'"),
        ({"not_judged": ["Finds"]}, "not found", "'Finds' was judged: FAIL lost 3 spans"),
        ({"not_judged": ["Another"]}, "not found", "No test is named 'Another'"),
        ({"passes": ["Finds"]}, "false alarm", "'Finds' must stay green: FAIL lost 3 spans"),
        ({"passes": ["Another"]}, "not found", "No test is named 'Another'"),
        ({"diagnosis": Expected("phoenix", [""])}, "not named", "about 'mlflow', expected 'phoenix'"),
        (
            {"diagnosis": Expected("mlflow", ["stopped"])},
            "not named",
            "does not say 'stopped': mlflow",
        ),
    ],
)
def test_it_is_not_right(tmp_path: Path, expectation: dict[str, object], verdict: str, problem: str) -> None:
    outcome = judge(replace(FAULT, **expectation), result(tmp_path, [FOUND]))  # type: ignore[arg-type] # one of several fields
    assert not outcome.is_right
    assert verdict in outcome.verdict
    assert any(problem in text for text in outcome.problems)


def test_it_is_not_named_without_a_diagnosis(tmp_path: Path) -> None:
    outcome = judge(FAULT, result(tmp_path, []))
    assert (outcome.is_found, outcome.is_named, outcome.seconds) == (True, False, None)


def test_what_a_test_alone_found_was_known_when_it_ended(tmp_path: Path) -> None:
    folder = result(tmp_path, [])
    names = [test.full_name for test in ExecutionResult(folder / "output.xml").suite.all_tests]
    alone = {"subject": "", "sentence": "lost 3 spans", "seconds": None, "shown_by": names[:1]}
    (folder / "diagnosis.json").write_text(json.dumps({"diagnoses": [alone]}), encoding="utf-8")
    outcome = judge(replace(FAULT, diagnosis=Expected("", ["lost"])), folder)
    assert outcome.is_right
    assert outcome.seconds is not None


def test_an_earlier_runs_results_are_not_judged(cluster: Cluster, tmp_path: Path) -> None:
    assert not cluster.done
    folder = tmp_path / "name"
    folder.mkdir()
    result(folder, [FOUND])
    run_tests(lambda *_: None, FAULT, folder, {})
    assert judge(FAULT, folder).error == "Robot Framework did not run the tests"


def test_robot_gets_the_tests_and_the_settings(cluster: Cluster, tmp_path: Path) -> None:
    assert not cluster.done
    runs: list[tuple[str, ...]] = []

    def robot(*options: str) -> None:
        runs.append(options)

    fault = replace(FAULT, passes=["Stays"], variables={"REQUIRE": "mlflow"})
    run_tests(robot, fault, tmp_path / "name", {"AGENTS_NAMESPACE": "team2"})
    run_tests(robot, replace(fault, disruptive=True), tmp_path / "name", {}, limits=None)
    pairs = list(zip(runs[0], runs[0][1:], strict=False))
    assert [value for option, value in pairs if option == "--test"] == ["Finds", "Stays"]
    assert [value for option, value in pairs if option == "--variable"] == [
        "REQUIRE:mlflow",
        "AGENTS_NAMESPACE:team2",
    ]
    assert "DISRUPTIVE:here" in runs[1]
    assert ["--variablefile" in options for options in runs] == [True, False]
