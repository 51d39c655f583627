"""A step has the seconds of the clock, and those that the processors worked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.common import step_times
from harness.common.step_times import StepTimes
from tests.clock import Clock

TICKS = os.sysconf("SC_CLK_TCK")  # of a second


def line(seconds: int) -> str:
    """Return a /proc/stat: each kind of work took so many seconds, and waiting took a hundred."""
    work, waiting = seconds * TICKS, 100 * TICKS
    return f"cpu  {work} {work} {work} {waiting} {waiting} {work} {work} 0 0 0\ncpu0 1 1 1 1\n"


def test_a_step_has_seconds_of_the_clock_and_of_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stat, times = Clock(), tmp_path / "stat", StepTimes()
    monkeypatch.setattr(step_times, "STAT", stat)
    monkeypatch.setattr(step_times, "time", clock)
    stat.write_text(line(1), encoding="ascii")
    with times.step("suites"):
        clock.now += 60
        stat.write_text(line(18), encoding="ascii")
    assert (times.seconds, times.cpu) == ({"suites": 60.0}, {"suites": 85.0})
    assert times.table() == "   1 min 0 s  CPU   85 s  suites\n   1 min 0 s  CPU   85 s  all"


def test_no_seconds_are_known_without_proc_stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_times, "STAT", tmp_path / "stat")
    assert step_times.read_cpu_seconds() == 0.0
