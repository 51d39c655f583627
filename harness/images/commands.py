"""Runs other programs with their output in a log file."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.images.errors import ImageError

SHOWN_LINES = 20
UNREACHABLE = (
    "Could not resolve",
    "Temporary failure in name resolution",
    "Name or service not known",
    "no such host",
    "Connection refused",
    "connection refused",
    "Network is unreachable",
    "network is unreachable",
    "dns error",
    "tls handshake timeout",
    "i/o timeout",
    "Couldn't download packages",
    "Failed getting release file",
)


def explain(what: str, log: Path) -> str:
    """Return the message for a command that failed: what it was, the likely cause, and the end of its log."""
    lines = log.read_text(errors="replace").splitlines()
    last = lines[-SHOWN_LINES:]
    cause = ""
    if any(sign in line for line in last for sign in UNREACHABLE):
        cause = " because a package registry cannot be reached: check the network and the proxy"
    return "\n".join([f"{what} failed{cause}; the end of {log}:", *(f"    {line}" for line in last)])


def run_logged(
    command: Sequence[str],
    what: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Run a command and append what it prints to a log; `what` names it in messages.

    Raises ImageError with the log's last lines when the command is missing or fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        try:
            code = subprocess.run(
                command,
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except FileNotFoundError as error:
            raise ImageError(f"{what} needs the program {command[0]}, which is not on PATH") from error
    if code:
        raise ImageError(explain(what, log))
