"""Breaks the stack by one fault after the other, and reports whether the right test found it.

    KUBECONFIG=... python -m harness.faults [--catalogue NAME] [--variable NAME:VALUE] [FAULT ...]

By default: all faults of all catalogues that fit what is deployed. The others are named, with the reason.
For each fault: change the workload, wait until it is rolled out, run the test, change it back.
The exit code is 0 when every fault made its test fail, with what its message must contain.
Robot's results are in results/faults/FAULT.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from robot.api import ExecutionResult

from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import current_context
from harness.common.options import pair
from harness.common.suites import SUITES, run_robot
from harness.faults.catalogue import CATALOGUES, Fault, read_catalogue
from harness.faults.stack import HealingError, Workload, broken, why_left_out

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results" / "faults"


def choose(catalogues: list[str], names: list[str]) -> list[Fault]:
    """Return the faults of these catalogues (none: of all) with these names (none: all of them).

    Raises HarnessError for a name that no fault of them has.
    """
    known = {fault.name: fault for name in catalogues or CATALOGUES for fault in read_catalogue(name)}
    for name in names:
        if name not in known:
            raise HarnessError(f"No fault is named {name!r}; choose from {', '.join(known)}.")
    return [known[name] for name in names or known]


def was_found(fault: Fault, output: Path) -> tuple[bool, str]:
    """Return whether a run's output.xml shows that the fault was found, and the test's message."""
    if not output.exists():
        return False, f"robot did not run {fault.suite}"
    tests = [test for test in ExecutionResult(output).suite.all_tests if test.name == fault.test]
    if not tests:
        return False, f"no test is named {fault.test!r}"
    message = str(tests[0].message)
    if tests[0].status != "FAIL":
        return False, f"{fault.test!r} did not fail: {tests[0].status} {message}"
    missing = [text for text in fault.says if text not in message]
    if missing:
        return False, f"{fault.test!r} failed, but its message lacks {missing[0]!r}:\n{message}"
    return True, message


def run(fault: Fault, workload: Workload, variables: Mapping[str, str]) -> bool:
    """Break the stack by a fault, run its test and heal; return whether the fault was found.

    `variables` are settings for the test. Raises HealingError when the fault stays in the stack.
    """
    print(f"\n{fault.name}: {fault.breaks}", flush=True)
    results = RESULTS / fault.name
    shutil.rmtree(results, ignore_errors=True)  # an earlier run's output would be taken for this one's
    options = [
        "--console", "none", "--variablefile", str(HERE / "short_limits.yaml"),
        *(option for each in variables.items() for option in ("--variable", ":".join(each))),
        *(("--variable", f"DISRUPTIVE:{current_context()}") if fault.disruptive else ()),
        "--outputdir", str(results), "--test", fault.test, str(SUITES / fault.suite),
    ]  # fmt: skip
    try:
        with broken(fault, workload):
            run_robot(*options)
        found, message = was_found(fault, results / "output.xml")
    except HealingError:
        raise
    except HarnessError as error:
        found, message = False, str(error)
    print(f"  {'found' if found else 'NOT FOUND'}: {message}", flush=True)
    return found


def run_all(faults: list[Fault], variables: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Run the faults that fit what is deployed; return the names of found, missed and left out ones."""

    @cache
    def find_workload(component: str) -> Workload:
        return Workload(component, variables)

    found, missed, left_out = [], [], []
    for fault in faults:
        reason = why_left_out(fault, find_workload(fault.component))
        if reason:
            print(f"\n{fault.name}: left out: {reason}", flush=True)
            left_out.append(fault.name)
        elif run(fault, find_workload(fault.component), variables):
            found.append(fault.name)
        else:
            missed.append(fault.name)
    return found, missed, left_out


@reports_errors
def main() -> int:
    """Run the faults that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--catalogue", action="append", default=[], choices=CATALOGUES, help="may be given several times"
    )
    parser.add_argument(
        "--variable",
        type=pair(":"),
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a setting, as robot takes it: SYSTEM_NAMESPACE:rossoctl-system",
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="a fault's name (default: all)")
    arguments = parser.parse_args()
    faults = choose(arguments.catalogue, arguments.faults)
    print(f"The stack of context {current_context()} is broken and healed again.", flush=True)
    found, missed, left_out = run_all(faults, dict(arguments.variable))
    print(f"\nFound {len(found)} of {len(found) + len(missed)} faults", end="")
    print(f", left out {len(left_out)}: {', '.join(left_out)}." if left_out else ".")
    return 0 if found and not missed and not (arguments.faults and left_out) else 1


if __name__ == "__main__":
    sys.exit(main())
