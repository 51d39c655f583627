"""kind itself: the one on the PATH, or the pinned release, compiled from its Go module into the cache."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

from harness.cluster.settings import VERSIONS, Folders
from harness.common.commands import read_output
from harness.common.errors import HarnessError
from harness.common.go import Go

MODULE = "sigs.k8s.io/kind@v0.32.0"
LOG = "kind-program.log"
OLDEST = (0, 31)  # the release whose node image runs our Kubernetes


def kind_program(folders: Folders) -> Path:
    """Return where kind is: on the PATH if it is recent enough, else in the cache (see `install_kind`)."""
    installed = shutil.which("kind")
    if installed and is_recent(installed):
        return Path(installed)
    return _go(folders).place_of(MODULE)


@cache
def is_recent(program: str) -> bool:
    """Say whether a kind is of OLDEST or newer; one that prints no version counts as its user's choice."""
    try:
        printed = read_output([program, "--version"], "kind does not say its version")
    except HarnessError:
        return True
    version = re.search(r"(\d+)\.(\d+)", printed)
    return not version or (int(version[1]), int(version[2])) >= OLDEST


def install_kind(folders: Folders) -> None:
    """Compile kind into the cache where there is none yet.

    Raises HarnessError when its module cannot be fetched or does not compile.
    """
    if not kind_program(folders).exists():
        _go(folders).install_program(MODULE, folders.log / LOG)


def download_module(folders: Folders, module: str) -> Path:
    """Return the folder with the source of a Go module (`path@version`), downloaded where it is missing.

    Raises HarnessError when it cannot be fetched.
    """
    failure = f"The Go module {module} could not be fetched."
    _go(folders).run(folders.log / LOG, failure, "mod", "download", module)
    return _go(folders).modules / module


def _go(folders: Folders) -> Go:
    return Go(VERSIONS["go"], folders.cache)
