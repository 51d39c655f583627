"""Times functions for the tasks of this folder, and keeps the figures."""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.entities import Trace as StoredTrace
from mlflow.protos.service_pb2 import GetTrace
from mlflow.utils.proto_json_utils import parse_dict
from robot.api import logger
from robot.api.deco import keyword, library

from harness.bench.figures import Figures, Measurement, write
from harness.bench.long_traces import lengthen, without_sessions

ENOUGH = 2.0  # seconds: what takes longer in all is not run again
MOST_RUNS = 20
LEAST_RUNS = 3


@library(scope="GLOBAL")
class Measurements:
    """Makes traces, times functions, and writes the figures."""

    def __init__(self) -> None:
        """Begin without a figure."""
        self._measured: list[Measurement] = []

    @keyword
    def read_stored_trace(self, file: Path) -> StoredTrace:
        """Return a trace that MLflow stored, from a recording of its answer."""
        found = GetTrace.Response()
        parse_dict(json.loads(file.read_text(encoding="utf-8")), found)
        return StoredTrace.from_proto(found.trace)

    @keyword
    def make_long_trace(self, trace: Any, spans: int, broken: bool) -> tuple[Any, list[str]]:  # noqa: ANN401
        """Return a trace like a recorded one with so many spans, and its canaries.

        A broken one has a violation on each span.
        """
        made, canaries = lengthen(trace, spans)
        return (without_sessions(made) if broken else made), canaries

    @keyword
    def measure(
        self, what: str, case: str, unit: str, size: int, function: Callable[..., object], *arguments: object
    ) -> None:
        """Time a function, and keep the figures; how many runs depends on how long it takes.

        A keyword that fails is timed like one that passes, and its message is counted.
        """
        seconds: list[float] = []
        message = ""
        while len(seconds) < LEAST_RUNS or (len(seconds) < MOST_RUNS and sum(seconds) < ENOUGH):
            gc.collect()
            start = time.process_time()
            try:
                function(*arguments)
            except AssertionError as failure:
                message = str(failure)
            seconds.append(time.process_time() - start)
        measured = Measurement(what, case, unit, size, seconds, len(message))
        logger.info(f"{measured}\n{message}")
        logger.console(
            f"{what}, {case}: {size} {unit} in {measured.median:.3f} s, {measured.rate:.0f} a second"
        )
        self._measured.append(measured)

    @keyword
    def write_figures(self, file: Path) -> None:
        """Write all figures of this run to a file."""
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        write(Figures(f"{datetime.now(UTC):%Y-%m-%d}", machine, self._measured), file)
