"""Breaks the stack by one fault after the other; reports which the suites found, and which they named.

    tox -e faults [-- NAME ... | --smoke | --shard 1/3] [--every-stack]

By default: all faults of the catalogue that fit what is deployed. The others are named, with the reason.
With --every-stack: the stacks that the faults need are deployed, and each fault is run on the first it fits.
For each fault: change the stack, wait until the change is what runs, run the tests, change it back, and wait
until all is well again. Ctrl-C and SIGTERM heal the stack too.
The exit code is 0 when every fault was found and named, and no other test failed.
results/faults has faults.json, faults.html and, in a folder a fault, Robot Framework's results.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors, stop_when_terminated
from harness.common.kubectl import current_context, kubectl
from harness.common.options import pair
from harness.common.progress import say
from harness.common.suites import RobotAhead
from harness.deployment import find_deployed
from harness.faults import report
from harness.faults.catalogue import Fault, in_order, in_shard, read_catalogue
from harness.faults.changes import HealingError, broken, heal_what_was_left, plan, wait_until_healed
from harness.faults.every_stack import STACKS, deploy, may_fit
from harness.faults.judging import SHORT_LIMITS, Outcome, judge, run_tests
from harness.faults.stack import Stack

RESULTS = ROOT / "results" / "faults"


def shard(text: str) -> tuple[int, int]:
    """Read an option such as `1/3`; argparse reports another one."""
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not match or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a part such as 1/3")
    return int(match[1]), int(match[2])


def choose(arguments: argparse.Namespace) -> list[Fault]:
    """Return the faults that the command line asks for.

    Raises HarnessError for a name that no fault has.
    """
    known = {fault.name: fault for fault in read_catalogue()}
    for name in arguments.faults:
        if name not in known:
            raise HarnessError(f"No fault is named {name!r}; choose from {', '.join(known)}.")
    if arguments.faults:
        return in_order([known[name] for name in arguments.faults])
    faults = [fault for fault in known.values() if fault.smoke or not arguments.smoke]
    return in_shard(in_order(faults), *arguments.shard)


def why_left_out(fault: Fault, stack: Stack) -> str:
    """Return why a fault does not fit what is deployed, empty where it fits."""
    ours = stack.is_ours()
    if fault.installed == ours:
        return f"the stack is {'ours' if ours else 'of an installation'}"
    namespace = stack.namespaces["system"]
    for component, witness in fault.needs.items():
        if not has_object(witness, namespace):
            return f"it needs components/{component}, and namespace {namespace} has no {witness}"
    try:
        for change in fault.changes:
            plan(change, stack)
    except HarnessError as error:
        return str(error).rstrip(".")
    return ""


def has_object(name: str, namespace: str) -> bool:
    """Return whether a namespace has the object; it has none of a kind that the cluster does not know."""
    try:
        return bool(kubectl("get", name, f"--namespace={namespace}", "--ignore-not-found"))
    except HarnessError:
        return False


def run(fault: Fault, stack: Stack, variables: Mapping[str, str], limits: Path | None) -> Outcome:
    """Break the stack by a fault, run its tests and heal; return what became of it.

    Raises HealingError when the fault stays in the stack.
    """
    started = time.monotonic()
    folder = RESULTS / fault.name
    try:
        with RobotAhead() as robot, broken(fault, stack, RESULTS):
            run_tests(robot.run, fault, folder, variables, limits)
        outcome = judge(fault, folder)
    except HealingError:
        raise
    except HarnessError as error:
        outcome = Outcome(fault, error=str(error))
    return replace(
        outcome,
        took=time.monotonic() - started,
        load=os.getloadavg()[0],
        limits="short" if limits else "default",
    )


def run_all(
    faults: Sequence[Fault],
    stack: Stack,
    variables: Mapping[str, str],
    limits: Path | None,
    outcomes: list[Outcome],
) -> None:
    """Run the faults that fit what is deployed, and add to the outcomes what became of each.

    Raises HealingError when a fault stays in the stack: no other one can be judged then.
    """
    heal_what_was_left(RESULTS)
    say(f"Its namespaces are {' and '.join(stack.namespaces.values())}.")
    stack.wait_until_well()
    try:
        for number, fault in enumerate(faults, 1):
            say(f"\n[{number}/{len(faults)}] {fault.name}: {fault.breaks}")
            reason = why_left_out(fault, stack)
            try:
                outcome = Outcome(fault, left_out=reason) if reason else run(fault, stack, variables, limits)
            except HealingError as error:
                outcomes.append(Outcome(fault, error=str(error)))
                raise
            outcomes.append(outcome)
            say(describe_in_lines(outcome))
    finally:
        wait_until_healed(stack)


def run_on_deployed(
    faults: Sequence[Fault], chosen: Mapping[str, str], limits: Path | None, outcomes: list[Outcome]
) -> None:
    """Run the faults as `run_all`, on what is deployed now; the settings that were chosen win."""
    found = find_deployed()
    variables = {**(found.namespaces if found else {}), **chosen}
    before = dict(os.environ)
    os.environ.update(found.environment if found else {})
    try:
        run_all(faults, Stack(variables), variables, limits, outcomes)
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_on_every_stack(
    faults: Sequence[Fault], chosen: Mapping[str, str], limits: Path | None, outcomes: list[Outcome]
) -> None:
    """Deploy the stacks that the faults need; run each fault, as `run_all`, on the first that it fits."""
    left_out = [Outcome(fault, left_out="no stack has the Components that it needs") for fault in faults]
    for stack in STACKS:
        fitting = [outcome.fault for outcome in left_out if may_fit(outcome.fault, stack)]
        if not fitting:
            continue
        deploy(stack, RESULTS / "overlay")
        here: list[Outcome] = []
        try:
            run_on_deployed(fitting, chosen, limits, here)
        finally:
            outcomes += [outcome for outcome in here if not outcome.left_out]
        left_out = [outcome for outcome in left_out if outcome.fault not in fitting]
        left_out += [outcome for outcome in here if outcome.left_out]
    outcomes += left_out


def describe_in_lines(outcome: Outcome) -> str:
    """Return what became of a fault, and a line for each thing that is not right."""
    took = "" if outcome.left_out else f" ({outcome.took:.0f} s)"
    first = f"  {outcome.verdict}: {outcome.left_out or outcome.sentence or outcome.error}{took}"
    return "\n".join([first, *(f"  - {problem}" for problem in outcome.problems)])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tox -e faults --", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="only some faults, of different kinds")
    parser.add_argument("--shard", type=shard, default=(1, 1), help="only a part of the faults: 1/3")
    parser.add_argument(
        "--every-stack", action="store_true", help="deploy what the faults need; removes what is deployed"
    )
    parser.add_argument(
        "--default-limits",
        action="store_true",
        help="wait as long as a user's run does (default: shorter, where no trace is going to arrive)",
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
    return parser.parse_args()


@reports_errors
def main() -> int:
    """Run the faults that the command line asks for; return the exit code."""
    arguments = parse_arguments()
    faults = choose(arguments)
    stop_when_terminated()
    context = current_context()
    say(f"The stack of context {context} is broken and healed again.")
    outcomes: list[Outcome] = []
    limits = None if arguments.default_limits else SHORT_LIMITS
    run_them = run_on_every_stack if arguments.every_stack else run_on_deployed
    try:
        run_them(faults, dict(arguments.variable), limits, outcomes)
    finally:
        if outcomes:  # otherwise the report of an earlier run stays
            report.write(outcomes, context, RESULTS)
            say(f"\n{report.table(outcomes)}\nReport: {RESULTS / 'faults.html'}")
    judged = [outcome for outcome in outcomes if not outcome.left_out]
    all_ran = not arguments.faults or len(judged) == len(outcomes)
    return 0 if judged and all_ran and all(outcome.is_right for outcome in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
