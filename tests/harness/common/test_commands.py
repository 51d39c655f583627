"""A program's failure becomes one sentence, and no program is waited for without an end."""

import sys
import time
from pathlib import Path

import pytest

from harness.common.commands import read_output, run_logged, succeeds
from harness.common.errors import HarnessError

SLOW = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_command_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"^It failed\. .*/missing cannot be run: No such file"):
        run_logged([tmp_path / "missing"], tmp_path / "log", "It failed.", 1)
    with pytest.raises(HarnessError, match=r"^It failed: .*/missing: No such file"):
        read_output([tmp_path / "missing"], "It failed")
    assert not succeeds([tmp_path / "missing"], 1)


def test_output_of_a_command_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log" / "sh.log"
    with pytest.raises(HarnessError, match=r"^It failed\.$") as failure:
        run_logged(["sh", "-c", "echo printed; exit 3"], log, "It failed.", 10)
    assert failure.value.log == log
    assert log.read_text() == "printed\n"


@pytest.mark.parametrize(
    "printed",
    [
        "dial tcp: lookup proxy.example.org: no such host",
        "error sending request\nCaused by: dns error",
        "E: Temporary failure resolving 'deb.example.org'",
    ],
)
def test_server_that_cannot_be_reached_is_named(tmp_path: Path, printed: str) -> None:
    command = [sys.executable, "-c", f"print({printed!r}); exit(1)"]
    sentence = r"^It failed\. The package index cannot be reached: check the network and the proxy\.$"
    with pytest.raises(HarnessError, match=sentence):
        run_logged(command, tmp_path / "log", "It failed.", 10, downloads_from="The package index")
    with pytest.raises(HarnessError, match=r"^It failed\.$"):
        run_logged(command, tmp_path / "log", "It failed.", 10)


def test_command_ends_at_its_limit(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(HarnessError, match=r"^It failed\. It took longer than 0\.3 s\.$"):
        run_logged(SLOW, tmp_path / "log", "It failed.", 0.3)
    with pytest.raises(HarnessError, match=r"^It failed: it took longer than 0\.3 s$"):
        read_output(SLOW, "It failed", limit=0.3)
    assert not succeeds(SLOW, 0.3)
    assert time.monotonic() - started < 10


def test_output_comes_back(tmp_path: Path) -> None:
    command = ["sh", "-c", "cat; echo $EXTRA; pwd"]
    printed = read_output(command, "It failed", text="in\n", environment={"EXTRA": "more"}, folder=tmp_path)
    assert printed == f"in\nmore\n{tmp_path}\n"


def test_failure_ends_with_the_programs_last_line() -> None:
    with pytest.raises(HarnessError, match=r"^It failed: the cause$"):
        read_output(["sh", "-c", "echo a detail >&2; echo the cause >&2; exit 1"], "It failed")
