"""Ctrl-C ends the suites in their own way: their teardowns put the cluster back in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

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
from harness.common.suites import run_robot
signal.signal(signal.SIGINT, signal.default_int_handler)
stop_when_terminated()
sys.exit(reports_errors(run_robot)(*sys.argv[1:]))
"""
START_LIMIT = 30  # seconds


def interrupt(process: subprocess.Popen[str]) -> None:
    """Do what a terminal does: the signal reaches both processes."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [interrupt, subprocess.Popen.terminate])
def test_teardowns_run_after_an_interrupt(
    tmp_path: Path, stop: Callable[[subprocess.Popen[str]], None]
) -> None:
    suite = tmp_path / "long.robot"
    suite.write_text(SUITE)
    options = ["--variable", f"FOLDER:{tmp_path}", "--outputdir", str(tmp_path), "--console", "quiet"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *options, str(suite)],
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
