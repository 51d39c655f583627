"""The suites are complete without a cluster: every keyword is found, every argument fits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_dry_run_needs_no_cluster(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "robot", "--dryrun", "--outputdir", str(tmp_path), "robot/"],
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
