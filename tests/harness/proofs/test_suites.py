"""The suites of the proofs find all their keywords, libraries and variables."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import proofs

FOLDER = Path(proofs.__file__).parent
SUITES = sorted(FOLDER.rglob("*.robot"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.stem)
def test_a_suite_is_complete_without_a_cluster(suite: Path, tmp_path: Path) -> None:
    variables = ["--variable", f"KEPT:{tmp_path}", "--variable", "VERSION:3.16.1"]
    robot = [sys.executable, "-m", "robot", "--dryrun", "--outputdir", str(tmp_path), *variables, str(suite)]
    result = subprocess.run(robot, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert "[ ERROR ]" not in result.stderr
