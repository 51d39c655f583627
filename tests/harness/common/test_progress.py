"""What a user reads while it runs."""

import re

import pytest

from harness.common.errors import HarnessError
from harness.common.progress import Steps, duration


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (4.2, "4.2 s"), (200, "3 min 20 s")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_steps_are_counted_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(2)
    with steps.step("first"):
        steps.still_doing("compiling")
    with steps.step("second"):
        pass
    assert re.fullmatch(
        r"\[1/2\] first \.\.\. compiling, \d\.\d s so far\n"
        r"\[1/2\] first \.\.\. \d\.\d s\n"
        r"\[2/2\] second \.\.\. \d\.\d s\n",
        capsys.readouterr().out,
    )


def test_failed_step_is_not_reported_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HarnessError), Steps(1).step("first"):
        raise HarnessError("no")
    assert capsys.readouterr().out == ""
