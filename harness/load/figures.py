"""What a run of the load measured, and what is computed from it; kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.common.json_files import read_json
from harness.load.sending import ACCEPTED, count_accepted


@dataclass(frozen=True)
class SuiteRun:
    """What the acceptance suite said of its own question beside the load."""

    tests: dict[str, str]  # what became of each, by its name: PASS, FAIL or SKIP
    arrival: str  # how long its own trace took, as its tests say: `MLflow: 10 spans, whole 2.5 s after ...`
    failure: str  # the message of the first test that failed

    @property
    def is_green(self) -> bool:
        """Whether tests ran, and none failed."""
        return "PASS" in self.tests.values() and "FAIL" not in self.tests.values()


@dataclass(frozen=True)
class Step:
    """A rate that was sent for some seconds, and what became of it until the queues were empty."""

    rate: float  # traces a second that were asked for
    seconds: float  # that it took to send
    answers: dict[str, int]  # how many requests were answered how
    queued: dict[str, int]  # spans in the queue of each exporter as the last trace was sent
    drained: dict[str, float]  # seconds until each was empty, from then or from MLflow's return
    stored: dict[str, int]  # traces of this step in each backend afterwards
    spans: dict[str, int]  # spans of this step in each backend afterwards
    cpu: dict[str, float]  # seconds of a processor that each component used
    memory: dict[str, int]  # bytes of each component at the end
    grown: dict[str, int]  # bytes of each backend's database
    load: float  # the machine's load average, which the whole cluster and others share
    beyond: bool = False  # whether the rate was meant to be more than the backends store
    away: float = 0.0  # seconds that MLflow was away, until it was Ready again
    suite: SuiteRun | None = None  # beside it, where one ran

    @property
    def sent(self) -> int:
        """How many traces were sent."""
        return sum(self.answers.values())

    @property
    def accepted(self) -> int:
        """How many traces the collector accepted."""
        return count_accepted(self.answers)

    @property
    def drain(self) -> float:
        """Seconds until all queues were empty."""
        return max(self.drained.values())

    def find_problems(self, kept: int) -> list[str]:
        """Return what was refused, lost or doubled, as sentences. The filter keeps so many spans of a trace.

        The suite must be green at each rate that is not meant to be too much.
        """
        found = [
            f"{count} traces were answered {answer}"
            for answer, count in self.answers.items()
            if answer != ACCEPTED
        ]
        for what, expected, counts in (
            ("traces", self.accepted, self.stored),
            ("spans", self.accepted * kept, self.spans),
        ):
            found += [
                f"{count} {what} in {backend}, expected {expected}"
                for backend, count in counts.items()
                if count != expected
            ]
        if self.suite and not self.suite.is_green and not self.beyond:
            found.append(f"the suite failed beside it: {self.suite.failure or 'no test ran'}")
        return found


@dataclass(frozen=True)
class Figures:
    """A run: its name, when and where, what a trace is, and its steps."""

    name: str
    date: str
    machine: str
    deployed: str
    agents: int
    spans_sent: int  # of a trace
    spans_kept: int  # of a trace: those that the collector's filter keeps
    steps: list[Step] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """What was refused, lost or doubled, and where the suite failed."""
        return [
            f"{step.rate:g} a second: {problem}"
            for step in self.steps
            for problem in step.find_problems(self.spans_kept)
        ]


def write(figures: Figures, file: Path) -> None:
    """Write figures to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(figures), indent=1), encoding="utf-8")


def read(file: Path) -> Figures:
    """Return the figures of a file. Raises HarnessError for one of another form."""
    return read_json(file, "tox -e load", _figures_in)


def _figures_in(held: Any) -> Figures:  # noqa: ANN401 - of JSON
    return Figures(**{**held, "steps": [_step_in(each) for each in held["steps"]]})


def _step_in(held: Any) -> Step:  # noqa: ANN401 - of JSON
    suite = held["suite"]
    return Step(**{**held, "suite": SuiteRun(**suite) if suite else None})
