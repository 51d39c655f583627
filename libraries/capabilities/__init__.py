"""Keeps what a run found absent, and sums up at its end which tests were skipped for it."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from capabilities.skips import Skips


@library(scope="GLOBAL")
class Capabilities(HybridCore):  # type: ignore[misc] # it has no types
    """Keeps what a run found absent, and sums up at its end which tests were skipped for it."""

    def __init__(self) -> None:
        """Put the keywords of this room together, and listen to the run."""
        skips = Skips()
        super().__init__([skips])
        self.ROBOT_LIBRARY_LISTENER = skips
