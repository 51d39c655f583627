"""The goals that a benchmark is measured against, and what limits what missed one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.bench.figures import Figures, relative_time
from harness.bench.sections import EVALUATION, LOOK_UP

LONGEST_TRACE, LONGEST_TIME = 30_000, 2.0  # spans, and seconds of the processor to judge them
FLAT = 1.3  # of the time with the fewest stored traces: 66 ms over 52 ms, the first measurement's range


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


def find_goals(figures: Figures) -> list[Goal]:
    """Return the goals of what was measured."""
    return [*_evaluation(figures), *_look_up(figures)]


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
