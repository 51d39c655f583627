"""What a run of the benchmark measured: its file, and what is computed from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from harness.common.json_files import read_json

Rows = Sequence[Sequence[str]]  # of a table; the first has the columns' names


@dataclass(frozen=True)
class Measurement:
    """How long one thing took, of one size, in each of several runs.

    `what` is measured, `case` says under which condition, `size` is a number of `unit`. `seconds` are those
    of the processor where one process does the work, so that other programs of the machine do not count; and
    those of the clock where servers do it. `message` is how many characters a person reads, 0 where nothing
    is wrong.
    """

    what: str
    case: str
    unit: str
    size: int
    seconds: Sequence[float]
    message: int

    @property
    def median(self) -> float:
        """The median of the runs, in seconds."""
        return median(self.seconds)

    @property
    def rate(self) -> float:
        """How many of the unit it did a second."""
        return self.size / self.median

    @property
    def spread(self) -> float:
        """The slowest run over the fastest one."""
        return max(self.seconds) / min(self.seconds)


@dataclass(frozen=True)
class Figures:
    """All measurements of a run, where it ran, sentences about how, and what whole runs took."""

    date: str
    machine: str
    measurements: Sequence[Measurement]
    notes: Mapping[str, str] = field(default_factory=dict)
    whole_runs: Mapping[str, Rows] = field(default_factory=dict)  # by title, see whole_runs.py

    def cases(self, what: str) -> dict[str, list[Measurement]]:
        """Return the measurements of one thing by case, the smallest size first."""
        found: dict[str, list[Measurement]] = {}
        for each in sorted(self.measurements, key=lambda each: each.size):
            if each.what == what:
                found.setdefault(each.case, []).append(each)
        return found

    @property
    def measured(self) -> list[str]:
        """What was measured, in the order of the run."""
        return list(dict.fromkeys(each.what for each in self.measurements))


def relative_cost(measurement: Measurement, smallest: Measurement) -> float:
    """Return the time of one of the unit, over that in the smallest size: 1 where the work is linear."""
    return smallest.rate / measurement.rate


def relative_time(measurement: Measurement, smallest: Measurement) -> float:
    """Return the time over that of the smallest size: 1 where the size does not matter."""
    return measurement.median / smallest.median


def compare_rounds(one: Measurement, other: Measurement) -> list[float]:
    """Return the rate of one over that of the other in each round: both were measured by turns."""
    return [theirs / own for own, theirs in zip(one.seconds, other.seconds, strict=True)]


def write(figures: Figures, file: Path) -> None:
    """Write figures as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")


def read(file: Path) -> Figures:
    """Return the figures of a file. Raises HarnessError for one of another form."""
    return read_json(file, "tox -e bench", _figures_in)


def _figures_in(held: Any) -> Figures:  # noqa: ANN401 - of JSON
    measurements = [Measurement(**each) for each in held["measurements"]]
    return Figures(held["date"], held["machine"], measurements, held["notes"], held["whole_runs"])
