"""Checks the GitHub workflows with actionlint: `python -m harness.workflows`.

actionlint is the one on PATH. Where there is none, it is compiled from its Go module into the cache, once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from harness.cluster.settings import VERSIONS
from harness.common.cache import cache_folder
from harness.common.combinations import ROOT
from harness.common.errors import reports_errors
from harness.common.go import Go

MODULE = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def find_actionlint(cache: Path) -> Path:
    """Return actionlint's program; compile it where it is not there yet.

    Raises HarnessError when it does not compile.
    """
    installed = shutil.which("actionlint")
    if installed:
        return Path(installed)
    return Go(VERSIONS["go"], cache).install_program(MODULE, cache / "programs" / "actionlint.log")


@reports_errors
def main() -> int:
    """Check all workflows; return actionlint's exit code, 0 for no finding."""
    program = find_actionlint(cache_folder())
    return subprocess.run([program, "-color"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
