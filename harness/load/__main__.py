"""Sends traces to the deployed collector at rising rates, and measures what becomes of them: `tox -e load`.

tox -e load -- --context embedded                   # rates 2, 10 and 20 traces a second
tox -e load -- --context embedded --rate 5 --rate 50 --seconds 60 --agents 100
tox -e load -- --context embedded --overload 80 --outage 60 --name high-availability
tox -e load -- --docs                               # only writes docs/capacity.md, from all figures

The acceptance suite runs beside the last rate, where it must be green, and beside the overload, where its own
question waits with the others. Traces are sent at the last rate while MLflow is away.

It stores traces in both backends, and --outage scales MLflow down and up again. So it wants the name of the
current context. It changes nothing else. MLflow must want no login.
Figures are in results/load/NAME.json; docs/capacity.md has those of all names side by side.
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors, stop_when_terminated
from harness.common.kubectl import current_context, kubectl
from harness.common.meanwhile import meanwhile
from harness.common.options import label, whole_number
from harness.common.progress import say
from harness.common.waiting import POLL_INTERVAL
from harness.load import measuring
from harness.load.figures import Figures, Step, SuiteRun, read, write
from harness.load.measuring import Stored
from harness.load.outage import mlflow_away
from harness.load.page import write_markdown
from harness.load.questions import Questions
from harness.load.sending import Sent, send
from harness.load.suite import run_suite

RESULTS = ROOT / "results" / "load"
PAGE = ROOT / "docs" / "capacity.md"
RATES = (2.0, 10.0, 20.0)  # traces a second
DRAIN_LIMIT = 900.0  # seconds
STORE_LIMIT = 60.0  # seconds from empty queues until a backend has stored all that it has answered
KUBELET_INTERVAL = 15.0  # seconds between two looks of the kubelet at what containers use
MOST_AGENTS = 10_000


@dataclass(frozen=True)
class Plan:
    """What one step sends, and what happens meanwhile."""

    rate: float  # traces a second
    seconds: float
    agents: int
    suite: bool = False  # whether the acceptance suite runs beside it
    beyond: bool = False  # whether the rate is meant to be more than the backends store
    outage: bool = False  # whether MLflow is away


@dataclass(frozen=True)
class Course:
    """How a step went: what was sent, what was queued at its end, and how long that took."""

    sent: Sent
    queued: dict[str, int]
    drained: dict[str, float]
    away: float
    suite: SuiteRun | None


def run_step(plan: Plan, questions: Questions) -> Course:
    """Send what is planned, and wait until the collector's queues are empty."""
    results: list[SuiteRun] = []

    def judge() -> None:
        if plan.suite:
            results.append(run_suite(RESULTS / "suite"))

    with measuring.forwarded_collectors() as collectors, meanwhile(judge):
        urls = [f"{url}/v1/traces" for url in collectors]
        with mlflow_away() if plan.outage else nullcontext():
            went = time.monotonic()
            sent = send(urls, questions, plan.rate, plan.seconds, plan.agents)
            queued = measuring.read_queues()
        away = time.monotonic() - went if plan.outage else 0.0
        drained = measuring.wait_until_drained(DRAIN_LIMIT)
    return Course(sent, queued, drained, away, results[0] if results else None)


def count_stored(run: str, since: float, expected: Stored, experiment: str) -> dict[str, Stored]:
    """Return what each backend has of a run since a moment."""
    with (
        measuring.forwarded("service/mlflow", 5000) as mlflow,
        measuring.forwarded("service/phoenix", 6006) as phoenix,
    ):
        return {
            "mlflow": count_all(lambda: measuring.count_in_mlflow(mlflow, experiment, run, since), expected),
            "phoenix": count_all(lambda: measuring.count_in_phoenix(phoenix, run, since), expected),
        }


def count_all(count: Callable[[], Stored], expected: Stored) -> Stored:
    """Return what a backend counts, as soon as it is enough: one may answer before it has stored."""
    deadline = time.monotonic() + STORE_LIMIT
    while not (found := count()).has_all_of(expected) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL)
    return found


