"""What a healthy stack goes through while the suites run, or just before: from nothing to a new stack."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError
from harness.common.kubectl import kubectl
from harness.common.meanwhile import meanwhile
from harness.deployment import Deployment
from harness.faults.stack import Stack
from harness.load import measuring
from harness.load.questions import Questions
from harness.load.sending import send

OVERLAY = ROOT / "results" / "healthy" / "overlay"
# Traces a second, of 34 spans: far more than the suite's own, and less than Phoenix stores.
TRAFFIC_RATE = 5.0
TRAFFIC_AGENTS = 10
TRAFFIC_PART = 5.0  # seconds; it ends within them after a run

# What surrounds one run of the suites: it is entered before the run, and left afterwards.
Around = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Place:
    """Where the suites run: the stack's components, and the overlay with Components that it was made from."""

    stack: Stack
    deployed: Deployment


@dataclass(frozen=True)
class Condition:
    """What a healthy stack goes through, how often that is tried, and what surrounds each run.

    `says` describes it to a reader. What surrounds a run has a name where there are several, such as a
    component's.
    """

    name: str
    says: str
    runs: int
    around: Callable[[Place], dict[str, Around]]

    def plan(self, place: Place, runs: int | None = None) -> list[tuple[str, Around]]:
        """Return what surrounds each run, with its name; each of several comes `runs` times."""
        return list(self.around(place).items()) * (runs or self.runs)


def always(around: Around) -> Callable[[Place], dict[str, Around]]:
    """Return what surrounds each run with the same, wherever it is."""
    return lambda _: {"": around}


@contextmanager
def busy_cores() -> Iterator[None]:
    """Run an endless loop for each core; they end with the `with`."""
    endless = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(endless) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@contextmanager
def traffic() -> Iterator[None]:
    """Send traces of the public weather agent until the `with` ends.

    Raises HarnessError where the collectors are not where the overlays have them.
    """
    over, questions = threading.Event(), Questions("healthy")
    with measuring.forwarded_collectors() as collectors:
        urls = [f"{url}/v1/traces" for url in collectors]

        def work() -> None:
            while not over.is_set():
                send(urls, questions, TRAFFIC_RATE, TRAFFIC_PART, TRAFFIC_AGENTS)

        with meanwhile(work):
            try:
                yield
            finally:
                over.set()


def after_apply(place: Place) -> dict[str, Around]:
    """Remove the stack with its databases, and apply it; nobody waits until its pods run."""
    overlay, components = place.deployed.overlay, place.deployed.components

    @contextmanager
    def apply_anew() -> Iterator[None]:
        deployment.remove_deployed()
        provider = lifecycle.provider(Folders.from_environment())
        folder = deployment.write_overlay(OVERLAY, overlay, components, provider)
        deployment.deploy(Deployment(overlay, components), folder)
        yield

    return {"": apply_anew}


def after_rollout(place: Place) -> dict[str, Around]:
    """Restart the pods of one component; nobody waits until the new ones run."""

    @contextmanager
    def restart(component: str) -> Iterator[None]:
        workload = place.stack.workload_of(component)
        kubectl("rollout", "restart", *workload.arguments)
        place.stack.wait_until_seen(workload)
        yield

    return {component: partial(restart, component) for component in place.stack.components}


CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("quiet", "nothing else happens", 20, always(nullcontext)),
        Condition("busy-cores", "an endless loop runs on each core", 10, always(busy_cores)),
        Condition("traffic", f"other agents send {TRAFFIC_RATE:g} traces a second", 5, always(traffic)),
        Condition("after-rollout", "a component's pods were just restarted", 1, after_rollout),
        Condition("after-apply", "the stack was just removed and applied", 5, after_apply),
    )
}


def find_condition(name: str) -> Condition:
    """Return a condition by its name. Raises HarnessError for one that there is not, or not any more."""
    if name not in CONDITIONS:
        raise HarnessError(f"No condition is named {name!r}; choose from {', '.join(CONDITIONS)}.")
    return CONDITIONS[name]
