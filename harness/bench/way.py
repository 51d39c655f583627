"""Sends a question's spans as an agent does, and notes when they pass each hop until they are judged."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from queue import Queue
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from robot.api.deco import keyword, library

from harness.bench.goals import STEPS
from harness.bench.throughput import EXPERIMENT, EXPERIMENT_CONFIG
from harness.common.errors import HarnessError
from harness.common.local_requests import local_session
from harness.common.local_server import LocalHandler, LocalServer
from harness.common.manifests import read_container
from harness.images.contexts import find_collector
from harness.load.questions import Questions
from harness.proofs.lossless_collector.collector import BUILDER, COMPONENTS, Collector, send

LONGEST = 1.0  # seconds that the recorded question took at most
LIMIT = 30.0  # seconds until a trace must have arrived


class Relay(LocalServer):
    """Stands before MLflow, and notes when each request came and when MLflow had answered it."""

    def __init__(self, mlflow_url: str) -> None:
        """Listen on a free port of loopback."""
        super().__init__(_RelayHandler)
        self.mlflow_url = mlflow_url
        self.passed: Queue[tuple[float, float]] = Queue()
        self.session = local_session()

    @contextmanager
    def serve(self) -> Iterator[int]:
        """Pass requests on until the `with` ends; yield the port."""
        with self.session, super().serve() as port:
            yield port


class _RelayHandler(LocalHandler):
    server: Relay
    protocol_version = "HTTP/1.1"

    def take(self, body: bytes) -> None:
        """Pass a request on, and the answer back."""
        kept = ("content-type", "content-encoding", "x-mlflow-experiment-id")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        came = time.perf_counter()
        answer = self.server.session.post(
            f"{self.server.mlflow_url}{self.path}", data=body, headers=headers, timeout=LIMIT
        )
        self.server.passed.put((came, time.perf_counter()))
        self.answer(answer.status_code, answer.content)


class QuestionExporter(SpanExporter):  # type: ignore[misc] # it has no types
    """Sends the prepared request of a question when the SDK's batch with its span is due."""

    def __init__(self, url: str) -> None:
        """Name the collector."""
        self.url = url
        self.body = b""
        self.began = 0.0

    def export(self, _: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the request, whatever the span is."""
        self.began = time.perf_counter()
        accepted = send(self.url, self.body) == HTTPStatus.OK
        return SpanExportResult.SUCCESS if accepted else SpanExportResult.FAILURE


@dataclass(frozen=True)
class Asked:
    """What a contract is asked for: the context id and the text, and when it was asked and answered."""

    context_id: str
    text: str
    asked_at: float
    answered_at: float


@dataclass(frozen=True)
class Suite:
    """What a suite does with a question: it waits for the trace, and judges it by a contract."""

    wait: Callable[..., Any]
    judge: Callable[..., None]
    contract: object


@library(scope="GLOBAL")
class Way:
    """Times the way of questions, one after the other."""

    def __init__(self, mlflow_url: str) -> None:
        """Name MLflow, which another process runs."""
        self._mlflow_url = mlflow_url
        self._questions = Questions("bench", kept_only=True)

    @keyword
    def get_known_of_question(self) -> Mapping[str, Any]:
        """Return what is known of the recorded question: its contract and layers, text and canaries."""
        return self._questions.known

    @keyword
    def time_steps(
        self, questions: int, wait: Callable[..., Any], judge: Callable[..., None], contract: object
    ) -> dict[str, list[float]]:
        """Return the seconds of each step on the way of each question, and of all steps.

        `wait` and `judge` are keywords of the suites. The answers are spread over the agent's delay. One
        question before them is not counted.
        """
        suite, delay = Suite(wait, judge, contract), read_delay_of_agent()
        seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        relay = Relay(self._mlflow_url)
        with tempfile.TemporaryDirectory() as volume, relay.serve() as port:
            collector = Collector(find_collector(BUILDER), Path(volume))
            with collector.run(port, [EXPERIMENT_CONFIG]) as url:
                agent, exporter = TracerProvider(), QuestionExporter(url)
                agent.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=delay * 1000))
                for number in range(questions + 1):
                    time.sleep(delay * number / questions)
                    moments = self._follow(agent, exporter, relay, suite)
                    for step, (begin, end) in zip(STEPS, _steps_between(moments), strict=True):
                        seconds[step] += [end - begin] * bool(number)
                agent.shutdown()
        return seconds

    def _follow(
        self, agent: TracerProvider, exporter: QuestionExporter, relay: Relay, suite: Suite
    ) -> list[float]:
        """Answer a question, and judge its trace; return the moments between which the steps are.

        Raises HarnessError where the trace does not arrive.
        """
        session, known = f"bench-{uuid.uuid4()}", self._questions.known
        exporter.body, ended = self._questions.make(0, session), time.time()
        agent.get_tracer(__name__).start_span("question").end()
        answered = time.perf_counter()
        trace = suite.wait(session, EXPERIMENT, LIMIT, None, self._questions.spans)
        found = time.perf_counter()
        if trace is None:
            raise HarnessError(f"A trace did not arrive in MLflow within {LIMIT:g} s.")
        question = Asked(session, known["question"], ended - LONGEST, ended)
        suite.judge(trace, suite.contract, question, known["canaries"])
        judged, (came, stored) = time.perf_counter(), relay.passed.get(timeout=LIMIT)
        return [answered, exporter.began, came, stored, found, judged]


def _steps_between(moments: Sequence[float]) -> list[tuple[float, float]]:
    """Return where each step begins and ends; the last is from the first moment to the last."""
    return [*pairwise(moments), (moments[0], moments[-1])]


def read_delay_of_agent() -> float:
    """Return after how many seconds the deployed agent sends a batch at the latest."""
    container = read_container(COMPONENTS / "weather" / "agent.yaml")
    (delay,) = (each["value"] for each in container["env"] if each["name"] == "OTEL_BSP_SCHEDULE_DELAY")
    return int(delay) / 1000
