"""What Robot Framework wrote of a run into its output.xml: how many tests passed, and why others failed.

Suites and tests are objects of Robot Framework's own classes, which have no types.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot.api import ExecutionResult
from robot.errors import DataError  # type: ignore[import-untyped] # it has no types

from harness.common.errors import HarnessError


@dataclass(frozen=True)
class Counts:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the sums."""
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        """Return the line by which CI counts tests."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_suite(output: Path) -> Any:  # noqa: ANN401 - it has no types
    """Return the root suite of a run, with all suites and tests, and without keywords.

    Raises HarnessError where Robot Framework wrote none, or was ended while it wrote it.
    """
    if not output.exists():
        raise HarnessError(f"Robot Framework wrote no {output}; its message above says why.")
    try:
        return ExecutionResult(output, include_keywords=False).suite
    except DataError as error:
        raise HarnessError(
            f"{output} is no whole output of Robot Framework: run the suites again."
        ) from error


def count_tests(suite: Any) -> Counts:  # noqa: ANN401 - it has no types
    """Return how many tests of a suite passed, failed and were skipped."""
    total = suite.statistics
    return Counts(total.passed, total.failed, total.skipped)


def read_failures(suite: Any) -> dict[str, str]:  # noqa: ANN401 - it has no types
    """Return the first line of the message of each test that failed, by the test's full name."""
    return {test.full_name: first_line(test.message) for test in suite.all_tests if test.failed}


def first_line(message: str) -> str:
    """Return the first line of a test's message: the one that says why it failed."""
    return message.strip().partition("\n")[0]
