"""Runs Robot Framework as a user does, with what it prints in the user's view."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.common.combinations import ROOT
from harness.common.errors import Terminated
from harness.common.robot_results import read_suite

SUITES = ROOT / "robot"


def run_robot(*arguments: str, environment: Mapping[str, str] | None = None) -> int:
    """Run Robot Framework and return its exit code. `environment` adds to this process's own.

    Ctrl-C reaches both processes. Robot Framework then stops the test, and its teardowns put the cluster back
    in order. When it has ended, or at once after a second Ctrl-C, KeyboardInterrupt is raised. SIGTERM
    reaches this process alone, and is passed on.
    """
    command = [sys.executable, "-m", "robot", *arguments]
    return _wait_for(subprocess.Popen(command, env={**os.environ, **(environment or {})}))


def run_and_read(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - it has no types
    """Run Robot Framework as `run_robot` does, with its report in a folder; return the root suite of the run.

    Raises HarnessError where it wrote no results, as for a wrong option.
    """
    output = folder / "output.xml"
    output.unlink(missing_ok=True)
    run_robot("--outputdir", str(folder), *arguments, environment=environment)
    return read_suite(output)


class RobotAhead:
    """Robot Framework that has started and waits for its options, so that a run takes no time to start.

    Whoever does not run it closes it.
    """

    def __init__(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "harness.common.robot_ahead"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)

    def __enter__(self) -> RobotAhead:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end where it got no options."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()

    def run(self, *arguments: str) -> int:
        """Run Robot Framework once with these options, as `run_robot` does, and return its exit code."""
        if self._process.stdin:
            self._process.stdin.write(json.dumps(arguments) + "\n")
            self._process.stdin.close()
        return _wait_for(self._process)


def _wait_for(process: subprocess.Popen[Any]) -> int:
    """Wait until Robot Framework has ended, and pass SIGTERM on to it; return its exit code."""
    try:
        return process.wait()
    except Terminated:
        process.terminate()
        process.wait()
        raise
    except KeyboardInterrupt:
        process.wait()
        raise
