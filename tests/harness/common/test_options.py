"""An option with two parts is read as both, and reported without one."""

import argparse
import sys

import pytest

from harness.common.options import pair
from harness.faults import __main__ as faults
from harness.proofs import rendered


def test_the_first_separator_counts() -> None:
    assert pair(":")("QUESTION:What is new: today?") == ("QUESTION", "What is new: today?")
    assert pair("=")("a=") == ("a", "")


@pytest.mark.parametrize("text", ["name", "", ":value"])
def test_what_has_no_two_parts_is_reported(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^'{text}' is not NAME:VALUE$"):
        pair(":")(text)


@pytest.mark.parametrize(
    ("main", "arguments"), [(faults.main, ["--variable", "x"]), (rendered.main, ["main", "--renamed", "x"])]
)
def test_a_command_line_with_half_an_option_is_one_sentence(
    main: object, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    assert callable(main)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "'x' is not NAME" in capsys.readouterr().err
