"""Writes docs/healthy.md: how often the suites ran on a healthy stack, and each failure.

    python -m harness.healthy.page results/healthy/healthy.json ...

Runs of several files are counted together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from harness.common.errors import reports_errors
from harness.common.progress import say
from harness.healthy.conditions import CONDITIONS
from harness.healthy.runs import Run, read

PAGE = Path(__file__).parents[2] / "docs" / "healthy.md"
HEAD = """# Healthy runs

`tox -e healthy` runs `robot robot/` again and again on what `tox -e e2e` deployed, with a user's limits.
The stack is healthy, so each failure is a false alarm.
`python -m harness.healthy.page results/healthy/healthy.json` writes this page.

The cluster and the suites share the machine's 2 cores. The load is its load average of a minute.
"""
COLUMNS = (
    "| stack | condition | meanwhile, or before | runs | failed | seconds (median) | slowest | load |\n"
    "|---|---|---|---:|---:|---:|---:|---:|"
)


def write_page(runs: Sequence[Run]) -> str:
    """Return the page: a row for each stack and condition, and each run that failed."""
    failed = [run for run in runs if not run.is_green]
    total = f"{len(runs)} runs, {runs[0].date} to {runs[-1].date}: {len(failed)} failed."
    return "\n".join([HEAD, f"{total}\n", COLUMNS, *_rows(runs), *_failures(failed)]) + "\n"


def _rows(runs: Sequence[Run]) -> Iterator[str]:
    for stack in dict.fromkeys(run.stack for run in runs):
        for condition in CONDITIONS.values():
            found = [run for run in runs if (run.stack, run.condition) == (stack, condition.name)]
            if found:
                yield _row([stack, condition.name, condition.says], found)


def _row(first: list[str], runs: Sequence[Run]) -> str:
    seconds = [run.seconds for run in runs]
    figures = [
        str(len(runs)),
        str(sum(not run.is_green for run in runs)),
        f"{median(seconds):.0f}",
        f"{max(seconds):.0f}",
        f"{median(run.load for run in runs):.1f}",
    ]
    return f"| {' | '.join(first + figures)} |"


def _failures(failed: Sequence[Run]) -> Iterator[str]:
    if failed:
        yield "\n## Runs that failed\n"
    for run in failed:
        of = f" of {run.special}" if run.special else ""
        yield f"{run.stack}, {run.condition}{of}, {run.date}:\n\n```text"
        by_message: dict[str, list[str]] = {}
        for test, message in run.failures.items():
            by_message.setdefault(message, []).append(test)
        for message, (first, *others) in by_message.items():
            more = f" (and {len(others)} more)" if others else ""
            yield f"{first}{more}: {message}"
        if not run.failures:
            yield "no test passed"
        yield "```\n"


@reports_errors
def main() -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.healthy.page", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a healthy.json")
    files = parser.parse_args().files
    PAGE.write_text(write_page([run for file in files for run in read(file)]), encoding="utf-8")
    say(f"{PAGE.relative_to(PAGE.parents[1])} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
