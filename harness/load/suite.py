"""Runs the acceptance suite beside a load, and reads what it said."""

from __future__ import annotations

import re
from pathlib import Path

from harness.common.errors import HarnessError
from harness.common.robot_results import read_failures
from harness.common.suites import SUITES, run_and_read
from harness.load.figures import SuiteRun

SUITE = SUITES / "traces" / "weather_question.robot"
TRACE_ID = re.compile(r"Trace [0-9a-f]+, ")
ARRIVAL = "arrival"  # the tag of tests whose message is how long a trace took


def run_suite(folder: Path) -> SuiteRun:
    """Ask a question of the suite's own and judge its trace, as `robot` does; its report is in a folder.

    Return what became of each test, the arrival times, and the first failure.
    """
    try:
        suite = run_and_read(folder, "--console", "none", str(SUITE))
    except HarnessError as error:
        return SuiteRun({}, "", str(error))
    arrived = [test.message for test in suite.all_tests if test.passed and ARRIVAL in test.tags]
    return SuiteRun(
        {test.name: test.status for test in suite.all_tests},
        "; ".join(TRACE_ID.sub("", message).rstrip(".") for message in arrived),
        next(iter(read_failures(suite).values()), ""),
    )
