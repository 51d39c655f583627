"""Ends with an exit code that says what a run of the suites found, and prints its diagnosis.

    python -m harness.result results/diagnosis.json

0: the stack is healthy. 1: it is broken. 2: it was not judged, as without a cluster, or the run wrote no
diagnosis. Grep, diff and `kubectl diff` end so, too: 1 is an answer, 2 is trouble.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from harness.common.errors import reports_errors
from harness.common.json_files import OTHER_FORM
from harness.common.progress import say

CODES = {"healthy": 0, "broken": 1, "not judged": 2}
NOT_JUDGED = CODES["not judged"]


def read_result(file: Path) -> tuple[int, str]:
    """Return the exit code of a run, from its diagnosis.json, and its diagnosis in a line."""
    if not file.is_file():
        return NOT_JUDGED, f"Not judged: there is no {file}; what Robot Framework printed says why."
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        diagnoses = [f": {each['sentence']}." for each in content["diagnoses"][:1]]
        result = str(content["result"])
        return CODES[result], f"{result.capitalize()}{diagnoses[0] if diagnoses else '.'}"
    except (OSError, *OTHER_FORM):
        return NOT_JUDGED, f"Not judged: {file} cannot be read as a diagnosis; let the suites run again."


@reports_errors
def main() -> int:
    """Read the file that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.result", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the diagnosis.json of a run")
    code, line = read_result(parser.parse_args().file)
    say(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
