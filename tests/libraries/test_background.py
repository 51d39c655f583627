"""Work beside the tests gives its result or its error, and holds nobody up meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

import background

LIBRARIES = Path(__file__).parents[2] / "libraries"


def test_it_goes_on_meanwhile_and_gives_its_result() -> None:
    go_on = Event()

    def work() -> str:
        assert go_on.wait(10)
        return "done"

    future = background.start(work)
    assert not future.done()
    go_on.set()
    assert future.result(10) == "done"


def test_its_error_comes_with_the_result() -> None:
    def work() -> None:
        raise ValueError("no trace")

    with pytest.raises(ValueError, match="no trace"):
        background.start(work).result(10)


def test_a_process_ends_without_waiting_for_it() -> None:
    program = "import background, time; background.start(lambda: time.sleep(60))"
    subprocess.run([sys.executable, "-c", program], cwd=LIBRARIES, check=True, timeout=30)
