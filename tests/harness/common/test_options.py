"""An option with two parts is read as both, and reported without one."""

import argparse
import re
import sys
from pathlib import Path

import pytest

from harness.attach import __main__ as attach
from harness.bench import __main__ as bench
from harness.common.options import label, pair, whole_number
from harness.faults import __main__ as faults
from harness.healthy import __main__ as healthy
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


def test_a_whole_number_may_have_an_end() -> None:
    assert (whole_number(10)("10"), whole_number(1, 3)("3")) == (10, 3)


@pytest.mark.parametrize("text", ["9", "-10", "1e3", "nan", "ten", ""])
def test_what_is_no_such_number_is_reported(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^'{text}' is no whole number from 10 on$"):
        whole_number(10)(text)


def test_a_label_is_that_of_a_namespace() -> None:
    assert [label(text) for text in ("a", "team1", "my-ns")] == ["a", "team1", "my-ns"]


@pytest.mark.parametrize("text", ["", "A", "a b", "-a", "a-", "a/b", "a.b"])
def test_what_is_no_label_is_reported(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no name of lower-case letters, digits and"):
        label(text)


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (attach.main, ["remove", "--namespace", ""]),
        (attach.main, ["apply", "--namespace", "a", "--overlay", "/nowhere"]),
        (attach.main, ["apply", "--namespace", "a", "--overlay", str(Path(__file__).parent)]),
        (bench.main, ["--longest", "9"]),
        (bench.main, ["--stored", "999"]),
        (healthy.main, ["--runs", "0"]),
    ],
)
def test_a_command_line_with_a_wrong_value_changes_nothing(
    main: object, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    monkeypatch.setenv("PATH", "")  # nor asks kubectl
    assert callable(main)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert re.search(rf"'{re.escape(arguments[-1])}' (is|has) no ", capsys.readouterr().err)
