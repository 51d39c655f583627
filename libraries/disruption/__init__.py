"""Changes the cluster: pods, workloads, passwords, a setting of PostgreSQL. Only robot/resilience may."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from disruption.changes import Changes
from disruption.postgres import PostgreSQL
from disruption.visitors import Visitors


@library(scope="GLOBAL")
class Disruption(HybridCore):  # type: ignore[misc] # it has no types
    """Changes the cluster: pods, workloads, passwords, a setting of PostgreSQL."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([Changes(), PostgreSQL(), Visitors()])
