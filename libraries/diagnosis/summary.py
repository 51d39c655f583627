"""What a run found: each diagnosis, with the tests that show it and those not judged because of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot.libraries.BuiltIn import BuiltIn

from diagnosis.causes import Cause

# Tags of tests from the ground up: what the first ones find can be why the later ones fail.
LAYERS = ("deployment", "network", "reachability", "authentication", "traces", "ui", "secrecy", "resilience")
SETUP_FAILED = ("Parent suite setup failed:", "Setup failed:")
FORMAT = 1  # of diagnosis.json; it changes when a key goes or means something else


@dataclass(frozen=True)
class DiagnosisOfRun:
    """One thing that is broken: a sentence, the names of tests that show it, and of those not judged for it.

    `subject` is the cause's, a key of `causes.BLOCKED`; empty for what a test alone found.
    `seconds` is when it was found, since the run's start; None for what a test alone found.
    """

    sentence: str
    subject: str
    seconds: float | None
    shown_by: Sequence[str]
    not_judged: Sequence[str]

    def __str__(self) -> str:
        """Return the sentence, and how many tests follow from it."""
        count = len(self.not_judged)
        tests = f"{count} {'test is' if count == 1 else 'tests are'}"
        return f"{self.sentence}.{f' {tests} not judged because of it.' if count else ''}"


@dataclass(frozen=True)
class Summary:
    """What a run found, the lowest diagnosis first, and how its tests ended.

    `result` is `healthy`, `broken`, or `not judged` where the run could not begin or judged nothing.
    """

    result: str
    diagnoses: Sequence[DiagnosisOfRun]
    passed: int
    failed: int
    skipped: int

    @classmethod
    def of(cls, suite: Any, causes: Sequence[Cause]) -> Summary:  # noqa: ANN401 - Robot's result has no types
        """Return the summary of a suite that ended, with the causes noted meanwhile, from the ground up."""
        failed = [test for test in suite.all_tests if test.failed]
        groups: dict[str, list[Any]] = {}
        for test in sorted(failed, key=_layer):
            groups.setdefault(first_line(test.message), []).append(test)
        found = [_of_cause(cause, groups) for cause in causes]
        found += [
            DiagnosisOfRun(line.rstrip("."), "", None, _names(tests), ()) for line, tests in groups.items()
        ]
        numbers = suite.statistics
        begun = numbers.passed + numbers.failed > 0 and not (suite.has_setup and suite.setup.failed)
        result = ("broken" if numbers.failed else "healthy") if begun else "not judged"
        return cls(result, found, numbers.passed, numbers.failed, numbers.skipped)

    @property
    def text(self) -> str:
        """The diagnosis and, a line each, what else was found; empty where nothing was."""
        if not self.diagnoses:
            return ""
        first, *others = self.diagnoses
        return "\n".join([f"Diagnosis: {first}", *(f"Also found: {other}" for other in others)])

    @property
    def documentation(self) -> str:
        """The text in Robot Framework's documentation format: what else was found is a list."""
        first, *others = self.text.splitlines()
        return "\n".join(
            [first.replace("Diagnosis:", "*Diagnosis:*", 1), "", *(f"- {line}" for line in others)]
        )


def first_line(message: str) -> str:
    """Return the first line of a test's message that says something of its own."""
    lines = [line for line in message.splitlines() if line and line not in SETUP_FAILED]
    return lines[0] if lines else "a test failed without a message"


def write_summary(summary: Summary, name: str) -> None:
    """Write the summary as JSON beside output.xml, where there is one; docs/diagnosis.md describes it."""
    variables = BuiltIn().get_variables()
    if variables["${OUTPUT FILE}"] == "NONE":
        return
    content = {"format": FORMAT, **asdict(summary)}
    (Path(variables["${OUTPUT DIR}"]) / name).write_text(
        json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _of_cause(cause: Cause, groups: dict[str, list[Any]]) -> DiagnosisOfRun:
    """Return the diagnosis of a cause, and take the tests that belong to it out of the groups."""
    not_judged = groups.pop(cause.verdict_of_test, [])
    shown_by = []
    for line, tests in list(groups.items()):
        if cause.reason in line or any(cause.is_shown_by(test.tags) for test in tests):
            shown_by += groups.pop(line)
    return DiagnosisOfRun(cause.sentence, cause.subject, cause.seconds, _names(shown_by), _names(not_judged))


def _layer(test: Any) -> int:  # noqa: ANN401
    return next((number for number, tag in enumerate(LAYERS) if tag in test.tags), len(LAYERS))


def _names(tests: Iterable[Any]) -> list[str]:
    return [test.full_name for test in tests]
