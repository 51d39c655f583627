"""Reads traces from the backends, and keeps how long they took to arrive.

A new backend is one module and one entry. The module, like phoenix_reader.py, has a TraceReader
(waiting.py) and the keywords that use it, listed below. The entry, in backends.py, says what it keeps.
"""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from traces.arrival_times import ArrivalTimes
from traces.elsewhere import Elsewhere
from traces.mlflow_reader import MlflowTraces
from traces.phoenix_reader import PhoenixTraces


@library(scope="GLOBAL")
class Traces(HybridCore):  # type: ignore[misc] # it has no types
    """Reads traces from MLflow and Phoenix, and keeps how long they took to arrive."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__([MlflowTraces(), PhoenixTraces(), ArrivalTimes(), Elsewhere()])
