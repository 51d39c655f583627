"""Says where a trace stopped that did not arrive."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from verdicts.verdict import Verdict


@library(scope="GLOBAL")
class Verdicts(HybridCore):  # type: ignore[misc] # it has no types
    """Says where a trace stopped that did not arrive."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Verdict()])
