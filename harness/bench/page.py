"""Writes what a run measured as pages: docs/benchmark.md, and one that opens alone; both with plots."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.bench.figures import Figures
from harness.bench.goals import find_goals, goal_rows
from harness.bench.sections import SECTIONS, Cases
from harness.common.markdown import table

SIZE = (9, 3.6)  # inches
_HEAD = """# Benchmark

`tox -e bench` measures this, and writes `results/bench/figures.json` and a page with plots.
`tox -e bench -- --docs` writes this page from these figures. `--only` chooses what is measured.
"""
_LEGEND = (
    "Times are the median of several runs. A ratio compares figures of the same run, so it says more than a "
    "time, which depends on the machine."
)
_WHOLE_RUNS = "Whole runs"
_WHOLE_RUNS_TEXT = (
    "These runs left their times in results/. Times are seconds of the clock. Those in parentheses are of "
    "all processors together, with what else the machine did. A run of `tox -e e2e` begins "
    "with an empty machine where it compiled Kubernetes or built images. The quickest run of the default "
    "stack from each beginning counts. A goal that was missed names the parts that take longest. `tox` "
    "leaves its times with `--result-json results/tox.json`. Its tests run in several processes at the same "
    "time."
)
# On 2 cores, as the system counted for each process on 2026-11-26.
_LIMIT_OF_TOX = (
    "Two cores give `tox` 150 s of the processor within its goal. It takes about 220 s: unit tests 165 s, "
    "checkov 35 s, lint 20 s. Of the unit tests, runs of Robot Framework take 50 s, and servers of MLflow "
    "and PostgreSQL 29 s. Imports of three processes take 16 s. In a new clone kubectl needs 40 s more to "
    "render all stacks."
)


def write_markdown(figures: Figures, plots: Mapping[str, str]) -> str:
    """Return docs/benchmark.md; `plots` has the file of each plot."""
    parts = [_HEAD, f"Measured {figures.date}: {figures.machine}.\n", f"{_LEGEND}\n"]
    parts.append(_markdown_table(goal_rows(find_goals(figures))))
    for what in figures.measured:
        parts += [f"## {what}\n", f"{_text(figures, what)}\n", f"![{what}]({plots[what]})\n"]
        for title, rows in SECTIONS[what].tables(figures.cases(what)).items():
            parts += [f"**{title}**\n"] * bool(title) + [_markdown_table(rows)]
    if figures.whole_runs:
        parts += [f"## {_WHOLE_RUNS}\n", f"{_WHOLE_RUNS_TEXT}\n", f"{_LIMIT_OF_TOX}\n"]
    for title, rows in figures.whole_runs.items():
        parts += [f"**{title}**\n", _markdown_table(rows)]
    return "\n".join(parts)


def write_html(figures: Figures) -> str:
    """Return a page that needs no other file."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmark</title>',
        "<style>body {font-family: sans-serif} td, th {padding: 0 1em; text-align: right}</style>",
        f"<h1>Benchmark</h1><p>Measured {figures.date}: {html.escape(figures.machine)}.</p>",
        f"<p>{_LEGEND}</p>",
        _html_table(goal_rows(find_goals(figures))),
    ]
    for what in figures.measured:
        text = html.escape(_text(figures, what).replace("*", ""))
        parts.append(f"<h2>{html.escape(what)}</h2><p>{text}</p>")
        parts.append(plot(what, figures.cases(what)))
        for title, rows in SECTIONS[what].tables(figures.cases(what)).items():
            parts += [f"<h3>{html.escape(title)}</h3>"] * bool(title) + [_html_table(rows)]
    if figures.whole_runs:
        parts.append(f"<h2>{_WHOLE_RUNS}</h2>")
        parts += [f"<p>{html.escape(text)}</p>" for text in (_WHOLE_RUNS_TEXT, _LIMIT_OF_TOX)]
    for title, rows in figures.whole_runs.items():
        parts += [f"<h3>{html.escape(title)}</h3>", _html_table(rows)]
    return "\n".join(parts)


def plot(what: str, cases: Cases) -> str:
    """Return the plots of one thing as SVG."""
    # The same figures make the same file, and its text stays text.
    with mpl.rc_context({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9}):
        drawing = Figure(figsize=SIZE, layout="constrained")
        SECTIONS[what].draw(drawing, cases)
        for axes in drawing.axes:
            axes.grid(alpha=0.3)
        file = io.StringIO()
        drawing.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()[file.getvalue().index("<svg") :]


def _text(figures: Figures, what: str) -> str:
    return f"{SECTIONS[what].text} {figures.notes.get(what, '')}".strip()


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    numbers = [
        name for column, name in enumerate(head) if all(re.match(r"\d|$", row[column]) for row in rest)
    ]
    return table(head, rest, numbers)


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rest]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
