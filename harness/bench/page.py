"""Writes what a run measured as pages: docs/benchmark.md, and one that opens alone; both with plots."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.bench.figures import Figures, Measurement, relative_cost

SIZE = (9, 3.6)  # inches
# What is measured, and what its numbers say.
_TEXTS: Mapping[str, str] = {
    "Evaluation of a contract": "One trace is judged by one contract, with all that a suite does for it. "
    "The trace is a recorded one of the weather agent, in which the agent calls its tool again and again. "
    "A span of it has nearly 4 KB of text on average. About a third of the time is the search for secrets "
    "and canaries, which reads the JSON of every text.",
}
_COLUMNS = ("size", "median", "slowest / fastest", "a second", "cost of one", "message")
_HEAD = """# Benchmark

`tox -e bench` measures this, and writes `results/bench/figures.json` and a page with plots.
`tox -e bench -- --docs` writes this page from these figures.
"""
_LEGEND = (
    "Times are seconds of the processor, the median of several runs. *Cost of one* is the time for one, over "
    "that in the smallest size. Where it does not grow, the work is linear. *Message* is how many characters "
    "a person reads in the report."
)


def write_markdown(figures: Figures, plots: Mapping[str, str]) -> str:
    """Return docs/benchmark.md; `plots` has the file of each plot."""
    parts = [_HEAD, f"Measured {figures.date}: {figures.machine}.\n", f"{_LEGEND}\n"]
    for what in figures.measured:
        parts += [f"## {what}\n", f"{_TEXTS.get(what, '')}\n", f"![{what}]({plots[what]})\n"]
        for case, measured in figures.cases(what).items():
            parts += [f"**{case}**\n", _markdown_table(measured)]
    return "\n".join(parts)


def write_html(figures: Figures) -> str:
    """Return a page that needs no other file."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmark</title>',
        "<style>body {font-family: sans-serif} td, th {padding: 0 1em; text-align: right}</style>",
        f"<h1>Benchmark</h1><p>Measured {figures.date}: {html.escape(figures.machine)}.</p>",
        f"<p>{_LEGEND.replace('*', '')}</p>",
    ]
    for what in figures.measured:
        parts.append(f"<h2>{html.escape(what)}</h2><p>{html.escape(_TEXTS.get(what, ''))}</p>")
        parts.append(plot(figures.cases(what)))
        for case, measured in figures.cases(what).items():
            head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
            rows = ["".join(f"<td>{cell}</td>" for cell in row) for row in _rows(measured)]
            table = "".join(f"<tr>{row}</tr>" for row in (head, *rows))
            parts.append(f"<h3>{html.escape(case)}</h3><table>{table}</table>")
    return "\n".join(parts)


def plot(cases: Mapping[str, Sequence[Measurement]]) -> str:
    """Return two plots as SVG: the time of each size with its spread, and the cost of one."""
    # The same figures make the same file, and its text stays text.
    with mpl.rc_context({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9}):
        drawing = Figure(figsize=SIZE, layout="constrained")
        times, costs = drawing.subplots(1, 2)
        for case, measured in cases.items():
            sizes = [each.size for each in measured]
            medians = [each.median for each in measured]
            spread = (
                [each.median - min(each.seconds) for each in measured],
                [max(each.seconds) - each.median for each in measured],
            )
            times.errorbar(sizes, medians, yerr=spread, marker="o", capsize=3, label=case)
            costs.plot(sizes, [relative_cost(each, measured[0]) for each in measured], marker="o", label=case)
        unit = next(iter(cases.values()))[0].unit
        times.set(xscale="log", yscale="log", xlabel=unit, ylabel="seconds")
        costs.set(xscale="log", xlabel=unit, ylabel="cost of one, of the smallest size", ylim=(0, None))
        times.legend()
        for axes in (times, costs):
            axes.grid(alpha=0.3)
        file = io.StringIO()
        drawing.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()[file.getvalue().index("<svg") :]


def _markdown_table(measured: Sequence[Measurement]) -> str:
    lines = [_COLUMNS, ["---:"] * len(_COLUMNS), *_rows(measured)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _rows(measured: Sequence[Measurement]) -> list[list[str]]:
    """Return a row of cells for each size."""
    return [
        [
            f"{each.size:,} {each.unit}",
            f"{each.median:.3g} s",
            f"{each.spread:.2f}",
            f"{each.rate:,.0f}",
            f"{relative_cost(each, measured[0]):.2f}",
            f"{each.message:,}" if each.message else "none",
        ]
        for each in measured
    ]
