"""Says at which hop a trace stopped, and why."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from verdicts.verdict import Verdict


@library(scope="GLOBAL")
class Verdicts(HybridCore):  # type: ignore[misc] # it has no types
    """Says at which hop a trace stopped, and why."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Verdict()])
