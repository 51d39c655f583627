"""Writes docs/healthy.md: how often the suites ran on a healthy stack, and each failure.

    python -m harness.healthy.page results/healthy/healthy.json ...

Runs of several files are counted together. What none of them has, a condition of a stack, stays as the page
has it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from harness.common.errors import reports_errors
from harness.common.markdown import read_rows, table
from harness.common.progress import say
from harness.healthy.conditions import CONDITIONS, find_condition
from harness.healthy.runs import Run, read

PAGE = Path(__file__).parents[2] / "docs" / "healthy.md"
HEAD = """# Healthy runs

`tox -e healthy` runs `robot robot/` again and again on what `tox -e e2e` deployed, with a user's limits.
The stack is healthy, so each failure is a false alarm.
`python -m harness.healthy.page results/healthy/healthy.json` writes this page.

The cluster and the suites share the machine's 2 cores. The load is its load average of a minute.
"""
NUMBERS = ("runs", "failed", "seconds (median)", "slowest", "load")
COLUMNS = ("stack", "condition", "meanwhile, or before", "newest", *NUMBERS)
FAILURE = re.compile(
    r"^(\S[^\n]*), ([a-z-]+)(?: of \S+)?, \S+:\n\n```text\n.*?^```\n", re.MULTILINE | re.DOTALL
)
# By stack and condition: its row, and a text for each run that failed.
Sections = Mapping[tuple[str, str], tuple[Sequence[str], Sequence[str]]]


def read_page(text: str) -> Sections:
    """Return what a page says of each condition."""
    failures: dict[tuple[str, str], list[str]] = {}
    for match in FAILURE.finditer(text):
        failures.setdefault((match[1], match[2]), []).append(match[0])
    return {
        (stack, condition): ([stack, condition, *rest], failures.get((stack, condition), []))
        for stack, condition, *rest in read_rows(text)
        if condition in CONDITIONS
    }


def describe(runs: Sequence[Run]) -> Sections:
    """Return what runs say of each condition. Raises HarnessError for a condition that there is not."""
    keys = dict.fromkeys((run.stack, run.condition) for run in runs)
    found = {key: [run for run in runs if (run.stack, run.condition) == key] for key in keys}
    return {
        key: (_row(each), ["\n".join([*_failure(run), ""]) for run in each if not run.is_green])
        for key, each in found.items()
    }


def write_page(sections: Sections) -> str:
    """Return the page: a row for each stack and condition, and each run that failed."""
    order = list(CONDITIONS)
    stacks = list(dict.fromkeys(stack for stack, _ in sections))
    keys = sorted(sections, key=lambda key: (stacks.index(key[0]), order.index(key[1])))
    failures = [failure for key in keys for failure in sections[key][1]]
    title = ["## Runs that failed\n"] if failures else []
    return "\n".join([HEAD, table(COLUMNS, [sections[key][0] for key in keys], NUMBERS), *title, *failures])


def _row(runs: Sequence[Run]) -> list[str]:
    seconds = [run.seconds for run in runs]
    condition = find_condition(runs[0].condition)
    return [
        runs[0].stack,
        condition.name,
        condition.says,
        max(run.date for run in runs),
        str(len(runs)),
        str(sum(not run.is_green for run in runs)),
        f"{median(seconds):.0f}",
        f"{max(seconds):.0f}",
        f"{median(run.load for run in runs):.1f}",
    ]


def _failure(run: Run) -> Iterator[str]:
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
    yield "```"


@reports_errors
def main() -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.healthy.page", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a healthy.json")
    files = parser.parse_args().files
    before = read_page(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    runs = [run for file in files for run in read(file)]
    PAGE.write_text(write_page({**before, **describe(runs)}), encoding="utf-8")
    say(f"{PAGE.relative_to(PAGE.parents[1])} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
