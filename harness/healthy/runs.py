"""What runs of the suites on a healthy stack said, kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.common.json_files import read_json

FORMAT = 1  # of healthy.json; it changes when a key goes or means something else


@dataclass(frozen=True)
class Run:
    """One run of the suites: under which condition, on which stack, and what became of its tests."""

    condition: str
    special: str  # of this run, such as the component that was restarted; empty where nothing is
    stack: str  # the overlay and its Components
    date: str
    seconds: float  # of the clock
    load: float  # the machine's load average of a minute, at the end
    passed: int
    skipped: int
    failures: dict[str, str]  # the first line of the message of each test that failed, by the test's name

    @property
    def is_green(self) -> bool:
        """Whether tests ran, and none failed."""
        return self.passed > 0 and not self.failures


def write(runs: Sequence[Run], file: Path) -> None:
    """Write runs to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "runs": [asdict(run) for run in runs]}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read(file: Path) -> list[Run]:
    """Return the runs of a file. Raises HarnessError for one of another form."""
    return read_json(file, "tox -e healthy", _runs_in)


def _runs_in(content: Any) -> list[Run]:  # noqa: ANN401 - of JSON
    if content["format"] != FORMAT:
        raise ValueError(content["format"])
    return [Run(**run) for run in content["runs"]]
