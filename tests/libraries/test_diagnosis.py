"""A run says what is broken once: the cause first, and how many tests follow from it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from robot.api.parsing import LibraryImport, ResourceImport, get_model

from diagnosis.causes import BLOCKED, COMPONENTS, Cause, in_order
from diagnosis.summary import first_line
from tests.libraries.test_resources import ROOT, run

SCHEMA = json.loads((ROOT / "docs" / "diagnosis.schema.json").read_text(encoding="utf-8"))
SUITE = """
Suite Setup    {setup}

*** Test Cases ***
MLflow Is Ready
    [Tags]    deployment    mlflow
    Fail    mlflow is not rolled out: it is scaled to 0 replicas.

The Page Of MLflow
    [Tags]    ui    mlflow
    [Setup]    Log    begins
    [Teardown]    Log    ends
    Log    looks

The Trace Arrives In Phoenix
    [Tags]    traces    phoenix
    Log    arrives

A Secret Is Leaked
    [Tags]    secrecy
    Fail    1 place leaks a secret.\\nthe log of mlflow

*** Keywords ***
Note MLflow
    Note Cause    mlflow    mlflow does not run: it is scaled to 0 replicas.
    Note Cause    mlflow    a second sentence

Note Two
    Note Cause    traces in mlflow    Traces do not arrive whole in MLflow: status 404
    Note Cause    postgres    postgres does not run: C:\\\\a \\${{curly}}

Note Likely Cause
    Note Cause    traces    Traces do not arrive whole: 0 spans    hop=collector received    certainty=likely

Note Roll-Out
    Note Cause    mlflow    mlflow is not rolled out, 1 Ready pod serves: no image    ${{False}}
