"""Which connections between components are open, tried for real, and what network policies decide."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from network.connections import Connections
from network.listeners import Listeners
from network.targets import Targets


@library(scope="GLOBAL")
class Network(HybridCore):  # type: ignore[misc] # it has no types
    """Which connections between components are open, tried for real, and what network policies decide."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Connections(), Listeners(), Targets()])
