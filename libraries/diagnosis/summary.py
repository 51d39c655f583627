"""What a run found: each diagnosis, with the tests that show it and those not judged because of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from certainty import CERTAIN, LIKELY
from diagnosis.causes import Cause

# Tags of tests from the ground up: what the first ones find can be why the later ones fail.
LAYERS = ("deployment", "network", "reachability", "authentication", "traces", "ui", "secrecy", "resilience")
# What Robot Framework writes above the text of a message, and before the first of several ones.
HEADINGS = (
    "Parent suite setup failed:",
    "Setup failed:",
    "Suite setup failed:",
    "Several failures occurred:",
)
NUMBER = "1) "
# What `Wait Until Keyword Succeeds` writes before the last failure, of BuiltIn of Robot Framework 7.
RETRIED = re.compile(r"^Keyword '.*?' failed after retrying .*?\. The last error was: ")
# How messages of tests end that Robot Framework ended or left out, what says most first.
ENDED_EARLY = (
    "Execution terminated by signal",
    "Test execution stopped due to a fatal error.",
    "Failure occurred and exit-on-failure mode is in use.",
    "Error occurred and exit-on-error mode is in use.",
)
FORMAT = 1  # of diagnosis.json; it changes when a key goes or means something else


@dataclass(frozen=True)
class DiagnosisOfRun:
    """One thing that is broken: a sentence, the names of tests that show it, and of those not judged for it.

    `subject` is the cause's, a key of `causes.BLOCKED`; empty for what a test alone found.
    `seconds` is when it was found, since the run's start; None for what a test alone found.
    `hop` and `certainty` are the cause's; what a test alone found is certain.
    """

    sentence: str
    subject: str
    seconds: float | None
    shown_by: Sequence[str]
    not_judged: Sequence[str]
    hop: str = ""
    certainty: str = CERTAIN

    def __str__(self) -> str:
        """Return the sentence, whether it is only likely, and how many tests follow from it."""
        count = len(self.not_judged)
        tests = f"{count} {'test is' if count == 1 else 'tests are'}"
        # A cause that is unknown says so itself.
        doubt = " This is likely, not certain." if self.certainty == LIKELY else ""
        return f"{self.sentence}.{doubt}{f' {tests} not judged because of it.' if count else ''}"


@dataclass(frozen=True)
class Summary:
    """What a run found, the lowest diagnosis first, and how its tests ended.

    `result` is `healthy`, `broken`, or `not judged` where the run could not begin, judged nothing, or ended
    early without a finding.
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
        unfinished = [test for test in failed if why_ended_early(test.message)]
        groups: dict[str, list[Any]] = {}
        for test in sorted((test for test in failed if test not in unfinished), key=_layer):
            groups.setdefault(first_line(test.message), []).append(test)
        result = _result(suite, bool(groups), bool(unfinished))
        found = [_of_cause(cause, groups) for cause in causes]
        found += [
            DiagnosisOfRun(line.rstrip("."), "", None, _names(tests), ()) for line, tests in groups.items()
        ]
        if unfinished:
            found.append(_of_end(suite, unfinished))
        numbers = suite.statistics
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
    lines = [line for line in message.splitlines() if line and line not in HEADINGS]
    return RETRIED.sub("", lines[0].removeprefix(NUMBER)) if lines else "a test failed without a message"


def why_ended_early(message: str) -> str:
    """Return why Robot Framework ended a test, or did not begin it; empty where a test ended by itself."""
    line = first_line(message)
    return next((why for why in ENDED_EARLY if line.endswith(why)), "")


def write_summary(summary: Summary, file: Path) -> None:
    """Write the summary as JSON, as docs/diagnosis.schema.json describes it."""
    content = {"format": FORMAT, **asdict(summary)}
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _result(suite: Any, found: bool, ended_early: bool) -> str:  # noqa: ANN401
    """Return the result of a suite, some of whose tests found something or were ended early."""
    begun = suite.statistics.passed + suite.statistics.failed > 0
    if not begun or (suite.has_setup and suite.setup.failed):
        return "not judged"
    if found:
        return "broken"
    return "not judged" if ended_early else "healthy"


def _of_cause(cause: Cause, groups: dict[str, list[Any]]) -> DiagnosisOfRun:
    """Return the diagnosis of a cause, and take the tests that belong to it out of the groups."""
    not_judged = groups.pop(cause.verdict_of_test, [])
    shown_by = []
    for line, tests in list(groups.items()):
        if cause.reason in line or any(cause.is_shown_by(test.tags) for test in tests):
            shown_by += groups.pop(line)
    return DiagnosisOfRun(
        cause.sentence,
        cause.subject,
        cause.seconds,
        _names(shown_by),
        _names(not_judged),
        cause.hop,
        cause.certainty,
    )


def _of_end(suite: Any, unfinished: Sequence[Any]) -> DiagnosisOfRun:  # noqa: ANN401
    """Return the diagnosis of a run that ended early, in its own setup or in one of the unfinished tests."""
    reasons = (why_ended_early(each.message) for each in (suite, *unfinished))
    why = min(filter(None, reasons), key=ENDED_EARLY.index).rstrip(".")
    return DiagnosisOfRun(f"The run ended early: {why}", "", None, (), _names(unfinished))


def _layer(test: Any) -> int:  # noqa: ANN401
    return next((number for number, tag in enumerate(LAYERS) if tag in test.tags), len(LAYERS))


def _names(tests: Iterable[Any]) -> list[str]:
    return [test.full_name for test in tests]
