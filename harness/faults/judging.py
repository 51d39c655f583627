"""Runs the tests of a fault while it is in the stack, and judges whether they found it and named it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from harness.common.json_files import read_json
from harness.common.kubectl import current_context
from harness.common.robot_results import first_line, read_suite
from harness.common.suites import SUITES
from harness.faults.catalogue import Fault

SHORT_LIMITS = Path(__file__).parent / "short_limits.yaml"
NOT_JUDGED = "Not judged: "  # how the message of such a test begins (docs/diagnosis.md)


@dataclass(frozen=True)
class Outcome:
    """What became of a fault.

    - `subject`, `sentence`: the first diagnosis; empty where there was none.
    - `seconds`: from the start of Robot Framework's run until that diagnosis; None where there was none.
    - `missed`: tests that there are not or that did not fail as expected, a sentence each.
    - `unnamed`: why diagnosis and messages are not the expected ones, a sentence each.
    - `false_alarms`: tests that failed although they must stay green, a sentence each.
    - `took`: seconds to break the stack, to judge and to heal. `load`: the machine's load average then, of a
      minute. `limits`: `short` or `default`, a user's.
    - `error`: why nothing could be judged. `left_out`: why the fault does not fit what is deployed.
    """

    fault: Fault
    subject: str = ""
    sentence: str = ""
    seconds: float | None = None
    missed: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    took: float = 0.0
    load: float = 0.0
    limits: str = "short"
    error: str = ""
    left_out: str = ""

    @property
    def was_run(self) -> bool:
        """Whether the fault was in the stack, and judged."""
        return not self.left_out and not self.error

    @property
    def is_found(self) -> bool:
        """Whether every test failed that had to."""
        return self.was_run and not self.missed

    @property
    def is_named(self) -> bool:
        """Whether the first diagnosis and the tests' messages are the expected ones."""
        return self.was_run and not self.unnamed

    @property
    def is_right(self) -> bool:
        """Whether the fault was found and named, and nothing else was called broken."""
        return self.is_found and self.is_named and not self.false_alarms

    @property
    def problems(self) -> list[str]:
        """What is not right, a sentence each."""
        return [*filter(None, [self.error]), *self.missed, *self.unnamed, *self.false_alarms]

    @property
    def verdict(self) -> str:
        """What became of it, in a word or two."""
        if self.left_out:
            return "left out"
        if self.error:
            return "not run"
        words = ("not found", self.missed), ("not named", self.unnamed), ("false alarm", self.false_alarms)
        return ", ".join(word for word, wrong in words if wrong) or "named"


def run_tests(
    robot: Callable[..., object],
    fault: Fault,
    folder: Path,
    variables: Mapping[str, str],
    limits: Path | None = SHORT_LIMITS,
) -> None:
    """Run the fault's tests, with its settings and these, into a folder; an earlier run's results go.

    `robot` runs Robot Framework with options. `limits` is a variable file with LIMITS; None for those of a
    user's run.
    """
    shutil.rmtree(folder, ignore_errors=True)
    settings = {**fault.variables, **variables}
    robot(
        "--console", "none",
        *(("--variablefile", str(limits)) if limits else ()),
        *(option for each in settings.items() for option in ("--variable", ":".join(each))),
        *(("--variable", f"DISRUPTIVE:{current_context()}") if fault.disruptive else ()),
        *(option for name in fault.tests for option in ("--test", name)),
        "--outputdir", str(folder), str(SUITES),
    )  # fmt: skip


def judge(fault: Fault, folder: Path) -> Outcome:
    """Return what the run in a folder says of the fault."""
    if not (folder / "output.xml").is_file() or not (folder / "diagnosis.json").is_file():
        return Outcome(fault, error="Robot Framework did not run the tests")
    suite = read_suite(folder / "output.xml")
    tests = {test.name: test for test in suite.all_tests}
    found = read_json(folder / "diagnosis.json", "robot robot/", itemgetter("diagnoses"))
    first = found[0] if found else {"subject": "", "sentence": "", "seconds": None, "shown_by": []}
    seconds = first["seconds"]
    if seconds is None:
        # Of what tests alone found, the first that ended showed it.
        ends = [test.end_time for test in tests.values() if test.full_name in first["shown_by"]]
        seconds = round((min(ends) - suite.start_time).total_seconds(), 1) if ends else None
    return Outcome(
        fault,
        first["subject"],
        first["sentence"],
        seconds,
        missed=[*_absent(fault, tests), *_missed(fault, tests)],
        unnamed=[*_unnamed(fault, first["subject"], first["sentence"]), *_unsaid(fault, tests)],
        false_alarms=list(_false_alarms(fault, tests)),
    )


def _absent(fault: Fault, tests: Mapping[str, Any]) -> list[str]:
    return [f"No test is named {name!r}" for name in fault.tests if name not in tests]


def _missed(fault: Fault, tests: Mapping[str, Any]) -> Iterator[str]:
    for name in filter(tests.__contains__, fault.fails):
        if tests[name].status != "FAIL":
            yield f"{name!r} did not fail: {_result(tests[name])}"
        elif tests[name].message.startswith(NOT_JUDGED):
            yield f"{name!r} did not look: {_result(tests[name])}"
    for name in filter(tests.__contains__, fault.not_judged):
        if not tests[name].message.startswith(NOT_JUDGED):
            yield f"{name!r} was judged: {_result(tests[name])}"


def _unnamed(fault: Fault, subject: str, sentence: str) -> Iterator[str]:
    if subject not in (fault.diagnosis.subject, fault.diagnosis.becomes):
        yield f"The diagnosis is about {subject!r}, expected {fault.diagnosis.subject!r}: {sentence}"
    for text in fault.diagnosis.says:
        if text not in sentence:
            yield f"The diagnosis does not say {text!r}: {sentence}"


def _unsaid(fault: Fault, tests: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a test that failed does not say."""
    for name, says in fault.fails.items():
        if name in tests and tests[name].status == "FAIL":
            lacking = [text for text in says if text not in tests[name].message]
            yield from (f"{name!r} does not say {text!r}: {_result(tests[name])}" for text in lacking)


def _false_alarms(fault: Fault, tests: Mapping[str, Any]) -> Iterator[str]:
    for name in filter(tests.__contains__, fault.passes):
        if tests[name].status != "PASS":
            yield f"{name!r} must stay green: {_result(tests[name])}"


def _result(test: Any) -> str:  # noqa: ANN401 - Robot's result has no types
    """Return a test's status, and the first line of its message."""
    return f"{test.status} {first_line(test.message)}".rstrip()
