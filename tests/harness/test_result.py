"""The exit code of a run says whether the stack is healthy, broken, or could not be judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.result import read_result

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("found", "sentences", "ends"),
    [
        ("healthy", [], (0, "Healthy.")),
        ("broken", ["mlflow does not run", "a secret leaks"], (1, "Broken: mlflow does not run.")),
        ("not judged", ["No cluster answers"], (2, "Not judged: No cluster answers.")),
        ("not judged", [], (2, "Not judged.")),
    ],
)
def test_the_exit_code_is_that_of_the_result(
    found: str, sentences: list[str], ends: tuple[int, str], tmp_path: Path
) -> None:
    file = tmp_path / "diagnosis.json"
    content = {"result": found, "diagnoses": [{"sentence": sentence} for sentence in sentences]}
    file.write_text(json.dumps(content), encoding="utf-8")
    assert read_result(file) == ends


def test_a_run_without_a_diagnosis_has_not_judged(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness.result", str(tmp_path / "diagnosis.json")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert ended.stdout.startswith("Not judged: there is no ")


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 100_000, '{"result": "fine", "diagnoses": []}', '{"diagnoses": [{}]}']
)
def test_what_is_no_diagnosis_has_not_judged(content: str, tmp_path: Path) -> None:
    file = tmp_path / "diagnosis.json"
    file.write_text(content, encoding="utf-8")
    code, line = read_result(file)
    assert code == 2
    assert line.startswith(f"Not judged: {file} cannot be read as a diagnosis")
