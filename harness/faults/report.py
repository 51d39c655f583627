"""Reports what became of the faults: a table on the terminal, faults.json, and faults.html with the score."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from harness.faults.judging import Outcome

FORMAT = 1  # of faults.json; it changes when a key goes or means something else
WIDEST = 100  # characters of a cause on the terminal
STYLE = """body { font-family: sans-serif; margin: 2em; max-width: 110em }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left;
vertical-align: top } .right { background: #e6f4e6 } .wrong { background: #fbe3e3 }"""
HEADS = ("fault", "what breaks", "expected diagnosis", "seen", "hop", "cause", "seconds")


@dataclass(frozen=True)
class Score:
    """How many faults were run, found and named, how many raised a false alarm, and how fast they were named.

    `median` and `slowest` are the seconds to the diagnosis; None where there was none.
    """

    run: int
    found: int
    named: int
    false_alarms: int
    median: float | None
    slowest: float | None

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Score:
        """Count."""
        return cls.with_times(
            run=sum(not each.left_out for each in outcomes),
            found=sum(each.is_found for each in outcomes),
            named=sum(each.is_named for each in outcomes),
            false_alarms=sum(bool(each.false_alarms) for each in outcomes),
            seconds=[each.seconds for each in outcomes if each.seconds is not None],
        )

    @classmethod
    def with_times(
        cls, run: int, found: int, named: int, false_alarms: int, seconds: Sequence[float]
    ) -> Score:
        """Return the score with the median and the slowest of the seconds to the diagnoses."""
        median = round(statistics.median(seconds), 1) if seconds else None
        return cls(run, found, named, false_alarms, median, max(seconds, default=None))

    def __str__(self) -> str:
        """Return it as sentences of one line."""
        times = ""
        if self.median is not None:
            times = f" Diagnosis after {self.median} s (median), {self.slowest} s (slowest)."
        run = "1 fault was run" if self.run == 1 else f"{self.run} faults were run"
        return (
            f"{run}: {self.found} found, {self.named} named, {self.false_alarms} with a false alarm.{times}"
        )


def describe(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome for faults.json."""
    fault = outcome.fault
    return {
        "name": fault.name,
        "breaks": fault.breaks,
        "expected": {"subject": fault.diagnosis.subject, "says": list(fault.diagnosis.says)},
        "verdict": outcome.verdict,
        "subject": outcome.subject,
        "sentence": outcome.sentence,
        "seconds": outcome.seconds,
        "took": round(outcome.took, 1),
        "load": round(outcome.load, 1),
        "limits": outcome.limits,
        "problems": outcome.problems,
        "left_out": outcome.left_out,
    }


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each fault, with what is not right below it, and the score last."""
    name_width = max((len(each.fault.name) for each in outcomes), default=0)
    verdict_width = max((len(each.verdict) for each in outcomes), default=0)
    lines = []
    for each in outcomes:
        seconds = "-" if each.seconds is None else f"{each.seconds:.1f} s"
        cause = each.left_out or each.sentence or each.error
        lines.append(
            f"{each.fault.name:<{name_width}}  {each.verdict:<{verdict_width}}  {seconds:>8}  "
            f"{each.subject or '-':<17}  {cause[:WIDEST]}"
        )
        if not each.is_right and not each.left_out:
            lines += [f"    expected  {each.fault.diagnosis}", *(f"    {text}" for text in each.problems)]
    left_out = sum(bool(each.left_out) for each in outcomes)
    return "\n".join([*lines, "", f"{Score.of(outcomes)} Left out {left_out}."])


def page(outcomes: Sequence[Outcome], context: str) -> str:
    """Return faults.html: the score, and a row for each fault with a link to its report."""
    heads = "".join(f"<th>{head}</th>" for head in HEADS)
    return "\n".join(
        [
            f"<!DOCTYPE html><meta charset='utf-8'><title>Faults</title><style>{STYLE}</style>",
            f"<h1>Faults</h1><p>Context {escape(context)}. {escape(str(Score.of(outcomes)))}</p>",
            f"<table><tr>{heads}</tr>",
            *map(_row, outcomes),
            "</table>",
        ]
    )


def _row(outcome: Outcome) -> str:
    fault = outcome.fault
    problems = "".join(f"<br>{escape(text)}" for text in outcome.problems)
    link = escape(fault.name)
    if outcome.was_run:
        link = f"<a href='{link}/report.html'>{link}</a>"
    cells = [
        link,
        escape(fault.breaks),
        escape(str(fault.diagnosis)),
        escape(outcome.verdict) + problems,
        escape(outcome.subject),
        escape(outcome.left_out or outcome.sentence),
        "" if outcome.seconds is None else str(outcome.seconds),
    ]
    kind = "" if outcome.left_out else "right" if outcome.is_right else "wrong"
    return f"<tr class='{kind}'>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def write(outcomes: Sequence[Outcome], context: str, folder: Path) -> None:
    """Write faults.json and faults.html into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "format": FORMAT,
        "context": context,
        "score": vars(Score.of(outcomes)),
        "faults": [describe(each) for each in outcomes],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (folder / "faults.json").write_text(text + "\n", encoding="utf-8")
    (folder / "faults.html").write_text(page(outcomes, context) + "\n", encoding="utf-8")
