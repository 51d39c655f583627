"""Ctrl-C ends the suites in their own way: their teardowns put the cluster back in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.common.suites import RobotAhead

SUITE = """
*** Settings ***
Library           OperatingSystem
Suite Teardown    Create File    ${FOLDER}/in_order


*** Test Cases ***
Long Test
    Create File    ${FOLDER}/begun
    Sleep    60s
"""
# The handler is that of a terminal's job: a shell starts its background jobs with the signal ignored.
PROGRAM = """
import signal
import sys
from harness.common.errors import reports_errors, stop_when_terminated
from harness.common.suites import RobotAhead, run_robot
def run_ahead(*options):
    with RobotAhead() as robot:
        return robot.run(*options)
signal.signal(signal.SIGINT, signal.default_int_handler)
stop_when_terminated()
run = {"now": run_robot, "ahead": run_ahead}[sys.argv[1]]
sys.exit(reports_errors(run)(*sys.argv[2:]))
"""
START_LIMIT = 120  # seconds; a machine may be busy


def interrupt(process: subprocess.Popen[str]) -> None:
    """Do what a terminal does: the signal reaches both processes."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("start", ["now", "ahead"])
@pytest.mark.parametrize("stop", [interrupt, subprocess.Popen.terminate])
def test_teardowns_run_after_an_interrupt(
    tmp_path: Path, stop: Callable[[subprocess.Popen[str]], None], start: str
) -> None:
    suite = tmp_path / "long.robot"
    suite.write_text(SUITE)
    options = ["--variable", f"FOLDER:{tmp_path}", "--outputdir", str(tmp_path), "--console", "quiet"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, start, *options, str(suite)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_LIMIT
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stop(process)
    _, printed = process.communicate(timeout=START_LIMIT)
    assert process.returncode == 130
    assert printed.splitlines()[-1] == "Interrupted; the same command can be run again."
    assert "Traceback" not in printed
    assert (tmp_path / "in_order").exists()


def test_one_that_started_ahead_runs_what_it_gets_or_nothing(tmp_path: Path) -> None:
    suite = tmp_path / "short.robot"
    suite.write_text("*** Test Cases ***\nFails\n    Fail    as it must")
    with RobotAhead() as robot:
        assert robot.run("--outputdir", str(tmp_path), "--console", "none", str(suite)) == 1
    assert (tmp_path / "output.xml").is_file()
    with RobotAhead():
        pass
