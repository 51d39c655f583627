"""Keeps what a run found and does not fail: oddities of traces, and tolerated findings."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from findings.notes import NOTES


@library(scope="GLOBAL")
class Findings(HybridCore):  # type: ignore[misc] # it has no types
    """Keeps what a run found and does not fail: oddities of traces, and tolerated findings."""

    def __init__(self) -> None:
        """Put the keywords of this room together, and listen to the run."""
        super().__init__([NOTES])
        self.ROBOT_LIBRARY_LISTENER = NOTES
