"""How long the steps of a run take, and how much the processors work meanwhile."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from harness.common.errors import HarnessError
from harness.common.json_files import read_json
from harness.common.progress import duration, say

MOST_RUNS = 20  # whose times are kept
STAT = Path("/proc/stat")
BUSY = (1, 2, 3, 6, 7)  # columns of its first line: user, nice, system, irq, softirq (proc_stat(5))


class StepTimes:
    """How many seconds of the clock each step took, and of all processors together.

    The latter are of the whole machine. They are 0 where there is no /proc/stat, as on macOS.
    """

    def __init__(self) -> None:
        """Start without a step."""
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, of: str = "") -> Iterator[None]:
        """Print the name of a step, and of what, and measure it."""
        say(f"\n=== {name} {of}".rstrip())
        started, worked = time.monotonic(), read_cpu_seconds()
        yield
        self.seconds[name] = time.monotonic() - started
        self.cpu[name] = read_cpu_seconds() - worked

    def table(self) -> str:
        """Return a line for each step, and one for all of them."""
        steps = [(name, seconds, self.cpu[name]) for name, seconds in self.seconds.items()]
        steps.append(("all", sum(self.seconds.values()), sum(self.cpu.values())))
        return "\n".join(f"{duration(clock):>12}  CPU {cpu:4.0f} s  {name}" for name, clock, cpu in steps)

    def write(self, file: Path, stack: str) -> None:
        """Add this run, of a stack by its name, to those in a JSON file: `tox -e bench` shows them."""
        runs = []
        if file.exists():
            with suppress(HarnessError):  # of another version: the suites' result counts, not their times
                runs = read_json(file, "tox -e e2e", list)
        date = f"{datetime.now(UTC):%Y-%m-%d}"
        runs.append({"date": date, "stack": stack, "seconds": self.seconds, "cpu": self.cpu})
        file.write_text(json.dumps(runs[-MOST_RUNS:], indent=1) + "\n", encoding="utf-8")


def read_cpu_seconds() -> float:
    """Return for how many seconds all processors have worked since the machine started."""
    if not STAT.exists():
        return 0.0
    columns = STAT.read_text(encoding="ascii").partition("\n")[0].split()
    return sum(int(columns[number]) for number in BUSY) / os.sysconf("SC_CLK_TCK")
