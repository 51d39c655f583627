"""What does not fail is reported by its name: oddities, and findings that the settings tolerate."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.contract import load_contract
from contracts.evaluation import Violation
from contracts.findings import note_findings
from contracts.judgement import Finding, Judgement
from findings.notes import Notes
from findings.tolerances import TOLERABLE, ToleranceError, read_tolerances
from tests.contracts.recordings import recordings
from tests.libraries.test_resources import run

LEAK = "password-on-command-line"
GOOD = next(each for each in recordings() if each.name == "own/one-tool.mlflow.json")


@pytest.mark.parametrize("given", ["tokens-doubled", " tokens-doubled ,", ["tokens-doubled"]])
def test_a_tolerance_has_a_reason(given: object) -> None:
    assert list(read_tolerances(given)) == ["tokens-doubled"]
    assert read_tolerances(given)["tokens-doubled"].startswith("no filter drops")
    assert read_tolerances({"tokens-doubled": "agreed"}) == {"tokens-doubled": "agreed"}


def test_nothing_is_tolerated_by_default_and_no_unknown_name_ever() -> None:
    assert read_tolerances([]) == read_tolerances("") == {}
    with pytest.raises(
        ToleranceError, match=f"TOLERATE names orphans, which is none of: {', '.join(TOLERABLE)}"
    ):
        read_tolerances(["orphans"])
    with pytest.raises(ToleranceError, match="TOLERATE is 3"):
        read_tolerances(3)


def test_a_finding_fails_unless_it_is_tolerated() -> None:
    notes = Notes()
    assert not notes.findings_should_be_tolerated(LEAK, [], [])
    with pytest.raises(AssertionError, match=f"^mlflow leaks it. TOLERATE:{LEAK} makes this a warning.$"):
        notes.findings_should_be_tolerated(LEAK, ["mlflow leaks it"], ["tokens-doubled"])
    seen = notes.findings_should_be_tolerated(LEAK, ["mlflow leaks it"], {LEAK: "agreed"})
    assert seen == f"Tolerated {LEAK}: mlflow leaks it."
    assert notes.describe_tolerances({LEAK: "agreed"}) == {
        LEAK: "seen in 1 place, first: mlflow leaks it. Tolerated because agreed"
    }


def test_a_tolerance_is_unused_only_where_somebody_looked() -> None:
    notes = Notes()
    assert notes.describe_tolerances(LEAK)[LEAK].startswith("not looked for in this run. ")
    notes.findings_should_be_tolerated(LEAK, [], LEAK)
    assert notes.describe_tolerances(LEAK)[LEAK].startswith("unused: remove it from TOLERATE. ")
    assert notes.describe_oddities() == {}


def test_an_oddity_is_reported_with_its_traces_and_its_reason() -> None:
    notes = Notes()
    contract = load_contract("any-agent.yaml")
    violation = Violation("status.*", "the path", "status OK", "ERROR")
    note_findings(contract, GOOD.trace, Judgement(oddities={"queue-shut-down": [violation]}), notes)
    assert notes.describe_oddities()["queue-shut-down"].startswith("1 trace. The A2A SDK ends")
    assert notes.describe_tolerances("tokens-doubled")["tokens-doubled"].startswith("unused")


def test_what_could_be_tolerated_fails_one_test_of_a_run() -> None:
    notes = Notes()
    contract = load_contract("any-agent.yaml")
    doubled = Violation("tokens.doubled", "the path", "each call counted once", "counted twice")
    broken = Violation("root.name", "the path", "agent", "POST /")
    judgement = Judgement([Finding([doubled]), Finding([broken])])
    assert str(judgement.findings[0]).endswith("; TOLERATE:tokens-doubled makes this a warning")
    assert str(judgement.findings[1]).endswith("seen POST /")
    assert not notes.failed_before
    note_findings(contract, GOOD.trace, judgement, notes)
    assert notes.failed_before == {"tokens-doubled": "another test of this run fails because of it"}


TOLERATED = f"""
Suite Teardown    Report Findings

*** Variables ***
${{TOLERATE}}    {LEAK}

*** Test Cases ***
A Leak
    Findings Should Be Tolerated    {LEAK}    ${{{{['mlflow leaks it']}}}}    ${{TOLERATE}}
"""


def test_the_outermost_suite_names_what_was_tolerated(tmp_path: Path) -> None:
    suite = run(tmp_path, "findings.resource", TOLERATED)
    assert suite.status == "PASS"
    seen = f"seen in 1 place, first: mlflow leaks it. Tolerated because {TOLERABLE[LEAK]}"
    assert suite.message == f"Tolerated:\n{LEAK}: {seen}"
    assert suite.metadata[f"Tolerated {LEAK}"] == seen
