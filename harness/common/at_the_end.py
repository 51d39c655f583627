"""Runs a command at the end of this process, however it ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# The input of a shell ends when the one process that holds it open closes it, or ends.
_WAIT_AND_RUN = 'cat; exec "$@"'


@contextmanager
def run_at_the_end(command: Sequence[str | Path]) -> Iterator[None]:
    """Run a command when the `with` ends, or when this process does before, also by a signal that kills it.

    The command prints nothing, and has a session of its own: Ctrl-C in a terminal does not reach it.
    """
    with subprocess.Popen(
        ["sh", "-c", _WAIT_AND_RUN, "sh", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=os.sep,
        start_new_session=True,
    ):
        yield
