"""What a user reads while it runs and when it fails."""

import re
from pathlib import Path

import pytest

from harness.cluster.commands import logged
from harness.cluster.progress import ClusterError, Steps, duration, last_lines, report, wait_for


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (4.2, "4.2 s"), (200, "3 min 20 s")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_steps_are_counted_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(2)
    with steps.step("first"):
        steps.still("compiling")
    with steps.step("second"):
        pass
    assert re.fullmatch(
        r"\[1/2\] first \.\.\. compiling, \d\.\d s so far\n"
        r"\[1/2\] first \.\.\. \d\.\d s\n"
        r"\[2/2\] second \.\.\. \d\.\d s\n",
        capsys.readouterr().out,
    )


def test_failed_step_is_not_reported_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ClusterError), Steps(1).step("first"):
        raise ClusterError("no")
    assert capsys.readouterr().out == ""


def test_failure_ends_with_its_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "etcd.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    report(ClusterError("etcd ended; do this.", log))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"--- end of {log}"
    assert lines[1:21] == [f"line {number}" for number in range(80, 100)]
    assert lines[-1] == "Error: etcd ended; do this."


def test_failure_without_a_log_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(ClusterError("Not root.", tmp_path / "missing"))
    assert capsys.readouterr().err == "Error: Not root.\n"


def test_last_lines_of_nothing(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "missing") == ""


def test_wait_ends_with_a_sentence() -> None:
    with pytest.raises(ClusterError, match=r"^The node is not Ready within 0\.0 s\.$"):
        wait_for(lambda: False, 0, "The node is not Ready")


def test_command_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="It failed"):
        logged([tmp_path / "missing"], tmp_path / "log", "It failed", 1)


def test_output_of_a_command_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log" / "sh.log"
    with pytest.raises(ClusterError, match="It failed") as failure:
        logged(["sh", "-c", "echo said; exit 3"], log, "It failed", 10)
    assert failure.value.log == log
    assert log.read_text() == "said\n"
