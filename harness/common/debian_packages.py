"""Debian's packages, installed by apt."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.common.commands import run_logged
from harness.common.errors import HarnessError

APT_LIMIT = 900  # seconds


def install_debian_packages(names: Sequence[str], log: Path) -> None:
    """Install packages, with what they depend on and no more.

    Raises HarnessError when this machine has no apt-get or it fails.
    """
    listed = " ".join(names)
    if not shutil.which("apt-get"):
        raise HarnessError(
            f"This machine lacks {listed} and has no apt-get to install them; install them, or start"
            " Docker or Podman, and run this again."
        )
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        run_logged(
            ["apt-get", "-q", *arguments],
            log,
            f"The Debian packages {listed} could not be installed.",
            APT_LIMIT,
            downloads_from="Apt's mirror",
            environment=environment,
        )
