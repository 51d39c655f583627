"""The goals that a benchmark is measured against, and what limits what missed one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from harness.bench.figures import Figures, Rows, compare_rounds, relative_time
from harness.bench.sections import EVALUATION, LOOK_UP, THROUGHPUT, WAY

LONGEST_TRACE, LONGEST_TIME = 30_000, 2.0  # spans, and seconds of the processor to judge them
FLAT = 1.3  # of the time with the fewest stored traces: 66 ms over 52 ms, the first measurement's range

DIRECT, THROUGH_COLLECTOR = "directly to MLflow", "by way of the collector"
THROUGHPUT_RATIO = 0.9  # of the rate of direct posts

# The steps from the agent's answer to the verdict; the first two are delays by configuration.
BATCHES = ("the agent's batch", "the collector's batch")
OTHER_STEPS = ("MLflow stores the trace", "the suite finds and reads it", "the suite judges it")
IN_ALL = "in all"
STEPS = (*BATCHES, *OTHER_STEPS, IN_ALL)
BESIDE_BATCHES = 0.3  # seconds

# Seconds of the clock: `tox`; `tox -e e2e` with caches, and from an empty machine; its suites.
TOX, AGAIN, FROM_NOTHING, SUITES = 75, 75, 540, 25


@dataclass(frozen=True)
class Goal:
    """A goal, what was measured, and what limits it, all in words."""

    text: str
    measured: str
    is_reached: bool
    limit: str

    @property
    def result(self) -> str:
        """Whether it is reached, and if not, what limits it."""
        return "reached" if self.is_reached else f"missed: {self.limit}"


def goal_rows(goals: Iterable[Goal]) -> Rows:
    """Return goals as rows of a table."""
    return [("goal", "measured", "result"), *((goal.text, goal.measured, goal.result) for goal in goals)]


def find_goals(figures: Figures) -> list[Goal]:
    """Return the goals of what was measured."""
    return [*_evaluation(figures), *_look_up(figures), *_way(figures), *_throughput(figures)]


def _evaluation(figures: Figures) -> Iterator[Goal]:
    for case, measured in figures.cases(EVALUATION).items():
        largest = measured[-1]
        if largest.size == LONGEST_TRACE:
            yield Goal(
                f"{LONGEST_TRACE:,} spans with {case} are judged in {LONGEST_TIME:g} s",
                f"{largest.median:.2g} s",
                largest.median <= LONGEST_TIME,
                f"one span takes {largest.median / largest.size * 1e6:.0f} µs",
            )


def _look_up(figures: Figures) -> Iterator[Goal]:
    for case, measured in figures.cases(LOOK_UP).items():
        smallest, largest = measured[0], measured[-1]
        if smallest is largest:
            continue
        ratio = relative_time(largest, smallest)
        yield Goal(
            f"{case}, with {largest.size:,} stored: at most {FLAT:g} times as long as with {smallest.size:,}",
            f"{ratio:.2f}",
            ratio <= FLAT,
            f"{largest.median * 1000:.0f} ms against {smallest.median * 1000:.0f} ms",
        )


def _way(figures: Figures) -> Iterator[Goal]:
    cases = figures.cases(WAY)
    if not cases:
        return
    seconds = [cases[step][0].seconds for step in OTHER_STEPS]
    beside = [sum(steps) for steps in zip(*seconds, strict=True)]
    slowest = max((cases[step][0] for step in OTHER_STEPS), key=lambda each: each.median)
    yield Goal(
        f"from the answer to the verdict, beside the delays of the batches: {BESIDE_BATCHES:g} s",
        f"{median(beside):.2f} s ({min(beside):.2f} to {max(beside):.2f})",
        median(beside) <= BESIDE_BATCHES,
        f"most of it is that {slowest.case}: {slowest.median:.2f} s",
    )


def _throughput(figures: Figures) -> Iterator[Goal]:
    cases = figures.cases(THROUGHPUT)
    if not cases:
        return
    (direct,), (collected,) = cases[DIRECT], cases[THROUGH_COLLECTOR]
    ratios = compare_rounds(collected, direct)
    yield Goal(
        f"spans a second {THROUGH_COLLECTOR}, over those of direct posts: at least {THROUGHPUT_RATIO:g}",
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        median(ratios) >= THROUGHPUT_RATIO,
        f"{collected.rate:.0f} spans a second against {direct.rate:.0f}",
    )
