"""Times functions for the tasks of this folder, and keeps the figures."""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from harness.bench.shares import find_shares

ENOUGH = 2.0  # seconds: what takes longer in all is not run again
MOST_RUNS = 20
LEAST_RUNS = 3


@library(scope="GLOBAL")
class Measurements:
    """Makes traces, times functions, and writes the figures."""

    def __init__(self) -> None:
        """Begin without a figure."""
        self._measured: list[Measurement] = []
        self._notes: dict[str, str] = {}

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
        self._keep(measured)

    @keyword
    def measure_shares(
        self, what: str, unit: str, size: int, looks: int, function: Callable[..., object], *arguments: object
    ) -> None:
        """Keep which part of the libraries takes how much of a function's time, by looks; it may fail."""

        def call() -> None:
            with suppress(AssertionError):
                function(*arguments)

        for part, seconds in find_shares(call, looks).items():
            self._keep(Measurement(what, part, unit, size, [seconds], 0))

    @keyword
    def measure_calls(  # noqa: PLR0913, PLR0917 - what a measurement says, and what is called
        self,
        what: str,
        case: str,
        unit: str,
        size: int,
        function: Callable[..., Any],
        calls: Sequence[Sequence[object]],
        found: int,
    ) -> None:
        """Time one call for each list of arguments, by the clock: another process does the work.

        Fails where a call does not return a list of length `found`; 0 stands for one thing that is no list.
        """
        seconds: list[float] = []
        for arguments in calls:
            start = time.perf_counter()
            answer = function(*arguments)
            seconds.append(time.perf_counter() - start)
            if answer is None or (found and len(answer) != found):
                raise AssertionError(f"{what}, {case}: {answer!r} for {arguments}, expected {found or 'one'}")
        self._keep(Measurement(what, case, unit, size, seconds, 0))

    @keyword
    def keep_measurement(self, what: str, case: str, unit: str, size: int, seconds: list[float]) -> None:
        """Keep what another keyword timed, by the clock."""
        self._keep(Measurement(what, case, unit, size, seconds, 0))

    @keyword
    def note(self, what: str, text: str) -> None:
        """Keep a sentence about how a thing was measured."""
        self._notes[what] = text

    @keyword
    def write_figures(self, file: Path) -> None:
        """Write all figures of this run to a file."""
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        write(Figures(f"{datetime.now(UTC):%Y-%m-%d}", machine, self._measured, self._notes), file)

    def _keep(self, measured: Measurement) -> None:
        self._measured.append(measured)
        logger.console(
            f"{measured.what}, {measured.case}: {measured.size} {measured.unit} in {measured.median:.3f} s"
        )
