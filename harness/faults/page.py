"""Writes docs/faults.md: every fault of the catalogue, and what became of it in a run.

    python -m harness.faults.page results/faults/faults.json ...

Of several files, such as those of shards, a later one wins. A fault that was left out everywhere stays as the
page has it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.common.combinations import ROOT
from harness.common.errors import reports_errors
from harness.common.json_files import read_json
from harness.common.markdown import read_rows, table
from harness.faults.catalogue import FILES, Fault, read_catalogue, read_file
from harness.faults.report import FORMAT, Score

PAGE = ROOT / "docs" / "faults.md"
HEAD = (
    "# Faults\n\n`tox -e faults` breaks the stack by each of these faults, and heals it. A fault is *found* "
    "when its tests failed. It is *named* when the first diagnosis was also the expected one. A test that "
    "failed although it must stay green is a *false alarm*. The catalogue is in `harness/faults/catalogue`."
    "\n\n`python -m harness.faults.page results/faults/faults.json` writes this page.\n\n"
    "A run has the limits of `harness/faults/short_limits.yaml`, or with `--default-limits` a user's. The "
    "load is the machine's load average of a minute, on 2 cores."
)
COLUMNS = (
    "fault",
    "what breaks",
    "first diagnosis",
    "seen",
    "seconds to the diagnosis",
    "seconds in all",
    "limits",
    "load",
)
NOT_RUN = ("not run yet", "-", "-", "-", "-")
# What became of a fault, the seconds to the diagnosis, those to break, judge and heal, the limits, the load.
Cells = tuple[str, str, str, str, str]
Seen = Mapping[str, Cells]  # by the fault's name


def read_runs(files: list[Path]) -> dict[str, Cells]:
    """Return what became of the faults that were run. Raises HarnessError for a file of another form."""
    seen: dict[str, Cells] = {}
    for file in files:
        seen |= read_json(file, "tox -e faults", _cells_in)
    return seen


def _cells_in(content: Any) -> dict[str, Cells]:  # noqa: ANN401 - of JSON
    if content["format"] != FORMAT:
        raise ValueError(content["format"])
    return {
        entry["name"]: (
            entry["verdict"],
            _seconds(entry["seconds"]),
            _seconds(entry["took"]),
            entry["limits"],
            str(entry["load"]),
        )
        for entry in content["faults"]
        if not entry["left_out"]
    }


def read_page(text: str) -> dict[str, Cells]:
    """Return what a page says became of the faults that were run."""
    return {
        name: (verdict, to_diagnosis, in_all, limits, load)
        for name, _, _, verdict, to_diagnosis, in_all, limits, load in read_rows(text)
        if verdict != NOT_RUN[0]
    }


def write_page(seen: Seen) -> str:
    """Return the page: the score, and a table for each file of the catalogue."""
    known = {fault.name: seen[fault.name] for fault in read_catalogue() if fault.name in seen}
    sections = [f"{HEAD}\n\n{_score(known)}\n"]
    for file in FILES:
        rows = [_row(fault, known) for fault in read_file(file)]
        sections.append(f"## {file.stem.capitalize()}\n\n{table(COLUMNS, rows)}")
    return "\n".join(sections)


def _row(fault: Fault, seen: Seen) -> list[str]:
    return [fault.name, fault.breaks, str(fault.diagnosis), *seen.get(fault.name, NOT_RUN)]


def _score(seen: Seen) -> str:
    total = len(read_catalogue())
    verdicts = [verdict for verdict, *_ in seen.values() if verdict != "not run"]
    named = sum("not named" not in verdict for verdict in verdicts)
    found = sum("not found" not in verdict for verdict in verdicts)
    false = sum("false alarm" in verdict for verdict in verdicts)
    seconds = [float(each) for _, each, *_ in seen.values() if each != "-"]
    score = Score.with_times(len(seen), found, named, false, seconds)
    minutes = sum(float(took) for _, _, took, *_ in seen.values() if took != "-") / 60
    return f"The catalogue has {total} faults. {score} To break, judge and heal took {minutes:.0f} minutes."


def _seconds(seconds: Any) -> str:  # noqa: ANN401 - of JSON
    return "-" if seconds is None else f"{seconds:.1f}"


@reports_errors
def main() -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.faults.page", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a faults.json")
    files = parser.parse_args().files
    before = read_page(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    PAGE.write_text(write_page(before | read_runs(files)), encoding="utf-8")
    print(f"{PAGE.relative_to(PAGE.parents[1])} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
