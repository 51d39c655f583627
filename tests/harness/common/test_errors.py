"""What a user reads when it fails."""

import os
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


def piped(program: str, output: str) -> tuple[int, str]:
    """Return a program's exit code, and its stderr; a shell says where its output goes."""
    script = f'"$0" -c "$1" {output}; exit ${{PIPESTATUS[0]}}'
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = ["bash", "-c", script, sys.executable, program]
    done = subprocess.run(
        command, cwd=HARNESS.parent, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


PRINTS = """
import sys
import time
from harness.common.errors import HarnessError, is_read, reports_errors
from harness.common.progress import say

@reports_errors
def main():
    {body}
    return 0

sys.exit(main())
"""
# The reader has gone when the program prints again, as the pipe holds less than that.
BODIES = [
    "[say('a line') for _ in range(100_000)]",
    "print('a line\\n' * 100_000)",
    "print('one line'); [time.sleep(0.01) for _ in iter(is_read, False)]",
]


@pytest.mark.parametrize("body", BODIES)
def test_an_output_that_nobody_reads_any_more_ends_the_program_quietly(body: str) -> None:
    assert piped(PRINTS.format(body=body), "| true") == (141, "")


@pytest.mark.parametrize("body", ["say('a line')", "print('a line')"])
def test_an_output_that_cannot_be_written_is_one_sentence(body: str) -> None:
    said = "Error: This machine cannot be used as needed: No space left on device.\n"
    assert piped(PRINTS.format(body=body), "> /dev/full") == (1, said)


def test_an_output_that_is_closed_hides_no_error() -> None:
    assert piped(PRINTS.format(body="raise HarnessError('Not root.')"), ">&-") == (1, "Error: Not root.\n")


def test_another_pipe_that_breaks_is_no_reader_that_has_gone() -> None:
    code, said = piped(PRINTS.format(body="raise BrokenPipeError(32, 'Broken pipe')"), "| cat")
    assert (code, said) == (1, "Error: This machine cannot be used as needed: Broken pipe.\n")


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
