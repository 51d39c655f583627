"""Searches texts for secrets that leaked."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from secrecy.search import Search


@library(scope="GLOBAL")
class Secrecy(HybridCore):  # type: ignore[misc] # it has no types
    """Searches texts for secrets that leaked."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Search()])
