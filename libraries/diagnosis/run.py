"""Keeps the causes that a run found, and lets no test wait for what cannot come because of one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from robot.api import ResultWriter, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn
from robot.model import TagPatterns  # type: ignore[import-untyped] # it has no types
from robot.result import Result  # type: ignore[import-untyped] # it has no types
from robot.utils import escape  # type: ignore[import-untyped] # it has no types

from certainty import CERTAIN
from diagnosis.causes import Cause, in_order
from diagnosis.summary import Summary, write_summary

SUMMARY, XUNIT = "diagnosis.json", "xunit.xml"  # files beside output.xml


@library(scope="GLOBAL")
class Run:
    """Knows the causes of a run. As a listener it ends tests that cannot be judged, and sums up the run.

    The summary begins the outermost suite's message, which the terminal shows last, and its documentation,
    which the report shows first. It is also in diagnosis.json, and the tests in xunit.xml, beside the report.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        """Start with nothing found."""
        self._started = time.monotonic()
        self._causes: dict[str, Cause] = {}
        self._tags: list[Any] = []  # of each test of the run

    @keyword
    def note_cause(
        self, subject: str, sentence: str, blocks: bool = True, hop: str = "", certainty: str = CERTAIN
    ) -> None:
        """Note what is broken; the first sentence about a subject stays.

        The subjects are those of `diagnosis.causes.BLOCKED`. `blocks` is whether nothing of it works: tests
        that need it are not judged from now on. `hop` and `certainty` are those of the verdict.
        """
        seconds = round(time.monotonic() - self._started, 1)
        noted = Cause(subject, sentence.rstrip("."), blocks, seconds, hop, certainty)
        cause = self._causes.setdefault(subject, noted)
        logger.info(f"Cause: {cause.sentence}.")

    @keyword
    def fail_for_known_cause(self, *subjects: str) -> None:
        """Fail, as a test that is not judged, where one of the subjects is known not to work."""
        for cause in in_order(self._causes.values()):
            if cause.blocks and cause.subject in subjects:
                raise AssertionError(cause.verdict_of_test)

    @keyword
    def is_cause_known(self, *subjects: str) -> bool:
        """Return whether a cause with one of these subjects was noted."""
        return any(subject in self._causes for subject in subjects)

    @keyword
    def check_if_run_has_tests(self, pattern: str) -> bool:
        """Return whether the outermost suite has a test whose tags match a tag pattern."""
        matches = TagPatterns(pattern).match
        return any(matches(tags) for tags in self._tags)

    def start_suite(self, data: Any, _: object) -> None:  # noqa: ANN401 - Robot's model has no types
        """Leave out the setup of a suite none of whose tests can be judged.

        The diagnosis of an earlier run is removed first: whatever becomes of this one, it says nothing of it.
        """
        if data.parent is None:
            self._tags = [test.tags for test in data.all_tests]
            if folder := _find_output_folder():
                (folder / SUMMARY).unlink(missing_ok=True)
        if data.tests and all(self._why_not_judged(test) for test in data.tests):
            data.setup = None

    def start_test(self, data: Any, _: object) -> None:  # noqa: ANN401
        """Let a test that cannot be judged say so, and do nothing else."""
        why = self._why_not_judged(data)
        if why:
            data.setup = data.teardown = data.template = None
            data.body.clear()
            data.body.create_keyword(name="BuiltIn.Fail", args=[escape(why)])

    def end_suite(self, _: object, result: Any) -> None:  # noqa: ANN401
        """Sum up the run in the outermost suite's message and documentation, and write the files."""
        if result.parent is not None:
            return
        summary = Summary.of(result, in_order(self._causes.values()))
        if summary.text:
            result.message = "\n".join(filter(None, (summary.text, result.message)))
            result.doc = f"{summary.documentation}\n\n{result.doc}"
        if folder := _find_output_folder():
            write_summary(summary, folder / SUMMARY)
            files = {"log": None, "report": None, "xunit": str(folder / XUNIT)}
            ResultWriter(Result(suite=result)).write_results(**files)

    def _why_not_judged(self, test: Any) -> str:  # noqa: ANN401
        for cause in in_order(self._causes.values()):
            if cause.prevents(test.tags):
                return cause.verdict_of_test
        return ""


def _find_output_folder() -> Path | None:
    """Return the folder of output.xml, None where Robot Framework is to write no such file."""
    variables = BuiltIn().get_variables()
    return None if variables["${OUTPUT FILE}"] == "NONE" else Path(variables["${OUTPUT DIR}"])
