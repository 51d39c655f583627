"""What a user sees: numbered steps with their time, and failures in one sentence."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cluster import settings

LOG_LINES = 20


class ClusterError(Exception):
    """Something the user must know: one sentence that says what to do, and the log that shows why."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        """Keep the sentence and, where one matters, the log file."""
        super().__init__(message)
        self.log = log


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `4.2 s` or `3 min 20 s`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def last_lines(log: Path, count: int = LOG_LINES) -> str:
    """Return the last `count` lines of a log file, empty when there is none."""
    if not log.is_file():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def report(error: ClusterError) -> None:
    """Print an error for a user: the end of its log first, so that the sentence is what remains in view."""
    if error.log and (tail := last_lines(error.log)):
        print(f"--- end of {error.log}\n{tail}\n---", file=sys.stderr)
    print(f"Error: {error}", file=sys.stderr, flush=True)


class Steps:
    """A counted list of steps, each printed with its number and its time when it is done."""

    def __init__(self, total: int) -> None:
        """Start counting towards `total`."""
        self.total = total
        self.number = 0
        self._name = ""
        self._started = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print a step when it is done; nothing else is printed for a step that fails."""
        self.number += 1
        self._name = name
        self._started = time.monotonic()
        yield
        self._print(duration(time.monotonic() - self._started))

    def still(self, doing: str) -> None:
        """Print what the current step is doing and how long it has been at it."""
        self._print(f"{doing}, {duration(time.monotonic() - self._started)} so far")

    def _print(self, rest: str) -> None:
        say(f"[{self.number}/{self.total}] {self._name} ... {rest}")


def wait_for(condition: Callable[[], bool], limit: float, message: str, log: Path | None = None) -> None:
    """Return as soon as `condition` holds.

    Raises ClusterError with `message` after `limit` seconds.
    """
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"{message} within {duration(limit)}.", log)
        time.sleep(settings.POLL_INTERVAL)
