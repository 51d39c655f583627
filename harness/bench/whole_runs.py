"""What whole runs took, from the files that they left in results/: `tox`, `tox -e e2e` and its suites."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.bench.figures import Rows
from harness.bench.goals import AGAIN, FROM_NOTHING, SUITES, TOX, Goal, goal_rows
from harness.common.json_files import read_json
from harness.common.robot_results import read_suite

MOST_FOLDERS, DEPTH = 8, 3  # of tests, in a table: `tests.harness.cluster`
MOST_PARTS = 3  # of a run, in a sentence
DEFAULT_STACKS = ("embedded", "kind")
NOTHING, CACHES = "an empty machine", "caches"
COMPILES = 120.0  # seconds; with caches the cluster and the images do not take as long together

Seconds = Mapping[str, float]  # of each part of a run, by its name


def read_whole_runs(results: Path) -> dict[str, Rows]:
    """Return the goals, and a table for each kind of run that left a file, by its title."""
    runs = _read_runs(results / "times.json")
    environments, suites = _read_environments(results / "tox.json"), _read_suites(results / "output.xml")
    tables = {
        "goals": _goals(runs, environments, suites),
        "`tox -e e2e`, by step": _steps(runs),
        "the suites of the last `tox -e e2e`": _parts("suites", suites),
        "`tox`, by environment": _parts("environment", environments),
    }
    for environment in ("unit", "checkov"):
        title = f"`tox -e {environment}`, by folder"
        tables[title] = _tests(results / f"pytest-{environment}.xml")
    return {title: rows for title, rows in tables.items() if rows}


def begins_with(seconds: Seconds) -> str:
    """Return what a run of `tox -e e2e` found: NOTHING where it compiled Kubernetes or built images."""
    return NOTHING if seconds.get("cluster", 0) + seconds.get("images", 0) >= COMPILES else CACHES


def _goals(runs: Iterable[Mapping[str, Any]], environments: Seconds, suites: Seconds) -> Rows:
    goals = [*_goals_of_e2e(runs), *_goals_of_parts(environments, suites)]
    return goal_rows(goals) if goals else []


def _goals_of_e2e(runs: Iterable[Mapping[str, Any]]) -> Iterator[Goal]:
    """Yield those of the default stack: the quickest run from each beginning counts."""
    ours = [run for run in runs if run["stack"] in DEFAULT_STACKS]
    for beginning, text, goal in (
        (NOTHING, f"`tox -e e2e` from {NOTHING}", FROM_NOTHING),
        (CACHES, f"`tox -e e2e` again, with {CACHES}", AGAIN),
    ):
        found = [run for run in ours if begins_with(run["seconds"]) == beginning]
        if found:
            quickest = min(found, key=lambda run: _sum(run["seconds"]))
            among = f", the quickest of {len(found)} runs" if len(found) > 1 else ""
            yield _goal(text, goal, quickest["seconds"], among, _sum(quickest["cpu"]))


def _goals_of_parts(environments: Seconds, suites: Seconds) -> Iterator[Goal]:
    if suites:
        yield _goal("the suites of the last `tox -e e2e`", SUITES, suites)
    if environments:
        yield _goal("`tox`", TOX, environments)


def _goal(text: str, goal: float, parts: Seconds, among: str = "", cpu: float = 0.0) -> Goal:
    longest = sorted(parts.items(), key=lambda part: part[1], reverse=True)[:MOST_PARTS]
    limit = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in longest)
    limit += f"; {cpu:.0f} s of CPU" if cpu else ""
    measured = _sum(parts)
    return Goal(f"{text}: {goal:.0f} s", f"{measured:.0f} s{among}", measured <= goal, limit)


def _sum(parts: Seconds) -> float:
    return sum(parts.values())


def _read_runs(file: Path) -> list[Mapping[str, Any]]:
    """Return the `stack`, the `seconds` and the `cpu` of each run of `tox -e e2e`."""
    return read_json(file, "tox -e e2e", _runs_in) if file.exists() else []


def _runs_in(held: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - of JSON
    return [
        {"stack": run["stack"], "seconds": dict(run["seconds"]), "cpu": dict(run.get("cpu", {}))}
        for run in held
    ]


def _read_environments(file: Path) -> dict[str, float]:
    """Return the seconds of each environment of `tox --result-json`."""
    return read_json(file, "tox --result-json", _environments_in) if file.exists() else {}


def _environments_in(held: Any) -> dict[str, float]:  # noqa: ANN401 - of JSON
    found = held.get("testenvs", {}).items()
    return {name: each["result"]["duration"] for name, each in found if "result" in each}


def _read_suites(file: Path) -> dict[str, float]:
    if not file.exists():
        return {}
    run = read_suite(file)
    took = {suite.name: suite.elapsed_time.total_seconds() for suite in run.suites}
    took["set-up and teardown of the run"] = run.elapsed_time.total_seconds() - sum(took.values())
    return took


def _steps(runs: Iterable[Mapping[str, Any]]) -> Rows:
    steps = list(dict.fromkeys(step for run in runs for step in run["seconds"]))
    rows = [["stack", "begins with", *steps, "all"]] if steps else []
    for run in runs:
        seconds, cpu = run["seconds"], run["cpu"]
        cells = [_with_cpu(seconds.get(step, 0.0), cpu.get(step, 0.0)) for step in steps]
        rows.append([run["stack"], begins_with(seconds), *cells, _with_cpu(_sum(seconds), _sum(cpu))])
    return rows


def _with_cpu(seconds: float, cpu: float) -> str:
    return f"{seconds:.0f} s ({cpu:.0f} s)" if cpu else f"{seconds:.0f} s"


def _parts(what: str, took: Seconds) -> Rows:
    if not took:
        return []
    everything = _sum(took)
    return [[what, "seconds", "share"], *_shares(took.items(), everything), ["all", f"{everything:.1f}", ""]]


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
