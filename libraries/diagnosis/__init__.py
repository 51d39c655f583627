"""Says what is broken, once a run: the cause first, and how many tests follow from it."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from diagnosis.run import Run


@library(scope="GLOBAL")
class Diagnosis(HybridCore):  # type: ignore[misc] # it has no types
    """Says what is broken, once a run: the cause first, and how many tests follow from it."""

    def __init__(self) -> None:
        """Put the keywords of this room together, and listen to the run."""
        run = Run()
        super().__init__([run])
        self.ROBOT_LIBRARY_LISTENER = run
