"""Evaluates trace contracts: on one trace, on many conversations, on what two backends hold."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from contracts.canaries import Canaries
from contracts.choice import ContractChoice
from contracts.conversations import Conversations
from contracts.learning import Learning
from contracts.report import TraceReport


@library(scope="GLOBAL")
class Contracts(HybridCore):  # type: ignore[misc] # it has no types
    """Evaluates trace contracts: on one trace, on many conversations, on what two backends hold."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Canaries(), ContractChoice(), Conversations(), Learning(), TraceReport()])
