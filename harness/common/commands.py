"""Runs other programs within a time limit: their output goes to a log or is returned."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.common.errors import HarnessError, last_lines
from harness.common.network_errors import mentions_network_error
from harness.common.progress import duration

REPORT_INTERVAL = 15.0  # seconds
OUTPUT_LIMIT = 300.0  # seconds; longer than any command here waits by an option of its own


def run_logged(  # noqa: PLR0913 - what to run, and what to do while and after it
    arguments: Sequence[str | Path],
    log: Path,
    failure: str,
    limit: float,
    *,
    downloads_from: str = "",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    while_running: Callable[[], None] | None = None,
) -> None:
    """Run a program, append its output to `log`, and call `while_running` every few seconds.

    `environment` adds to this process's own. `downloads_from` names the server that the program needs.
    Raises HarnessError with the sentence `failure` when the program fails or takes longer than `limit`
    seconds. The error says so when the log shows that `downloads_from` could not be reached.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=folder,
            )
        except OSError as error:
            raise HarnessError(f"{failure} {arguments[0]} cannot be run: {error.strerror}.") from error
        try:
            if not _ends_within(process, limit, while_running):
                raise HarnessError(f"{failure} It took longer than {duration(limit)}.", log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        if downloads_from and mentions_network_error(last_lines(log)):
            failure += f" {downloads_from} cannot be reached: check the network and the proxy."
        raise HarnessError(failure, log)


def _ends_within(
    process: subprocess.Popen[bytes], limit: float, while_running: Callable[[], None] | None
) -> bool:
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        try:
            process.wait(min(REPORT_INTERVAL, left))
        except subprocess.TimeoutExpired:
            if while_running:
                while_running()
        else:
            return True
    return process.poll() is not None


def succeeds(
    arguments: Sequence[str | Path], limit: float, environment: Mapping[str, str] | None = None
) -> bool:
    """Say whether a program exists, ends within `limit` seconds, and succeeds."""
    try:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **(environment or {})},
            timeout=limit,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def read_output(  # noqa: PLR0913 - what to run, where, and with what input
    arguments: Sequence[str | Path],
    failure: str,
    *,
    text: str = "",
    limit: float = OUTPUT_LIMIT,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program with `text` as its input and return what it prints.

    `environment` adds to this process's own.
    Raises HarnessError with the words `failure` and the program's last line when it fails or takes longer
    than `limit` seconds.
    """
    try:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            input=text,
            capture_output=True,
            text=True,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            timeout=limit,
            check=False,
        )
    except OSError as error:
        raise HarnessError(f"{failure}: {arguments[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise HarnessError(f"{failure}: it took longer than {duration(limit)}") from error
    if done.returncode:
        printed = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        raise HarnessError(f"{failure}: {printed.splitlines()[-1]}")
    return done.stdout
