"""Runs Robot Framework as `python -m robot` does, in a process that a server forks.

So it has its packages and the libraries already, of which the import takes most of the time of a short run.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

# What takes most of a start.
PACKAGES = [
    "__main__",  # pytest itself, which each process would import otherwise
    "a2a.client",
    "httpx",
    "jsonschema",
    "KubeLibrary",
    "kubernetes.dynamic",
    "prometheus_client.parser",
    "RequestsLibrary",
    "robot.run",
    "tests.rooms_of_libraries",
]
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(PACKAGES)
LIMIT = 120  # seconds


def run_robot(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Return the exit code and the output of `python -m robot`, run in a folder.

    `environment` is the whole environment of the process, None for that of the tests. Raises TimeoutError
    where it does not end.
    """
    with TemporaryDirectory() as kept:
        files = (Path(kept) / "stdout", Path(kept) / "stderr")
        process = _PROCESSES.Process(
            target=_run, args=(list(arguments), folder, dict(environment or os.environ), files)
        )
        process.start()
        process.join(LIMIT)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"robot {' '.join(arguments)} runs after {LIMIT} s: {files[0].read_text()}")
        said = [file.read_text(encoding="utf-8") if file.exists() else "" for file in files]
        return subprocess.CompletedProcess(list(arguments), process.exitcode, *said)


def _run(
    arguments: list[str], folder: Path, environment: Mapping[str, str], files: tuple[Path, Path]
) -> None:
    from robot.run import run_cli  # noqa: PLC0415 - the process has it

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())
    # What it takes for the current folder is that of its import.
    run_cli(["--outputdir", str(folder), *arguments])
