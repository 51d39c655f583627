"""Runs Robot Framework as a user does, with what it prints in the user's view."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from harness.common.combinations import ROOT
from harness.common.errors import Terminated

SUITES = ROOT / "robot"


def run_robot(*arguments: str, environment: Mapping[str, str] | None = None) -> int:
    """Run Robot Framework and return its exit code. `environment` adds to this process's own.

    Ctrl-C reaches both processes. Robot Framework then stops the test, and its teardowns put the cluster back
    in order. When it has ended, or at once after a second Ctrl-C, KeyboardInterrupt is raised. SIGTERM
    reaches this process alone, and is passed on.
    """
    command = [sys.executable, "-m", "robot", *arguments]
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    try:
        return process.wait()
    except Terminated:
        process.terminate()
        process.wait()
        raise
    except KeyboardInterrupt:
        process.wait()
        raise
