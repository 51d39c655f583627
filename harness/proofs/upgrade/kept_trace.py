"""Keeps a question and its trace in a file, over an upgrade, and tells what became of the trace."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robot.api.deco import keyword, library

from agent.client import Question
from traces.model import Trace

MOST = 20  # lines of a difference that are shown


@library(scope="GLOBAL")
class KeptTrace:
    """One question with its trace, as JSON in one file."""

    @keyword
    def keep(self, file: Path, question: Question, experiment_id: str, trace: Trace) -> None:
        """Write a question, its experiment's id and its trace into a file."""
        kept = {"question": asdict(question), "experiment_id": experiment_id, "trace": asdict(trace)}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_text(kept), encoding="utf-8")

    @keyword
    def read_what_was_kept(self, file: Path) -> dict[str, Any]:
        """Return the `question`, the `experiment_id`, and the `trace` as a dictionary."""
        try:
            kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise AssertionError(
                f"No question was kept from before the upgrade: {file} cannot be read ({error.strerror})."
            ) from error
        return {**kept, "question": Question(**kept["question"])}

    @keyword
    def trace_should_be_as_it_was(self, trace: Trace, before: dict[str, Any]) -> None:
        """Fail with the lines that differ between a trace and what was kept of it."""
        lines = [
            line
            for line in difflib.unified_diff(
                as_text(before).splitlines(), as_text(asdict(trace)).splitlines(), lineterm="", n=0
            )
            if not line.startswith(("---", "+++", "@@"))
        ]
        if lines:
            shown = "\n".join(lines[:MOST])
            raise AssertionError(
                f"Trace {trace.trace_id} is not as it was, {len(lines)} lines differ (- before, + now):"
                f"\n{shown}"
            )


def as_text(value: object) -> str:
    """Return JSON with a line for each value, in an order that does not depend on the backend's."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
