"""The one error that the harness shows to its user, and how a program that meets it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import ParamSpec

LOG_LINES = 20
INTERRUPTED = 130  # as a shell reports a program that SIGINT ended
Arguments = ParamSpec("Arguments")


class HarnessError(Exception):
    """Something the user must know: one sentence that says what to do, and the log that shows why."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        """Keep the sentence and, where one matters, the log file."""
        super().__init__(message)
        self.log = log


class Terminated(KeyboardInterrupt):
    """SIGTERM came: the program ends as after Ctrl-C, but the programs that it runs do not know of it."""


def stop_when_terminated() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that it leaves things in order."""
    signal.signal(signal.SIGTERM, _raise_terminated)


def _raise_terminated(*_: object) -> None:
    raise Terminated


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM end what the `with` does, nor the programs that it runs."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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


def report_interrupt() -> None:
    """Print to stderr what Ctrl-C did."""
    print("Interrupted; the same command can be run again.", file=sys.stderr, flush=True)


def report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what ends the process: a sentence for Ctrl-C, and the stack trace of anything else."""
    if issubclass(kind, KeyboardInterrupt):
        report_interrupt()
    else:
        sys.__excepthook__(kind, error, trace)


def reports_errors(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Let a program that cannot do its work print one sentence instead of a stack trace.

    Its exit code is then 1, after Ctrl-C 130.
    """

    @wraps(main)
    def run(*arguments: Arguments.args, **options: Arguments.kwargs) -> int:
        try:
            return main(*arguments, **options)
        except HarnessError as error:
            report_error(error)
        except OSError as error:
            place = error.filename or "This machine"
            report_error(HarnessError(f"{place} cannot be used as needed: {error.strerror or error}."))
        except KeyboardInterrupt:
            report_interrupt()
            return INTERRUPTED
        return 1

    return run
