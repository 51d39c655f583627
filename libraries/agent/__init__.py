"""Asks the agent questions."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from agent.client import AgentClient


@library(scope="GLOBAL")
class Agent(HybridCore):  # type: ignore[misc] # it has no types
    """Asks the agent questions."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([AgentClient()])
