"""Waiting with an end: for a condition, for a server, or until another process gives a lock back."""

from __future__ import annotations

import fcntl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.common.errors import HarnessError
from harness.common.progress import duration, say

POLL_INTERVAL = 0.2  # seconds


def wait_for(condition: Callable[[], bool], limit: float, message: str, log: Path | None = None) -> None:
    """Return as soon as `condition` holds.

    Raises HarnessError with `message` and the limit after `limit` seconds.
    """
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise HarnessError(f"{message} within {duration(limit)}.", log)
        time.sleep(POLL_INTERVAL)


def wait_until_up(
    process: subprocess.Popen[bytes], answers: Callable[[], bool], limit: float, name: str, log: Path
) -> None:
    """Return as soon as a server that was just started answers.

    Raises HarnessError with the server's name where it ends, or does not answer within `limit` seconds.
    """
    wait_for(lambda: process.poll() is not None or answers(), limit, f"{name} does not answer", log)
    if process.poll() is not None:
        raise HarnessError(f"{name} ended with exit code {process.returncode}.", log)


@contextmanager
def exclusive_lock(file: Path, waiting: str) -> Iterator[None]:
    """Hold the lock on a file; print the line `waiting` while another process holds it.

    The system gives the lock back when its holder ends, in whatever way.
    Raises HarnessError when the file's folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("w")
    except OSError as error:
        raise HarnessError(
            f"{file.parent} cannot be written ({error.strerror});"
            " name another folder in EMBEDDED_CLUSTER_CACHE."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
