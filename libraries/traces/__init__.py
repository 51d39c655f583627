"""Reads traces from MLflow and Phoenix, and keeps how long they took to arrive."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from traces.mlflow_reader import MlflowTraces
from traces.phoenix_reader import PhoenixTraces
from traces.times import TraceTimes


@library(scope="GLOBAL")
class Traces(HybridCore):  # type: ignore[misc] # it has no types
    """Reads traces from MLflow and Phoenix, and keeps how long they took to arrive."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([MlflowTraces(), PhoenixTraces(), TraceTimes()])
