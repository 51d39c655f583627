"""Writes a first contract of an agent from what its traces show."""

import sys
from types import TracebackType


def report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what ends the command: a sentence for Ctrl-C, and the stack trace of anything else."""
    if issubclass(kind, KeyboardInterrupt):
        print("Interrupted; nothing was written.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = report_uncaught  # also while imports go on, before `main`