def measure_step(plan: Plan, experiment: str) -> Step:
    """Run one step and return what was measured."""
    run, since = secrets.token_hex(4), time.time()
    questions = Questions(run)
    before, sizes = measuring.read_usage(), measuring.read_sizes()
    course = run_step(plan, questions)
    expected = Stored(course.sent.accepted, course.sent.accepted * questions.kept)
    stored = count_stored(run, since, expected, experiment)
    time.sleep(KUBELET_INTERVAL)
    after, grown = measuring.read_usage(), measuring.read_sizes()
    return Step(
        rate=plan.rate,
        seconds=course.sent.seconds,
        answers=course.sent.answers,
        queued=course.queued,
        drained=course.drained,
        stored={backend: each.traces for backend, each in stored.items()},
        spans={backend: each.spans for backend, each in stored.items()},
        cpu=measuring.used_between(before, after),
        memory={name: sum(usage.memory for usage in pods.values()) for name, pods in after.items()},
        grown={name: grown[name] - sizes[name] for name in grown},
        load=os.getloadavg()[0],
        beyond=plan.beyond,
        away=course.away,
        suite=course.suite,
    )


def measure(name: str, plans: list[Plan]) -> Figures:
    """Measure one step after the other, and write the figures after each."""
    experiment = kubectl(
        "get", "configmap", "mlflow-experiment", f"--namespace={measuring.NAMESPACE}",
        "--output=jsonpath={.data.experiment-id}",
    )  # fmt: skip
    questions = Questions("count")
    figures = Figures(
        name,
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{os.cpu_count()} cores, {platform.machine()}",
        measuring.describe_pods(),
        plans[0].agents,
        questions.spans,
        questions.kept,
    )
    for plan in plans:
        step = measure_step(plan, experiment)
        figures.steps.append(step)
        write(figures, RESULTS / f"{name}.json")
        say(describe(step))
    return figures


def describe(step: Step) -> str:
    """Return what became of a step, in one line."""
    away = f", MLflow away for {step.away:.0f} s" if step.away else ""
    suite = f"; the suite: {', '.join(step.suite.tests.values()) or 'no test'}" if step.suite else ""
    return (
        f"{step.rate:g} traces a second for {step.seconds:.0f} s{away}: {step.sent} sent, "
        f"{step.accepted} accepted, stored {step.stored}, queued {step.queued}, "
        f"empty after {step.drain:.0f} s{suite}"
    )


def make_plans(arguments: argparse.Namespace) -> list[Plan]:
    """Return the steps that the command line asks for: the rates, the overload, and the outage."""
    seconds, agents = arguments.seconds, arguments.agents
    *others, last = arguments.rate or RATES
    plans = [Plan(rate, seconds, agents) for rate in others] + [Plan(last, seconds, agents, suite=True)]
    if arguments.overload:
        plans.append(Plan(arguments.overload, seconds, agents, suite=True, beyond=True))
    if arguments.outage:
        plans.append(Plan(last, arguments.outage, agents, outage=True))
    return plans


def positive(text: str) -> float:
    """Return a number above 0. Raises ArgumentTypeError for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def write_docs() -> Path:
    """Write docs/capacity.md from the figures of all runs. Raises HarnessError where there are none."""
    files = sorted(RESULTS.glob("*.json"))
    if not files:
        raise HarnessError(f"There are no figures in {RESULTS}: run `tox -e load -- --context NAME` first.")
    PAGE.write_text(write_markdown([read(file) for file in files]), encoding="utf-8")
    return PAGE


def parse() -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tox -e load --", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--context", metavar="NAME", help="the current context, to which the traces may be sent")
    add("--rate", type=positive, action="append", help="traces a second; can be given several times")
    add("--overload", type=positive, metavar="RATE", help="then more traces a second than are stored")
    add("--outage", type=positive, metavar="SECONDS", help="at last, traces while MLflow is away so long")
    add("--seconds", type=positive, default=30.0, help="for which each rate is sent (default 30)")
    add("--agents", type=whole_number(1, MOST_AGENTS), default=50, help="that send by turns (default 50)")
    add(
        "--name",
        type=label,
        default="default",
        help="of what is deployed, for the page (default: default)",
    )
    add("--docs", action="store_true", help="write docs/capacity.md from the figures of all names")
    return parser.parse_args()


@reports_errors
def main() -> int:
    """Do what the command line asks for; the exit code is 1 where a trace was lost or a test failed."""
    arguments = parse()
    if arguments.docs:
        say(f"{write_docs()} is written.")
        return 0
    context = current_context()
    if arguments.context != context:
        raise HarnessError(f"It stores traces in context {context}: allow that with --context {context}.")
    stop_when_terminated()
    problems = measure(arguments.name, make_plans(arguments)).problems
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
