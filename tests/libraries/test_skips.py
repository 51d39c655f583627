"""A test is skipped only for what was looked for and not found; the run's end says what was not judged."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from robot.api import Token, get_tokens

from capabilities.skips import Skips, summarize
from tests.libraries.test_resources import FILES, RESOURCES, run, run_one

SKIPPING = {"skip", "skip if", "pass execution", "pass execution if"}
NO_PHOENIX = "no phoenix: looked for pods and found none"


def test_skip_stands_in_one_keyword_only() -> None:
    found = [
        (path.name, token.lineno)
        for path in FILES
        for token in get_tokens(path)
        if token.type == Token.KEYWORD and token.value.lower() in SKIPPING
    ]
    assert [name for name, _ in found] == ["capabilities.resource"]


LOOKS = """
*** Test Cases ***
Without Phoenix
    Skip Unless Deployed    phoenix

Without A Second Pod
    Skip Unless Deployed    several-pods    mlflow

Without A Cluster
    Skip Unless Deployed    autoscalers

With A Login
    Skip Unless Deployed    login

*** Keywords ***
Look For Component
    [Arguments]    ${component}
    RETURN    pods of Service ${component}    ${{[]}}

Look For Several Pods
    [Arguments]    ${component}
    RETURN    replicas of ${component}    ${{[]}}

Look For Autoscalers
    Fail    Cannot read HorizontalPodAutoscalers: 403 forbidden.

Look For Login
    RETURN    an authenticator    ${{['basicauth']}}
"""
WHY = "no phoenix: looked for pods of Service phoenix and found none"


def test_absence_skips_and_what_cannot_be_looked_for_fails(tmp_path: Path) -> None:
    suite = run(tmp_path, "capabilities.resource", LOOKS)
    assert [(test.status, test.message) for test in suite.tests] == [
        ("SKIP", WHY),
        ("SKIP", "no several-pods of mlflow: looked for replicas of mlflow and found none"),
        ("FAIL", "Cannot read HorizontalPodAutoscalers: 403 forbidden."),
        ("PASS", ""),
    ]


BACKENDS = """
*** Test Cases ***
Phoenix Is Absent
    ${backends} =    Get Deployed Backends
    Should Be Equal    ${backends}    ${{['mlflow']}}

*** Keywords ***
Look For Component
    [Arguments]    ${component}
    RETURN    pods of Service ${component}    ${{['mlflow'] if $component == 'mlflow' else []}}

*** Variables ***
"""


@pytest.mark.parametrize(
    ("required", "result"),
    [
        ("mlflow", ("PASS", "")),
        ("phoenix", ("FAIL", f"REQUIRE names phoenix, so this test may not be skipped: there is {WHY}.")),
    ],
)
def test_a_backend_that_is_required_is_not_left_out(
    tmp_path: Path, required: str, result: tuple[str, str]
) -> None:
    suite = f"{BACKENDS}${{REQUIRE}}    {required}\n"
    assert run_one(tmp_path, "capabilities.resource", suite) == result


def test_the_outermost_suite_names_what_was_not_judged(tmp_path: Path) -> None:
    suite = run(tmp_path, "capabilities.resource", LOOKS)
    assert suite.message.splitlines() == [
        "Diagnosis: Cannot read HorizontalPodAutoscalers: 403 forbidden.",
        "Not judged, 2 of 4 tests:",
        "phoenix: 1 test, looked for pods of Service phoenix and found none",
        "several-pods of mlflow: 1 test, looked for replicas of mlflow and found none",
    ]
    assert (
        suite.metadata["Not judged: phoenix"] == "1 test, looked for pods of Service phoenix and found none"
    )


def test_what_is_required_fails_instead_of_being_skipped(tmp_path: Path) -> None:
    required = LOOKS.replace(
        "Skip Unless Deployed    phoenix",
        "VAR    ${REQUIRE} =    login, phoenix    scope=SUITE\n    Skip Unless Deployed    phoenix",
    )
    first, second, *_ = run(tmp_path, "capabilities.resource", required).tests
    assert (first.status, first.message) == (
        "FAIL",
        f"REQUIRE names phoenix, so this test may not be skipped: there is {WHY}.",
    )
    assert second.status == "SKIP"


def test_every_capability_has_its_keyword(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Look
    FOR    ${capability}    ${keyword}    IN    &{CAPABILITIES_BY_KEYWORD}
        IF    $capability != 'reachable-machine'    Keyword Should Exist    ${keyword}
    END
"""
    assert run_one(tmp_path, "capabilities.resource", suite) == ("PASS", "")
    flows = (RESOURCES.parent / "robot" / "network" / "flows.robot").read_text(encoding="utf-8")
    assert "\nLook For Way To This Machine\n" in flows


def test_suites_name_capabilities_that_there_are() -> None:
    known = Path(RESOURCES / "capabilities.resource").read_text(encoding="utf-8")
    for path in FILES:
        tokens = [token for token in get_tokens(path) if token.type in {Token.KEYWORD, Token.ARGUMENT}]
        for token, following in itertools.pairwise(tokens):
            if token.type == Token.KEYWORD and token.value == "Skip Unless Deployed":
                name = following.value
                assert name.startswith("$") or f" {name}=" in known or name in {"phoenix", "model"}, path


@pytest.mark.parametrize("required", ["", [], " , "])
def test_nothing_required_is_nothing(required: str | list[str]) -> None:
    assert Skips().read_required_capabilities(required, ["mlflow"]) == []


def test_required_is_a_list_or_a_text_with_commas_of_known_names() -> None:
    known = ["mlflow", "login"]
    assert Skips().read_required_capabilities("mlflow, login", known) == ["mlflow", "login"]
    assert Skips().read_required_capabilities(["login"], known) == ["login"]
    with pytest.raises(AssertionError, match="REQUIRE names logn, which no test can lack; choose from login"):
        Skips().read_required_capabilities("logn", known)


def test_skips_are_counted_by_what_is_absent_the_most_frequent_first() -> None:
    absences = {"login": "looked for x and found none", "phoenix": "looked for pods and found none"}
    messages = [
        f"Skipped in parent suite setup:\n{NO_PHOENIX}",
        "no login: looked for x and found none",
        f"Several failures occurred:\n\n1) {NO_PHOENIX}",
        "Skipped with --skip command line option.",
        "",
    ]
    assert summarize(messages, absences) == {
        "phoenix": "2 tests, looked for pods and found none",
        "login": "1 test, looked for x and found none",
        "for another reason": "1 test, Skipped with --skip command line option.; 1 test, no message",
    }
