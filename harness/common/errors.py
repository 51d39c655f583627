"""The one error that the harness shows to its user, and how a program that meets it ends."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import ParamSpec

LOG_LINES = 20
# As a shell reports a program that SIGINT ended, and one that SIGPIPE ended.
INTERRUPTED, UNREAD = 130, 141
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


def is_read() -> bool:
    """Return whether somebody may still read the output: `... | head -1` does not after the first line."""
    try:
        output = select.poll()
        output.register(sys.stdout, 0)
        return not any(event & select.POLLERR for _, event in output.poll(0))
    except (OSError, TypeError):  # it is closed, or no file
        return True


def drop_output() -> None:
    """Drop what is printed and cannot be written: Python would report it at its end, in its own words."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reports_errors(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Let a program that cannot do its work print one sentence instead of a stack trace.

    Its exit code is then 1, after Ctrl-C 130. Where nobody reads its output any more, it ends with 141, and
    without a sentence.
    """

    @wraps(main)
    def run(*arguments: Arguments.args, **options: Arguments.kwargs) -> int:
        try:
            code = main(*arguments, **options)
            print(end="", flush=True)
        except HarnessError as error:
            report_error(error)
        except OSError as error:
            is_unread = isinstance(error, BrokenPipeError) and not is_read()
            drop_output()
            if is_unread:
                return UNREAD
            place = error.filename or "This machine"
            report_error(HarnessError(f"{place} cannot be used as needed: {error.strerror or error}."))
        except KeyboardInterrupt:
            report_interrupt()
            return INTERRUPTED
        else:
            return code
        return 1

    return run
