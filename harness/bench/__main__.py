"""Measures how fast the suites' own work is, and writes the figures and a page with plots: `tox -e bench`.

tox -e bench -- --only look-up     # measures only that; can be given several times
tox -e bench -- --longest 1000     # judges no trace of more spans
tox -e bench -- --stored 10000     # stores no more traces; a million take 5 GB below /var/tmp meanwhile
tox -e bench -- --docs             # measures nothing: writes docs/benchmark.md from the last figures and runs

All but the evaluation run a MLflow and a PostgreSQL on this machine, which must be installed. Way and
throughput run the collector of the overlays too, which is compiled the first time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness.bench.figures import Figures, read, write
from harness.bench.page import plot, write_html, write_markdown
from harness.bench.servers import run_servers
from harness.bench.whole_runs import read_whole_runs
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors, stop_when_terminated
from harness.common.loopback import LOOPBACK
from harness.common.options import whole_number
from harness.common.suites import run_robot

TASKS = Path(__file__).parent
EVALUATION = "evaluation"
PARTS = {
    EVALUATION: "evaluation.robot",
    "throughput": "throughput.robot",
    "way": "way.robot",
    "look-up": "look_up.robot",
}
WHOLE_RUNS = ROOT / "results"
RESULTS = WHOLE_RUNS / "bench"
FIGURES = RESULTS / "figures.json"
MEASURED = RESULTS / "measured.json"  # what becomes the figures when all tasks are done
# The smallest sizes of the tasks' SIZES: with less nothing is measured.
LEAST_SPANS, LEAST_STORED = 10, 1000
DOCS = ROOT / "docs"


def measure(parts: Sequence[str], longest: int, stored: int) -> Figures:
    """Run the tasks of these parts and return what they measured; write the page with plots.

    Raises HarnessError when a task fails; the figures of an earlier run are then still there.
    """
    MEASURED.unlink(missing_ok=True)
    options = ["--outputdir", str(RESULTS), "--variable", f"FIGURES:{MEASURED}"]
    options += ["--variable", f"LONGEST:{longest}", "--variable", f"STORED:{stored}"]
    tasks = [str(TASKS / PARTS[part]) for part in parts]
    with ExitStack() as running:
        if set(parts) != {EVALUATION}:
            options += running.enter_context(run_servers())
        failed = run_robot(*options, *tasks, environment={"no_proxy": LOOPBACK})
    if failed or not MEASURED.exists():
        raise HarnessError(f"A task failed; {RESULTS / 'log.html'}, or else the message above, says why.")
    MEASURED.replace(FIGURES)
    figures = replace(read(FIGURES), whole_runs=read_whole_runs(WHOLE_RUNS))
    write(figures, FIGURES)
    (RESULTS / "index.html").write_text(write_html(figures), encoding="utf-8")
    return figures


def write_docs() -> Path:
    """Write docs/benchmark.md and its plots from the last figures, and from what whole runs left since.

    Raises HarnessError where there are none.
    """
    if not FIGURES.exists():
        raise HarnessError(f"There is no {FIGURES}: run `tox -e bench` first.")
    figures = read(FIGURES)
    figures = replace(figures, whole_runs=read_whole_runs(WHOLE_RUNS) or figures.whole_runs)
    plots = {what: f"benchmark-{what.lower().replace(' ', '-')}.svg" for what in figures.measured}
    for what, name in plots.items():
        (DOCS / name).write_text(plot(what, figures.cases(what)), encoding="utf-8")
    page = DOCS / "benchmark.md"
    page.write_text(write_markdown(figures, plots), encoding="utf-8")
    return page


@reports_errors
def main() -> int:
    """Do what the command line asks for; return the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tox -e bench --", description=__doc__, formatter_class=raw)
    parser.add_argument("--only", choices=PARTS, action="append", help="what is measured (default: all)")
    add = parser.add_argument
    add("--longest", type=whole_number(LEAST_SPANS), default=30_000, help="spans of the longest trace")
    add("--stored", type=whole_number(LEAST_STORED), default=1_000_000, help="traces in MLflow at most")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmark.md from the last figures")
    arguments = parser.parse_args()
    stop_when_terminated()
    if arguments.docs:
        print(f"{write_docs()} is written.")
    else:
        parts = [part for part in PARTS if part in (arguments.only or PARTS)]
        measure(parts, arguments.longest, arguments.stored)
        print(f"Page: {RESULTS / 'index.html'}\nFigures: {FIGURES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
