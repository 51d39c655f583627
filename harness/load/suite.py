"""Runs the acceptance suite beside a load, and reads what it said."""

from __future__ import annotations

from pathlib import Path

from robot.api import ExecutionResult

from harness.common.suites import SUITES, run_robot
from harness.load.figures import SuiteRun

SUITE = SUITES / "traces" / "weather_question.robot"
ARRIVAL_TIMES = "Arrival times"  # of the head of its report


def run_suite(folder: Path) -> SuiteRun:
    """Ask a question of the suite's own and judge its trace, as `robot` does; its report is in a folder."""
    output = folder / "output.xml"
    output.unlink(missing_ok=True)
    run_robot("--outputdir", str(folder), "--console", "none", str(SUITE))
    return read_suite(output) if output.exists() else SuiteRun({}, "", "robot wrote no output.xml")


def read_suite(output: Path) -> SuiteRun:
    """Return what an output.xml says: each test, the arrival times, and the first failure."""
    suite = ExecutionResult(output).suite
    tests = list(suite.all_tests)
    failures = [test.message.strip().partition("\n")[0] for test in tests if test.status == "FAIL"]
    return SuiteRun(
        {test.name: test.status for test in tests},
        suite.metadata.get(ARRIVAL_TIMES, ""),
        failures[0] if failures else "",
    )
