"""What a user reads when it fails."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.common.errors import HarnessError, last_lines, report_error, reports_errors

HARNESS = Path(__file__).parents[3] / "harness"
PROGRAMS = [path for path in HARNESS.rglob("*.py") if "sys.exit(main())" in path.read_text(encoding="utf-8")]


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


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (HarnessError("Not root."), 1, "Error: Not root.\n"),
        (
            PermissionError(13, "Permission denied", "/results"),
            1,
            "Error: /results cannot be used as needed: Permission denied.\n",
        ),
        (
            OSError(28, "No space left on device"),
            1,
            "Error: This machine cannot be used as needed: No space left on device.\n",
        ),
        (KeyboardInterrupt(), 130, "Interrupted; the same command can be run again.\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_program_that_fails_prints_one_sentence(
    error: BaseException, code: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @reports_errors
    def main() -> int:
        raise error

    assert main() == code
    assert capsys.readouterr().err == printed


def test_program_that_ends_keeps_its_exit_code() -> None:
    @reports_errors
    def main(code: int) -> int:
        return code

    assert [main(0), main(3)] == [0, 3]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(HARNESS)))
def test_every_program_reports_its_errors(path: Path) -> None:
    assert "@reports_errors\ndef main(" in path.read_text(encoding="utf-8")


def run(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=HARNESS.parent, capture_output=True, text=True, check=False)


def test_ctrl_c_while_a_program_is_imported_is_one_sentence() -> None:
    done = run("import harness; raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (
        -signal.SIGINT,
        "Interrupted; the same command can be run again.\n",
    )


def test_a_defect_keeps_its_stack_trace() -> None:
    done = run("import harness; 1 / 0")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
