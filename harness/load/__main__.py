"""Sends traces to the deployed collector at rising rates, and measures what becomes of them: `tox -e load`.

tox -e load -- --context embedded                   # rates 2, 10 and 40 traces a second
tox -e load -- --context embedded --rate 5 --rate 50 --seconds 60 --agents 100
tox -e load -- --docs                               # only writes docs/capacity.md, from the last figures

It stores traces in both backends, so it wants the name of the current context. It changes nothing else.
MLflow must want no login.
Figures are in results/load/load.json.
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from robot.api import ExecutionResult

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import current_context, kubectl
from harness.common.progress import say
from harness.common.suites import SUITES, run_robot
from harness.common.waiting import POLL_INTERVAL, wait_for
from harness.load import measuring
from harness.load.figures import Figures, Step, read, write
from harness.load.page import write_markdown
from harness.load.questions import Questions
from harness.load.sending import send

RESULTS = ROOT / "results" / "load"
FIGURES = RESULTS / "load.json"
PAGE = ROOT / "docs" / "capacity.md"
SUITE = SUITES / "traces" / "weather_question.robot"
RATES = (2.0, 10.0, 40.0)  # traces a second
DRAIN_LIMIT = 600.0  # seconds
STORE_LIMIT = 60.0  # seconds from empty queues until a backend has stored all that it has answered
KUBELET_INTERVAL = 15.0  # seconds between two looks of the kubelet at what containers use
MOST_AGENTS = 10_000


def measure_step(
    rate: float, seconds: float, agents: int, experiment: str, suite: bool
) -> tuple[Step, dict[str, int]]:
    """Send at one rate until all is stored; return what was measured, and the suite's result."""
    run = secrets.token_hex(4)
    questions, since, result = Questions(run), time.time(), dict[str, int]()
    before, sizes = measuring.read_usage(), measuring.read_sizes()
    with (
        measuring.forwarded("otel-collector", 8335) as collector,
        measuring.forwarded("mlflow", 5000) as mlflow,
        measuring.forwarded("phoenix", 6006) as phoenix,
    ):
        meanwhile = threading.Thread(target=lambda: result.update(run_suite()))
        if suite:
            meanwhile.start()
        sent = send(f"{collector}/v1/traces", questions, rate, seconds, agents)
        ended, queued = time.monotonic(), measuring.read_queues()
        wait_for(
            lambda: not any(measuring.read_queues().values()),
            DRAIN_LIMIT,
            "The collector's queues are not empty",
        )
        drain = time.monotonic() - ended
        if suite:
            meanwhile.join()
        stored = {
            "mlflow": count_all(
                lambda: measuring.count_in_mlflow(mlflow, experiment, run, since), sent.accepted
            ),
            "phoenix": count_all(lambda: measuring.count_in_phoenix(phoenix, run, since), sent.accepted),
        }
    time.sleep(KUBELET_INTERVAL)
    after, grown = measuring.read_usage(), measuring.read_sizes()
    step = Step(
        rate=rate,
        seconds=sent.seconds,
        answers=sent.answers,
        queued=queued,
        drain=drain,
        stored=stored,
        cpu={name: after[name].cpu - before[name].cpu for name in after},
        memory={name: after[name].memory for name in after},
        grown={name: grown[name] - sizes[name] for name in grown},
        load=os.getloadavg()[0],
    )
    return step, result


def count_all(count: Callable[[], int], expected: int) -> int:
    """Return what a backend counts, as soon as it is enough: one may answer before it has stored."""
    deadline = time.monotonic() + STORE_LIMIT
    while (found := count()) < expected and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL)
    return found


def run_suite() -> dict[str, int]:
    """Ask a question of this run's own, judge its trace, and return how many tests passed and failed."""
    folder = RESULTS / "suite"
    (folder / "output.xml").unlink(missing_ok=True)
    run_robot("--outputdir", str(folder), "--console", "none", str(SUITE))
    if not (folder / "output.xml").exists():
        return {}  # robot's own message says why
    total = ExecutionResult(folder / "output.xml").statistics.total
    return {"passed": total.passed, "failed": total.failed, "skipped": total.skipped}


def measure(rates: list[float], seconds: float, agents: int) -> Figures:
    """Measure each rate, with the acceptance suite beside the last one, and write the figures."""
    name = ["get", "configmap", "mlflow-experiment", f"--namespace={measuring.NAMESPACE}"]
    experiment = kubectl(*name, "--output=jsonpath={.data.experiment-id}")
    questions = Questions("count")
    pods = {name: len(measuring.pods_of(name)) for name in measuring.COMPONENTS}
    figures = Figures(
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{os.cpu_count()} cores, {platform.machine()}",
        ", ".join(f"{count} {name}" for name, count in pods.items()),
        agents,
        questions.spans,
        questions.kept,
    )
    for rate in rates:
        step, suite = measure_step(rate, seconds, agents, experiment, suite=rate == rates[-1])
        figures.steps.append(step)
        figures.suite.update(suite)
        say(
            f"{rate:g} traces a second for {seconds:g} s: {step.sent} sent, {step.accepted} accepted, "
            f"stored {step.stored}, queued {step.queued}, empty after {step.drain:.0f} s"
        )
        write(figures, FIGURES)
    return figures


def positive(text: str) -> float:
    """Return a number above 0. Raises ArgumentTypeError for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def agents_from(text: str) -> int:
    """Return how many agents send. Raises ArgumentTypeError for anything else."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_AGENTS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of agents from 1 to {MOST_AGENTS}")
    return int(text)


def write_docs() -> Path:
    """Write docs/capacity.md from the last figures. Raises HarnessError where there are none."""
    if not FIGURES.exists():
        raise HarnessError(f"There is no {FIGURES}: run `tox -e load -- --context NAME` first.")
    PAGE.write_text(write_markdown(read(FIGURES)), encoding="utf-8")
    return PAGE


@reports_errors
def main() -> int:
    """Do what the command line asks for; the exit code is 1 where a trace was lost or a test failed."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tox -e load --", description=__doc__, formatter_class=raw)
    parser.add_argument(
        "--context", metavar="NAME", help="the current context, to which the traces may be sent"
    )
    parser.add_argument(
        "--rate", type=positive, action="append", help="traces a second; can be given several times"
    )
    parser.add_argument(
        "--seconds", type=positive, default=30.0, help="for which each rate is sent (default 30)"
    )
    parser.add_argument("--agents", type=agents_from, default=50, help="that send by turns (default 50)")
    parser.add_argument("--docs", action="store_true", help="write docs/capacity.md from the last figures")
    arguments = parser.parse_args()
    if arguments.docs:
        say(f"{write_docs()} is written.")
        return 0
    context = current_context()
    if arguments.context != context:
        raise HarnessError(f"It stores traces in context {context}: allow that with --context {context}.")
    figures = measure(arguments.rate or list(RATES), arguments.seconds, arguments.agents)
    problems = [f"{step.rate:g} a second: {problem}" for step in figures.steps for problem in step.problems]
    if figures.suite.get("failed") or not figures.suite.get("passed"):
        problems.append(f"The suite beside the load: {figures.suite or 'none ran'}; see {RESULTS / 'suite'}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
