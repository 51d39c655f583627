"""What a run of the load measured, and what is computed from it; kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.load.sending import ACCEPTED, count_accepted


@dataclass(frozen=True)
class Step:
    """A rate that was sent for some seconds, and what became of it until the queues were empty."""

    rate: float  # traces a second that were asked for
    seconds: float  # that it took to send
    answers: dict[str, int]  # how many requests were answered how
    queued: dict[str, int]  # spans in the queue of each exporter as the last trace was sent
    drain: float  # seconds from then until the queues were empty
    stored: dict[str, int]  # traces of this step in each backend afterwards
    cpu: dict[str, float]  # seconds of a processor that each component used
    memory: dict[str, int]  # bytes of each component at the end
    grown: dict[str, int]  # bytes of each backend's database
    load: float  # the machine's load average, which the whole cluster and others share

    @property
    def sent(self) -> int:
        """How many traces were sent."""
        return sum(self.answers.values())

    @property
    def accepted(self) -> int:
        """How many traces the collector accepted."""
        return count_accepted(self.answers)

    @property
    def stored_rate(self) -> float:
        """Traces a second from the first that was sent until the last was stored."""
        return self.accepted / (self.seconds + self.drain)

    @property
    def problems(self) -> list[str]:
        """What was lost or doubled, as sentences."""
        found = [
            f"{count} traces were answered {answer}"
            for answer, count in self.answers.items()
            if answer != ACCEPTED
        ]
        return found + [
            f"{count} traces in {backend}, expected {self.accepted}"
            for backend, count in self.stored.items()
            if count != self.accepted
        ]


@dataclass(frozen=True)
class Figures:
    """A run: when and where, what a trace is, and its steps."""

    date: str
    machine: str
    deployed: str
    agents: int
    spans_sent: int  # of a trace
    spans_kept: int  # of a trace: those that the collector's filter keeps
    steps: list[Step] = field(default_factory=list)
    suite: dict[str, int] = field(default_factory=dict)  # passed, failed and skipped of the suite meanwhile


def write(figures: Figures, file: Path) -> None:
    """Write figures to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(figures), indent=1), encoding="utf-8")


def read(file: Path) -> Figures:
    """Return the figures of a file."""
    held = json.loads(file.read_text(encoding="utf-8"))
    return Figures(**{**held, "steps": [Step(**each) for each in held["steps"]]})
