"""Which connections between components are open, tried for real, and what NetworkPolicies say of them."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from network.connections import Connections
from network.outside import Outside


@library(scope="GLOBAL")
class Network(HybridCore):  # type: ignore[misc] # it has no types
    """Which connections between components are open, tried for real, and what NetworkPolicies say of them."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Connections(), Outside()])
