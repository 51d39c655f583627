"""What whole runs took, from the files that they left in results/: `tox -e e2e`, its suites, and `tox`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path

from robot.api import ExecutionResult

from harness.bench.figures import Rows

MOST_FOLDERS, DEPTH = 8, 3  # of tests, in a table: `tests.harness.cluster`


def read_whole_runs(results: Path) -> dict[str, Rows]:
    """Return a table for each kind of run that left a file, by its title."""
    tables = {
        "`tox -e e2e`, by step": _steps(results / "times.json"),
        "the suites of the last `tox -e e2e`": _suites(results / "output.xml"),
    }
    for environment in ("unit", "checkov"):
        title = f"`tox -e {environment}`, by folder"
        tables[title] = _tests(results / f"pytest-{environment}.xml")
    return {title: rows for title, rows in tables.items() if rows}


def _steps(file: Path) -> Rows:
    if not file.exists():
        return []
    runs = json.loads(file.read_text(encoding="utf-8"))
    steps = list(dict.fromkeys(step for run in runs for step in run["seconds"]))
    rows = [["stack", *steps, "all"]]
    for run in runs:
        seconds = run["seconds"]
        every = [seconds.get(step, 0.0) for step in steps] + [sum(seconds.values())]
        rows.append([run["stack"], *(f"{each:.0f} s" for each in every)])
    return rows


def _suites(file: Path) -> Rows:
    if not file.exists():
        return []
    run = ExecutionResult(file, include_keywords=False).suite
    took = {suite.name: suite.elapsed_time.total_seconds() for suite in run.suites}
    everything = run.elapsed_time.total_seconds()
    took["set-up and teardown of the run"] = everything - sum(took.values())
    return [
        ["suites", "seconds", "share"],
        *_shares(took.items(), everything),
        ["all", f"{everything:.1f}", ""],
    ]


def _tests(file: Path) -> Rows:
    """Return the folders whose tests take longest; several processes run them at the same time."""
    if not file.exists():
        return []
    suite = next(ET.parse(file).iter("testsuite"))  # noqa: S314 - our own pytest wrote it
    took: dict[str, float] = {}
    for case in suite.iter("testcase"):
        folder = ".".join(case.get("classname", "").split(".")[:-1][:DEPTH])
        took[folder] = took.get(folder, 0.0) + float(case.get("time", 0))
    longest = sorted(took.items(), key=lambda each: each[1], reverse=True)[:MOST_FOLDERS]
    everything, clock = sum(took.values()), float(suite.get("time", 0))
    return [
        ["tests", "seconds", "share"],
        *_shares(longest, everything),
        [f"all {suite.get('tests')}, which took {clock:.0f} s of the clock", f"{everything:.1f}", ""],
    ]


def _shares(took: Iterable[tuple[str, float]], everything: float) -> Iterator[list[str]]:
    for name, seconds in took:
        yield [name, f"{seconds:.1f}", f"{seconds / everything:.0%}"]
