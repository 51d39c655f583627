"""Keeps a question and its trace in a file over an upgrade, and compares the trace before and after."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot.api.deco import keyword, library

MOST_LINES = 20  # of a difference that are shown


@library(scope="GLOBAL")
class KeptTrace:
    """One question with its trace, as JSON in one file."""

    @keyword
    def keep_trace(
        self, file: Path, question: Mapping[str, Any], experiment_id: str, trace: Mapping[str, Any]
    ) -> None:
        """Write a question, its experiment's id and its trace into a file."""
        kept = {"question": question, "experiment_id": experiment_id, "trace": trace}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_text(kept), encoding="utf-8")

    @keyword
    def read_kept_trace(self, file: Path) -> dict[str, Any]:
        """Return `question`, `experiment_id` and `trace` as they were kept.

        Raises AssertionError when nothing was kept.
        """
        try:
            kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise AssertionError(
                f"No trace was kept before the upgrade: {file} cannot be read ({error.strerror})."
            ) from error
        return kept

    @keyword
    def trace_should_be_unchanged(self, trace: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Fail with the lines that differ between a trace and the one that was kept."""
        lines = [
            line
            for line in difflib.unified_diff(
                as_text(before).splitlines(), as_text(trace).splitlines(), lineterm="", n=0
            )
            if not line.startswith(("---", "+++", "@@"))
        ]
        if lines:
            shown = "\n".join(lines[:MOST_LINES])
            raise AssertionError(
                f"Trace {trace['trace_id']} changed, {len(lines)} lines differ (- before, + now):\n{shown}"
            )


def as_text(value: object) -> str:
    """Return JSON with a line for each value, sets too in an order that does not depend on the backend's."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=sorted)
