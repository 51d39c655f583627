"""docs/faults.md lists the catalogue as it is, and what runs have shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.faults import page
from harness.faults.catalogue import read_catalogue
from harness.faults.judging import Outcome
from harness.faults.report import write

FIRST, SECOND, *_ = read_catalogue()


def test_the_page_is_current() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.write_page(page.read_page(text)), "run `python -m harness.faults.page FILE`"


def test_a_later_run_wins_and_what_was_left_out_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Outcome(FIRST, "mlflow", "x", 3.0, unnamed=["It is about 'mlflow'."])
    named = Outcome(FIRST, "postgres", "x", 2.0, took=59.0, load=1.5, limits="default")
    runs = [
        [wrong, Outcome(SECOND, "mlflow", "y", 5.0, took=61.0)],
        [named, Outcome(SECOND, left_out="it does not fit")],
    ]
    for number, outcomes in enumerate(runs):
        write(outcomes, "here", tmp_path / str(number))
    files = [str(tmp_path / str(number) / "faults.json") for number in range(2)]
    monkeypatch.setattr(page, "PAGE", tmp_path / "docs" / "faults.md")
    page.PAGE.parent.mkdir()
    for part in (files[:1], files[1:]):
        monkeypatch.setattr(sys, "argv", ["page", *part])
        assert page.main() == 0
    text = page.PAGE.read_text(encoding="utf-8")
    assert (
        f"| {FIRST.name} | {FIRST.breaks} | {FIRST.diagnosis} | named | 2.0 | 59.0 | default | 1.5 |" in text
    )
    assert (
        f"| {SECOND.name} | {SECOND.breaks} | {SECOND.diagnosis} | named | 5.0 | 61.0 | short | 0.0 |" in text
    )
    assert "2 faults were run: 2 found, 2 named, 0 with a false alarm. Diagnosis after 3.5 s (median)" in text
    assert "To break, judge and heal took 2 minutes." in text
    assert text.count("| not run yet | - | - | - | - |") == len(read_catalogue()) - 2
    assert "docs/faults.md is written." in capsys.readouterr().out


def test_a_file_of_another_form_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"format": 0}), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["page", str(file)])
    assert page.main() == 1
    assert "is not what this version of `tox -e faults` writes" in capsys.readouterr().err
