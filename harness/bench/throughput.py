"""Sends traces to MLflow, directly and by way of the collector, and keeps how long they take."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from robot.api.deco import keyword, library

from harness.bench.goals import DIRECT, THROUGH_COLLECTOR
from harness.bench.servers import find_servers
from harness.common.errors import HarnessError
from harness.common.local_requests import local_session
from harness.common.waiting import wait_for
from harness.images.contexts import find_collector
from harness.load.questions import Questions
from harness.proofs.lossless_collector.collector import BUILDER, Collector

EXPERIMENT = "0"
EXPERIMENT_CONFIG = (
    f"yaml:{{exporters: {{otlp_http/mlflow: {{headers: {{x-mlflow-experiment-id: '{EXPERIMENT}'}}}}}}}}"
)
AT_ONCE = 2  # requests, as the collector sends them
LIMIT = 300.0  # seconds until all traces of a round are stored


@library(scope="GLOBAL")
class Throughput:
    """Sends the same requests on both ways, whose servers other processes run."""

    def __init__(self, mlflow_url: str, postgres_folder: str, postgres_port: int) -> None:
        """Name the servers."""
        self._mlflow = find_servers(mlflow_url, postgres_folder, postgres_port)
        self._questions = Questions("bench", kept_only=True)

    @keyword
    def time_both_ways(self, traces: int, rounds: int) -> dict[str, list[float]]:
        """Return for each way the seconds from the first request until all spans are stored, of each round.

        A round sends so many traces on one way, and then on the other. Every second round begins with the
        other way. One round before them is not counted.
        """
        seconds: dict[str, list[float]] = {DIRECT: [], THROUGH_COLLECTOR: []}
        port = urlsplit(self._mlflow.url).port
        with tempfile.TemporaryDirectory() as volume:
            collector = Collector(find_collector(BUILDER), Path(volume))
            with collector.run(port or 0, [EXPERIMENT_CONFIG]) as url:
                targets = {DIRECT: f"{self._mlflow.url}/v1/traces", THROUGH_COLLECTOR: url}
                for number in range(rounds + 1):
                    for way in reversed(targets) if number % 2 else targets:
                        taken = self._time(targets[way], traces)
                        if number:
                            seconds[way].append(taken)
        return seconds

    @keyword
    def get_spans_of(self, traces: int) -> int:
        """Return how many spans so many traces have."""
        return traces * self._questions.spans

    def _time(self, url: str, traces: int) -> float:
        """Send so many traces; return the seconds until all are stored."""
        bodies = [self._questions.make(0) for _ in range(traces)]
        expected = self._count() + self.get_spans_of(traces)
        start = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as senders:
            list(senders.map(lambda part: _post(url, part), [bodies[n::AT_ONCE] for n in range(AT_ONCE)]))
        wait_for(lambda: self._count() >= expected, LIMIT, f"{expected} spans were not stored")
        return time.perf_counter() - start

    def _count(self) -> int:
        return int(self._mlflow.query("SELECT count(*) FROM spans"))


def _post(url: str, bodies: Sequence[bytes]) -> None:
    """Post requests, one after the other. Raises HarnessError where one is not accepted."""
    headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": EXPERIMENT}
    with local_session() as session:
        for body in bodies:
            answer = session.post(url, data=body, headers=headers, timeout=LIMIT)
            if not answer.ok:
                raise HarnessError(f"{url} answers {answer.status_code} to a trace: {answer.text[:200]}")