"""


def read(folder: Path) -> dict[str, Any]:
    """Return the run's diagnosis.json, which has the form that the documentation says."""
    found: dict[str, Any] = json.loads((folder / "diagnosis.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, SCHEMA)
    return found


def test_what_follows_from_a_known_cause_says_so_and_is_counted(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", SUITE.format(setup="Note MLflow"))
    ready, page, phoenix, leak = suite.tests
    assert ready.message == "mlflow is not rolled out: it is scaled to 0 replicas."
    assert page.message == "Not judged: mlflow does not run: it is scaled to 0 replicas."
    assert not page.has_setup
    assert not page.has_teardown
    assert phoenix.passed
    assert leak.failed
    assert suite.message.splitlines()[:2] == [
        "Diagnosis: mlflow does not run: it is scaled to 0 replicas. 1 test is not judged because of it.",
        "Also found: 1 place leaks a secret.",
    ]
    assert suite.doc.startswith(
        "*Diagnosis:* mlflow does not run: it is scaled to 0 replicas. "
        "1 test is not judged because of it.\n\n"
        "- Also found: 1 place leaks a secret."
    )
    found = read(tmp_path)
    assert (found["format"], found["result"], found["passed"], found["failed"]) == (1, "broken", 1, 3)
    first, second = found["diagnoses"]
    assert first["subject"] == "mlflow"
    assert first["shown_by"] == [ready.full_name]
    assert first["not_judged"] == [page.full_name]
    assert first["seconds"] >= 0
    assert (second["subject"], second["seconds"], second["shown_by"]) == ("", None, [leak.full_name])


def test_the_lowest_cause_is_the_diagnosis_and_its_text_is_taken_as_it_is(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", SUITE.format(setup="Note Two"))
    assert suite.message.startswith("Diagnosis: postgres does not run: C:\\a ${curly}.")
    assert suite.tests[1].message == "Not judged: Traces do not arrive whole in MLflow: status 404."
    assert [each["subject"] for each in read(tmp_path)["diagnoses"]][:2] == ["postgres", "traces in mlflow"]


def test_a_cause_that_is_only_likely_says_so_with_its_hop(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", SUITE.format(setup="Note Likely Cause"))
    assert suite.message.startswith(
        "Diagnosis: Traces do not arrive whole: 0 spans. This is likely, not certain."
    )
    likely, found_by_test = read(tmp_path)["diagnoses"][:2]
    assert (likely["hop"], likely["certainty"]) == ("collector received", "likely")
    assert (found_by_test["hop"], found_by_test["certainty"]) == ("", "certain")


def test_while_older_pods_serve_tests_are_judged(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", SUITE.format(setup="Note Roll-Out"))
    assert suite.tests[1].passed
    assert suite.message.startswith("Diagnosis: mlflow is not rolled out, 1 Ready pod serves: no image")


def test_without_a_cause_the_lowest_finding_is_the_diagnosis(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", SUITE.format(setup="No Operation"))
    assert suite.tests[1].passed
    assert suite.message.startswith(
        "Diagnosis: mlflow is not rolled out: it is scaled to 0 replicas.\nAlso found: 1 "
    )


def test_a_healthy_run_has_no_diagnosis(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", "*** Test Cases ***\nGood\n    Log    good\n")
    assert not suite.message
    assert read(tmp_path) == {
        "format": 1, "result": "healthy", "diagnoses": [], "passed": 1, "failed": 0, "skipped": 0,
    }  # fmt: skip


def test_a_run_that_could_not_begin_has_judged_nothing(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", SUITE.format(setup="Fail    No cluster answers."))
    assert suite.message.startswith("Diagnosis: No cluster answers.\n")
    assert read(tmp_path)["result"] == "not judged"


ENDED_EARLY = """
*** Test Cases ***
Good
    Log    good

Interrupted
    {how}

Not Begun
    Log    good
"""
BY_SIGNAL = "Evaluate    signal.raise_signal(signal.SIGINT)\n    Log    never"


def test_a_run_that_was_interrupted_before_it_found_anything_has_not_judged(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", ENDED_EARLY.format(how=BY_SIGNAL))
    assert suite.message == (
        "Diagnosis: The run ended early: Execution terminated by signal. "
        "2 tests are not judged because of it."
    )
    found = read(tmp_path)
    assert found["result"] == "not judged"
    (diagnosis,) = found["diagnoses"]
    assert diagnosis["shown_by"] == []
    assert diagnosis["not_judged"] == ["Suite.Interrupted", "Suite.Not Begun"]


def test_a_run_that_was_interrupted_in_its_setup_says_so(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", f"Suite Setup    {BY_SIGNAL.splitlines()[0]}\n{ENDED_EARLY}")
    assert suite.message.splitlines()[0] == (
        "Diagnosis: The run ended early: Execution terminated by signal. "
        "3 tests are not judged because of it."
    )
    assert read(tmp_path)["result"] == "not judged"


def test_what_a_run_found_before_it_ended_early_comes_first(tmp_path: Path) -> None:
    suite = run(tmp_path, "diagnosis.resource", ENDED_EARLY.format(how="Fatal Error    No disk."))
    assert suite.message.splitlines() == [
        "Diagnosis: No disk.",
        "Also found: The run ended early: Test execution stopped due to a fatal error. "
        "1 test is not judged because of it.",
    ]
    assert read(tmp_path)["result"] == "broken"


def test_the_diagnosis_of_an_earlier_run_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "diagnosis.json").write_text("of an earlier run")
    looks = f"""
Library    OperatingSystem

*** Test Cases ***
Good
    File Should Not Exist    {tmp_path / "diagnosis.json"}
"""
    suite = run(tmp_path, "diagnosis.resource", looks)
    assert suite.tests[0].passed, suite.tests[0].message
    assert read(tmp_path)["result"] == "healthy"


def test_every_run_writes_its_tests_as_xunit(tmp_path: Path) -> None:
    run(tmp_path, "diagnosis.resource", SUITE.format(setup="Note MLflow"))
    (suite,) = ET.parse(tmp_path / "xunit.xml").iter("testsuite")  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "3", "0")
    page = next(case for case in suite.iter("testcase") if case.get("name") == "The Page Of MLflow")
    failure = page.find("failure")
    assert failure is not None
    assert failure.get("message") == "Not judged: mlflow does not run: it is scaled to 0 replicas."


def test_the_schema_knows_every_subject_and_no_other() -> None:
    subjects = SCHEMA["properties"]["diagnoses"]["items"]["properties"]["subject"]["enum"]
    assert subjects == ["", *BLOCKED]


@pytest.mark.parametrize(
    "change",
    [
        {"result": "good"},
        {"format": 2},
        {"failed": -1},
        {"more": 1},
        {"result": "healthy", "failed": 1},
        {"diagnoses": [{"sentence": "It is broken."}]},
    ],
)
def test_the_schema_rejects_another_form(change: dict[str, Any]) -> None:
    good = {"format": 1, "result": "broken", "diagnoses": [], "passed": 1, "failed": 0, "skipped": 0}
    jsonschema.validate(good, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, **change}, SCHEMA)


def test_a_suite_none_of_whose_tests_can_be_judged_is_not_set_up(tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    folder.mkdir()
    resource = Path(__file__).parents[2] / "resources" / "diagnosis.resource"
    use = f"*** Settings ***\nResource    {resource}\n"
    (folder / "__init__.robot").write_text(
        f"{use}Suite Setup    Note Cause    mlflow    mlflow does not run\n"
    )
    (folder / "pages.robot").write_text(
        f"{use}Suite Setup    Fail    It was set up.\n"
        "*** Test Cases ***\nPage\n    [Tags]    mlflow\n    Log    it\n"
    )
    suite = run(
        tmp_path, "diagnosis.resource", "*** Test Cases ***\nGood\n    Log    good\n", what=folder.name
    )
    (page,) = suite.all_tests
    assert page.message == "Not judged: mlflow does not run."


def test_causes_are_ordered_from_the_ground_up() -> None:
    causes = [Cause(subject, "", True, 0) for subject in ("traces in mlflow", "weather-agent", "postgres")]
    assert [cause.subject for cause in in_order(causes)] == ["postgres", "weather-agent", "traces in mlflow"]


@pytest.mark.parametrize("subject", COMPONENTS)
def test_the_flows_of_a_component_that_does_not_run_show_why(subject: str) -> None:
    tags = ["network", "flows", subject]
    assert not Cause(subject, "", True, 0).prevents(tags)
    assert Cause(subject, "", True, 0).is_shown_by(tags)
    assert Cause(subject, "", True, 0).prevents(["traces", "weather-agent", "contract", subject])


@pytest.mark.parametrize("subject", BLOCKED)
def test_the_deployment_is_judged_whatever_is_broken(subject: str) -> None:
    component = subject.removeprefix("traces in ")
    assert not Cause(subject, "", True, 0).prevents(["deployment", component])


def test_only_what_needs_a_backend_s_traces_is_not_judged_without_them() -> None:
    cause = Cause("traces in mlflow", "", True, 0)
    assert cause.prevents(["traces", "mlflow", "contract"])
    assert cause.prevents(["ui", "mlflow"])
    for tags in (["traces", "phoenix"], ["traces", "mlflow", "conservation"], ["reachability", "mlflow"]):
        assert not cause.prevents(tags)
    assert not cause.prevents(["traces", "mlflow", "arrival"]), "it shows the verdict"


@pytest.mark.parametrize("subject", ["otel-collector", "traces", "traces in mlflow", "traces in phoenix"])
def test_the_answer_is_judged_where_only_its_spans_are_lost(subject: str) -> None:
    tags = ["answer", "model", "traces", "weather-agent", "weather-tool"]
    assert not Cause(subject, "", True, 0).prevents(tags)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("It fails.\nmore", "It fails."),
        ("Parent suite setup failed:\nNo probe.", "No probe."),
        ("Several failures occurred:\n\n1) A is open.\n\n2) B is open.", "A is open."),
        (
            "Keyword 'MLflow Should Accept Only' failed after retrying for 2 minutes 30 seconds. "
            "The last error was: MLflow rejects the new password",
            "MLflow rejects the new password",
        ),
        (
            "Keyword 'A' failed after retrying 3 times. The last error was: B. The last error was: C",
            "B. The last error was: C",
        ),
        ("", "a test failed without a message"),
    ],
)
def test_a_message_s_first_own_line_counts(message: str, line: str) -> None:
    assert first_line(message) == line


@cache
def imports(path: Path) -> set[str]:
    """Return the files and folders that a suite imports, itself or by its resources, as absolute paths."""
    found: set[str] = set()
    for section in get_model(path).sections:
        for item in getattr(section, "body", ()):
            if isinstance(item, ResourceImport | LibraryImport):
                target = (path.parent / item.name).resolve()
                found.add(str(target))
                if target.suffix == ".resource":
                    found |= imports(target)
    return found


@pytest.mark.parametrize("suite", sorted((ROOT / "robot").rglob("*.robot")), ids=lambda path: path.stem)
def test_every_suite_lets_the_diagnosis_listen(suite: Path) -> None:
    """Robot Framework calls a library's listener only in suites that import the library."""
    assert str(ROOT / "libraries" / "diagnosis") in imports(suite)
