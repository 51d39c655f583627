"""A small Debian in a folder, made by debootstrap: the base of an image where none can be pulled."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.common.commands import read_output, run_logged

DEBIAN = "bookworm"
DOWNLOAD_LIMIT = 900  # seconds


def debian_mirror() -> list[str]:
    """Return the mirror of this machine's apt as an argument; without one debootstrap uses its own."""
    if not shutil.which("apt-get"):
        return []
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]
    for line in read_output(command, "apt's mirrors cannot be read").splitlines():
        address, release, component = line.split()
        if (release, component) == (DEBIAN, "main"):
            return [address]
    return []


def make_debian_system(root: Path, packages: Sequence[str], log: Path) -> None:
    """Make a small Debian with these packages in the folder `root`.

    Raises HarnessError when debootstrap fails.
    """
    # In a mount namespace of its own, an interrupted debootstrap leaves nothing mounted below the folder.
    bootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", DEBIAN, str(root)]
    run_logged(
        ["unshare", "--mount", *bootstrap, *debian_mirror()],
        log,
        "debootstrap could not make Debian's base system.",
        DOWNLOAD_LIMIT,
        downloads_from="Debian's mirror",
    )
