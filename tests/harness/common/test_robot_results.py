"""Tests are counted from Robot Framework's own output, and those that failed say why in one line."""

from pathlib import Path

import pytest

from harness.common.errors import HarnessError
from harness.common.robot_results import Counts, count_tests, read_failures, read_suite
from harness.common.suites import run_and_read


def test_tests_are_counted_and_each_failure_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.robot").write_text(
        "*** Test Cases ***\nIs Found\n    No Operation\nIs Skipped\n    Skip\n"
        "Arrives\n    Fail    MLflow has no trace.\\nAnd more.\nIs Whole\n    Fail    \\nNo root.\n"
    )
    suite = run_and_read(tmp_path, "--console", "none", str(tmp_path))
    assert count_tests(suite) == Counts(passed=1, failed=2, skipped=1)
    name = suite.name
    assert read_failures(suite) == {
        f"{name}.S.Arrives": "MLflow has no trace.",
        f"{name}.S.Is Whole": "No root.",
    }


def test_failed_teardown_of_a_suite_counts_though_keywords_are_not_read(tmp_path: Path) -> None:
    robot = tmp_path / "s.robot"
    robot.write_text("*** Settings ***\nSuite Teardown    Fail    x\n*** Test Cases ***\nA\n    Log    x\n")
    suite = run_and_read(tmp_path, "--console", "none", str(robot))
    assert (count_tests(suite), list(read_failures(suite))) == (Counts(failed=1), ["S.A"])


def test_run_without_an_output_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"wrote no .*output\.xml; its message above says why"):
        read_suite(tmp_path / "output.xml")


@pytest.mark.parametrize("content", ["", "<robot><suite>", "<testsuites/>"])
def test_an_output_that_is_not_whole_is_an_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "output.xml").write_text(content)
    with pytest.raises(HarnessError, match=r"output\.xml is no whole output of Robot Framework: run the"):
        read_suite(tmp_path / "output.xml")
