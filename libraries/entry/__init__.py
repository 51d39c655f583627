"""Where the stack is reached from outside, and which login it wants there."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from entry.gateway import Gateway
from entry.logins import Logins


@library(scope="GLOBAL")
class Entry(HybridCore):  # type: ignore[misc] # it has no types
    """Where the stack is reached from outside, and which login it wants there."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Gateway(), Logins()])
