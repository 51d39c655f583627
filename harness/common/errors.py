"""The one error that the harness shows to its user, and how it is printed."""

from __future__ import annotations

import sys
from pathlib import Path

LOG_LINES = 20


class HarnessError(Exception):
    """Something the user must know: one sentence that says what to do, and the log that shows why."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        """Keep the sentence and, where one matters, the log file."""
        super().__init__(message)
        self.log = log


def last_lines(log: Path, count: int = LOG_LINES) -> str:
    """Return the last `count` lines of a log file, empty when there is none."""
    if not log.is_file():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def report_error(error: HarnessError) -> None:
    """Print an error to stderr: the end of its log first, so that the sentence is what remains in view."""
    if error.log and (tail := last_lines(error.log)):
        print(f"--- end of {error.log}\n{tail}\n---", file=sys.stderr)
    print(f"Error: {error}", file=sys.stderr, flush=True)
