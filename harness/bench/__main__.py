"""Measures how fast the suites' own work is, and writes the figures and a page with plots: `tox -e bench`.

tox -e bench -- --longest 1000     # measures no trace of more spans
tox -e bench -- --docs             # measures nothing: writes docs/benchmark.md from the last figures
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.bench.figures import Figures, read
from harness.bench.page import plot, write_html, write_markdown
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors
from harness.common.suites import run_robot

TASKS = Path(__file__).parent
RESULTS = ROOT / "results" / "bench"
FIGURES = RESULTS / "figures.json"
DOCS = ROOT / "docs"


def measure(longest: int) -> Figures:
    """Run the tasks and return what they measured; write the page with plots.

    Raises HarnessError when a task fails.
    """
    FIGURES.unlink(missing_ok=True)
    options = ("--outputdir", str(RESULTS), "--variable", f"FIGURES:{FIGURES}")
    if run_robot(*options, "--variable", f"LONGEST:{longest}", str(TASKS)) or not FIGURES.exists():
        raise HarnessError(f"A task failed; {RESULTS / 'log.html'} shows why.")
    figures = read(FIGURES)
    (RESULTS / "index.html").write_text(write_html(figures), encoding="utf-8")
    return figures


def write_docs() -> Path:
    """Write docs/benchmark.md and its plots from the last figures.

    Raises HarnessError where there are none.
    """
    if not FIGURES.exists():
        raise HarnessError(f"There is no {FIGURES}: run `tox -e bench` first.")
    figures = read(FIGURES)
    plots = {what: f"benchmark-{what.lower().replace(' ', '-')}.svg" for what in figures.measured}
    for what, name in plots.items():
        (DOCS / name).write_text(plot(figures.cases(what)), encoding="utf-8")
    page = DOCS / "benchmark.md"
    page.write_text(write_markdown(figures, plots), encoding="utf-8")
    return page


@reports_errors
def main() -> int:
    """Do what the command line asks for; return the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tox -e bench --", description=__doc__, formatter_class=raw)
    parser.add_argument("--longest", type=int, default=30_000, help="spans of the longest trace")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmark.md from the last figures")
    arguments = parser.parse_args()
    if arguments.docs:
        print(f"{write_docs()} is written.")
    else:
        measure(arguments.longest)
        print(f"Page: {RESULTS / 'index.html'}\nFigures: {FIGURES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
