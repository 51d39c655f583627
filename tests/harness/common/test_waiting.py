"""Waiting ends: with a sentence, or with the lock."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.common.errors import HarnessError
from harness.common.waiting import exclusive_lock, wait_for, wait_until_up


def test_wait_ends_with_a_sentence() -> None:
    with pytest.raises(HarnessError, match=r"^The node is not Ready within 0\.0 s\.$"):
        wait_for(lambda: False, 0, "The node is not Ready")


@pytest.mark.parametrize(
    ("program", "limit", "said"),
    [
        ("raise SystemExit(3)", 30.0, r"^The server ended with exit code 3\.$"),
        ("input()", 0.0, r"^The server does not answer within 0\.0 s\.$"),
    ],
)
def test_server_that_does_not_come_up_is_reported_with_its_log(
    program: str, limit: float, said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        with pytest.raises(HarnessError, match=said) as failed:
            wait_until_up(process, lambda: False, limit, "The server", tmp_path / "log")
        process.kill()
    assert failed.value.log == tmp_path / "log"


def test_second_holder_of_a_lock_says_so_and_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "new" / "lock"
    order = []

    def hold() -> None:
        with exclusive_lock(lock, "Another one works; waiting."):
            order.append("second")

    with exclusive_lock(lock, "never printed"):
        second = threading.Thread(target=hold)
        second.start()
        wait_for(lambda: "waiting" in capsys.readouterr().out, 10, "The second one did not say that it waits")
        order.append("first")
    second.join(10)
    assert order == ["first", "second"]


def test_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(HarnessError, match=r"cannot be written .*; name another folder in EMBEDDED_CLUSTER"),
        exclusive_lock(tmp_path / "file" / "lock", "waiting"),
    ):
        pass
