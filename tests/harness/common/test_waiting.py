"""Waiting ends: with a sentence, or with the lock."""

import threading
from pathlib import Path

import pytest

from harness.common.errors import HarnessError
from harness.common.waiting import exclusive_lock, wait_for


def test_wait_ends_with_a_sentence() -> None:
    with pytest.raises(HarnessError, match=r"^The node is not Ready within 0\.0 s\.$"):
        wait_for(lambda: False, 0, "The node is not Ready")


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
