"""Running other programs: their output goes to a log or comes back, and their failure becomes a sentence."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cluster.progress import ClusterError

REPORT_INTERVAL = 15.0


def logged(  # noqa: PLR0913 - what to run, and what to do while and after it
    arguments: Sequence[str | Path],
    log: Path,
    failure: str,
    limit: float,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    still: Callable[[], None] | None = None,
) -> None:
    """Run a program with its output in `log`, calling `still` every few seconds.

    Raises ClusterError with the sentence `failure` when it fails or takes longer than `limit` seconds.
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
            raise ClusterError(f"{failure} ({arguments[0]}: {error.strerror})") from error
        waited = 0.0
        try:
            while process.poll() is None:
                try:
                    process.wait(REPORT_INTERVAL)
                except subprocess.TimeoutExpired:
                    waited += REPORT_INTERVAL
                    if waited >= limit:
                        raise ClusterError(failure, log) from None
                    if still:
                        still()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        raise ClusterError(failure, log)


def succeeds(arguments: Sequence[str | Path], limit: float) -> bool:
    """Say whether a program exists, ends within `limit` seconds, and succeeds."""
    try:
        done = subprocess.run([str(a) for a in arguments], capture_output=True, timeout=limit, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def output(arguments: Sequence[str | Path], failure: str, text: str | None = None) -> str:
    """Run a program with `text` as its input and return what it prints.

    Raises ClusterError with the sentence `failure` and the program's last line when it fails.
    """
    try:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            input=text if text is not None else "",
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise ClusterError(f"{failure}: {arguments[0]}: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        raise ClusterError(f"{failure}: {said.splitlines()[-1]}")
    return done.stdout


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster."""

    program: Path
    kubeconfig: Path
    cache: Path  # instead of ~/.kube/cache

    @property
    def _start(self) -> list[str]:
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}"]

    def __call__(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl and return what it prints.

        Raises ClusterError with its last line when it fails.
        """
        return output(
            [*self._start, *arguments],
            f"`kubectl {' '.join(arguments)}` failed",
            text,
        )

    def succeeds(self, *arguments: str) -> bool:
        """Say whether a kubectl command succeeds."""
        return succeeds([*self._start, *arguments], 10)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what `kubectl get` finds, as a decoded JSON object.

        Raises ClusterError when it finds nothing or the API server does not answer.
        """
        found: dict[str, Any] = json.loads(self("get", *arguments, "-o", "json"))
        return found

    def apply(self, manifest: str) -> None:
        """Apply a manifest, as the owner of what it says.

        Raises ClusterError when the API server refuses it.
        """
        self(
            "apply", "--server-side", "--force-conflicts", "--field-manager=cluster", "-f", "-", text=manifest
        )
