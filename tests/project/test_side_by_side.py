"""What pabot runs side by side is every suite."""

from pathlib import Path

from robot.api import TestSuiteBuilder

SUITES = Path(__file__).resolve().parents[2] / "robot"


def test_pabot_gets_every_folder_of_suites_once() -> None:
    lines = (SUITES / "side-by-side.txt").read_text(encoding="utf-8").splitlines()
    ordered = [line.removeprefix("--suite ") for line in lines if line.startswith("--suite ")]
    assert sorted(ordered) == sorted(suite.full_name for suite in TestSuiteBuilder().build(SUITES).suites)
