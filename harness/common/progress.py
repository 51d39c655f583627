"""What a user reads meanwhile: numbered steps, each with the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `4.2 s` or `3 min 20 s`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


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
        """Print a step when it is done; nothing is printed for a step that fails."""
        self.number += 1
        self._name = name
        self._started = time.monotonic()
        yield
        self._print(duration(time.monotonic() - self._started))

    def still_doing(self, what: str) -> None:
        """Print what the current step is doing, and for how long already."""
        self._print(f"{what}, {duration(time.monotonic() - self._started)} so far")

    def _print(self, rest: str) -> None:
        say(f"[{self.number}/{self.total}] {self._name} ... {rest}")
