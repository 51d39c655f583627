"""Runs the suites again and again on the healthy stack of `tox -e e2e`; each failure is a false alarm.

    tox -e healthy [-- CONDITION ...] [--runs N]

Conditions: quiet, busy-cores, traffic, after-rollout, after-apply (default: one after the other, all).
The last two restart the stack's pods, and remove and apply the stack. The limits are a user's.
The exit code is 0 when no test of any run failed.
results/healthy has healthy.json and, in a folder for each run that failed, Robot Framework's results.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors, stop_when_terminated
from harness.common.kubectl import current_context
from harness.common.options import whole_number
from harness.common.progress import say
from harness.common.robot_results import Counts, count_tests, read_failures
from harness.common.suites import SUITES, run_and_read
from harness.deployment import Deployment, find_deployed
from harness.faults.stack import Stack
from harness.healthy.conditions import CONDITIONS, Around, Condition, Place, find_condition
from harness.healthy.runs import Run, write
from harness.suite_options import suite_options

RESULTS = ROOT / "results" / "healthy"


def run_once(name: str, special: str, around: Around, deployed: Deployment, folder: Path) -> Run:
    """Run the suites while, or after, something happens; keep their results where a test failed."""
    shutil.rmtree(folder, ignore_errors=True)
    options = [*deployed.robot_options, *suite_options(deployed.overlay, deployed.components)]
    with around():
        started = time.monotonic()
        arguments = ["--console", "none", *options, str(SUITES)]
        suite = run_and_read(folder, *arguments, environment=deployed.environment)
        seconds = time.monotonic() - started
    counts = count_tests(suite)
    run = Run(
        name,
        special,
        deployed.title,
        f"{datetime.now(UTC):%Y-%m-%d}",
        seconds,
        os.getloadavg()[0],
        counts.passed,
        counts.skipped,
        read_failures(suite),
    )
    if run.is_green:
        shutil.rmtree(folder)
    return run


def run_all(conditions: Sequence[Condition], runs: int | None, place: Place) -> Iterator[Run]:
    """Run the suites under each condition, each time on a stack that is well.

    Raises HarnessError when the stack does not become well, or Robot Framework does not run.
    """
    for condition in conditions:
        say(f"\n{condition.name}: {condition.says}")
        planned = condition.plan(place, runs)
        for number, (special, around) in enumerate(planned, 1):
            place.stack.wait_until_well()
            folder = RESULTS / f"{condition.name}-{number}"
            run = run_once(condition.name, special, around, place.deployed, folder)
            say(f"[{number}/{len(planned)}] {describe(run)}")
            yield run


def describe(run: Run) -> str:
    """Return what became of a run, and a line for each test that failed."""
    special = f"{run.special}: " if run.special else ""
    counts = Counts(run.passed, len(run.failures), run.skipped)
    failures = [f"  - {test}: {message}" for test, message in run.failures.items()]
    return "\n".join([f"{special}{counts} ({run.seconds:.0f} s)", *failures])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tox -e healthy --", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--runs", type=whole_number(1), help="under each condition (default: each has its own number)")
    add("conditions", nargs="*", metavar="CONDITION", help=f"one of {', '.join(CONDITIONS)}")
    return parser.parse_args()


def choose(names: Sequence[str]) -> list[Condition]:
    """Return the conditions of these names, all where there is none.

    Raises HarnessError for a name that no condition has.
    """
    return [find_condition(name) for name in names or CONDITIONS]


@reports_errors
def main() -> int:
    """Run the suites as the command line asks; return the exit code."""
    arguments = parse_arguments()
    conditions = choose(arguments.conditions)
    stop_when_terminated()
    deployed = find_deployed()
    if deployed is None:
        raise HarnessError(f"Nothing is deployed in context {current_context()}: run `tox -e e2e` first.")
    os.environ.update(deployed.environment)
    runs: list[Run] = []
    for run in run_all(conditions, arguments.runs, Place(Stack(deployed.namespaces), deployed)):
        runs.append(run)
        write(runs, RESULTS / "healthy.json")
    failed = sum(not run.is_green for run in runs)
    say(f"\n{len(runs)} runs, {failed} of them with a false alarm: {RESULTS / 'healthy.json'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
