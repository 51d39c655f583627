"""What must not outlive a process ends with it, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.common.at_the_end import run_at_the_end
from harness.common.waiting import wait_for

ROOT = Path(__file__).parents[3]
LIMIT = 10  # seconds
# A shell starts what runs in the background with SIGINT ignored, and so its children.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.common.at_the_end import run_at_the_end
with run_at_the_end(["touch", sys.argv[1]]):
    print("runs", flush=True)
    sys.stdin.read()
"""


def test_the_command_has_run_when_the_with_ends(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    with run_at_the_end(["touch", ended]):
        assert not ended.exists()
    assert ended.exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_runs_when_the_process_is_killed(tmp_path: Path, sent: signal.Signals) -> None:
    ended = tmp_path / "ended"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, ended],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"runs\n"
        assert not ended.exists()
        process.send_signal(sent)
        process.wait(LIMIT)
        wait_for(ended.exists, LIMIT, "The command has not run")
