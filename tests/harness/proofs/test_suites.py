"""The suites of the proofs find all their keywords, libraries and variables."""

from pathlib import Path

import pytest

from harness import proofs
from harness.common.combinations import ROOT
from tests.robot_process import run_robot

FOLDER = Path(proofs.__file__).parent
ONCE = ROOT / "tests" / "libraries" / "dry_run_once.py"
SUITES = sorted(FOLDER.rglob("*.robot"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.stem)
def test_a_suite_is_complete_without_a_cluster(suite: Path, tmp_path: Path) -> None:
    variables = ["--variable", f"KEPT:{tmp_path}", "--variable", "VERSION:3.16.1"]
    options = ["--dryrun", "--listener", str(ONCE), "--output", "NONE", "--log", "NONE", "--report", "NONE"]
    result = run_robot([*options, *variables, str(suite)], tmp_path)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert "[ ERROR ]" not in result.stderr
