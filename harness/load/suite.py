"""Runs the acceptance suite beside a load, and reads what it said."""

from __future__ import annotations

import re
from pathlib import Path

from robot.api import ExecutionResult

from harness.common.suites import SUITES, run_robot
from harness.load.figures import SuiteRun

SUITE = SUITES / "traces" / "weather_question.robot"
TRACE_ID = re.compile(r"Trace [0-9a-f]+, ")
ARRIVAL = "arrival"  # the tag of tests whose message is how long a trace took


def run_suite(folder: Path) -> SuiteRun:
    """Ask a question of the suite's own and judge its trace, as `robot` does; its report is in a folder."""
    output = folder / "output.xml"
    output.unlink(missing_ok=True)
    run_robot("--outputdir", str(folder), "--console", "none", str(SUITE))
    return read_suite(output) if output.exists() else SuiteRun({}, "", "robot wrote no output.xml")


def read_suite(output: Path) -> SuiteRun:
    """Return what an output.xml says: each test, the arrival times, and the first failure."""
    tests = list(ExecutionResult(output).suite.all_tests)
    arrived = [test.message for test in tests if test.status == "PASS" and ARRIVAL in test.tags]
    failures = [test.message.strip().partition("\n")[0] for test in tests if test.status == "FAIL"]
    return SuiteRun(
        {test.name: test.status for test in tests},
        "; ".join(TRACE_ID.sub("", message).rstrip(".") for message in arrived),
        failures[0] if failures else "",
    )
