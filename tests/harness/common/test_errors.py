"""What a user reads when it fails."""

from pathlib import Path

import pytest

from harness.common.errors import HarnessError, last_lines, report_error


def test_failure_ends_with_its_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "etcd.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    report_error(HarnessError("etcd ended; do this.", log))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"--- end of {log}"
    assert lines[1:21] == [f"line {number}" for number in range(80, 100)]
    assert lines[-1] == "Error: etcd ended; do this."


def test_failure_without_a_log_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report_error(HarnessError("Not root.", tmp_path / "missing"))
    assert capsys.readouterr().err == "Error: Not root.\n"


def test_last_lines_of_nothing(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "missing") == ""
