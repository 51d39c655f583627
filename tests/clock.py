"""A clock that nobody waits for: tests of limits depend on no machine's speed."""

from __future__ import annotations


class Clock:
    """What a module knows as `time`: a pause takes no time, and moves the clock on."""

    def __init__(self) -> None:
        """Start at 0."""
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the seconds that passed."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.now += seconds
