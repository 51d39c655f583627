"""The machine's processes, found by what they were started with.

A process is known by its arguments, never by a recorded number: after a kill or a restart of the machine
another process may have that number. A zombie has no arguments and so does not count as running.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import settings
from harness.common.waiting import wait_for

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A running process: its number and its arguments."""

    pid: int
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the program's path."""
        return Path(self.arguments[0]).name


def running(proc: Path = PROC) -> list[Process]:
    """Return every process that has arguments: no kernel thread, no zombie."""
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile
            raw = (folder / "cmdline").read_bytes().decode(errors="replace")
            if raw:
                found.append(Process(int(folder.name), tuple(raw.removesuffix("\0").split("\0"))))
    return found


def find(arguments: Sequence[str], among: Iterable[Process]) -> Process | None:
    """Return the process that was started with exactly these arguments."""
    wanted = tuple(arguments)
    return next((process for process in among if process.arguments == wanted), None)


def mentioning(folder: Path, names: Iterable[str], among: Iterable[Process]) -> list[Process]:
    """Return the processes with one of these program names and an argument with `folder` or a path in it."""
    wanted = set(names)
    inside = f"{folder}/"
    return [
        process
        for process in among
        if process.name in wanted and any(inside in f"{argument}/" for argument in process.arguments[1:])
    ]


def start(arguments: Sequence[str], log: Path) -> None:
    """Start a program in the background with a log file of its own; the previous log stays as `.1`.

    Return when /proc shows its arguments, a moment after it was started, or when it has already ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    with log.open("wb") as output:
        process = subprocess.Popen(  # it must outlive this process, which does not wait for its end
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    wait_for(
        lambda: process.poll() is not None or find(arguments, running()) is not None,
        settings.START_LIMIT,
        f"{arguments[0]} did not start",
        log,
    )


def kill(pids: Iterable[int]) -> None:
    """Kill processes and return when they are gone.

    Raises HarnessError when one does not go.
    """
    numbers = set(pids)
    for pid in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: numbers.isdisjoint(process.pid for process in running()),
        settings.STOP_LIMIT,
        f"The processes {sorted(numbers)} did not end; see `ps` for what holds them. Gave up",
    )
