"""A collector as a process of this machine, with a sink in MLflow's place."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from harness.cluster.probes import Probe
from harness.common.errors import HarnessError
from harness.common.local_requests import local_session
from harness.common.local_server import LocalHandler, LocalServer
from harness.common.loopback import LOOPBACK, free_port
from harness.common.waiting import wait_for, wait_until_up

LIMIT = 30.0  # seconds; it starts in one, and sends on after half a second
EXPERIMENT_ID = "7"


@dataclass(frozen=True)
class Received:
    """One export request: its headers, by lower-case name, and its OTLP JSON body."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def spans(self) -> list[dict[str, Any]]:
        """All spans of the request."""
        return [
            span
            for resource in self.body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


class Sink(LocalServer):
    """Takes what the collector sends to MLflow."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        super().__init__(_SinkHandler)
        self.received: list[Received] = []


class _SinkHandler(LocalHandler):
    server: Sink

    def take(self, body: bytes) -> None:
        """Keep a request, and answer as MLflow does."""
        body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(headers, json.loads(body)))
        self.answer(body=b"{}")


@dataclass(frozen=True)
class RunningCollector:
    """A collector that takes spans at `receiver` (host:port) and sends them on to the sink."""

    receiver: str
    metrics: str  # host:port
    log: Path
    sink: Sink

    def send(self, request: Mapping[str, Any]) -> None:
        """Post an export request to the collector. Raises HarnessError when the collector rejects it."""
        self._request("POST", f"http://{self.receiver}/v1/traces", json=request)

    def wait_for_request(self) -> Received:
        """Return the first request that comes to the sink. Raises HarnessError when none comes."""
        wait_for(lambda: bool(self.sink.received), LIMIT, "The collector sent nothing on", self.log)
        return self.sink.received[0]

    def read_metrics(self) -> str:
        """Return the collector's own metrics. Raises HarnessError when it does not answer."""
        return self._request("GET", f"http://{self.metrics}/metrics")

    def _request(self, method: str, url: str, **options: Any) -> str:  # noqa: ANN401 - as requests has them
        with local_session() as session:
            try:
                answer = session.request(method, url, timeout=LIMIT, **options)
                answer.raise_for_status()
            except requests.RequestException as error:
                raise HarnessError(
                    f"The collector does not answer {method} {url}: {error}", self.log
                ) from error
        return answer.text


@dataclass(frozen=True)
class Collector:
    """A collector's program, and the folder with its config files: base.yaml, and what is merged into it."""

    program: Path
    folder: Path

    def complaint(self, *files: str) -> str:
        """Return in one line why base.yaml merged with these files is rejected; empty when it is accepted."""
        command: list[str | Path] = [self.program, "validate", *self._arguments(*files)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=self._environment)
        return " ".join(done.stderr.split()) or f"exit code {done.returncode}" if done.returncode else ""

    @contextmanager
    def run(self, *files: str) -> Iterator[RunningCollector]:
        """Run the collector with base.yaml merged with these files, until the `with` ends.

        Raises HarnessError when it does not start.
        """
        receiver, metrics, health = (free_port() for _ in range(3))
        log = self.folder / "collector.log"
        sink = Sink()
        with sink.serve() as port, log.open("w") as output:
            reader = {"pull": {"exporter": {"prometheus": {"host": LOOPBACK, "port": metrics}}}}
            exporter = "exporters::otlphttp/llm-observability-mlflow"
            here = [
                f"--set=receivers::otlp::protocols::http::endpoint={LOOPBACK}:{receiver}",
                f"--set=extensions::health_check::endpoint={LOOPBACK}:{health}",
                f"--set={exporter}::traces_endpoint=http://{LOOPBACK}:{port}/v1/traces",
                f"--set={exporter}::encoding=json",
                f"--config=yaml:service::telemetry::metrics::readers: {json.dumps([reader])}",
            ]
            command: list[str | Path] = [self.program, *self._arguments(*files), *here]
            with subprocess.Popen(command, stderr=output, env=self._environment) as process:
                try:
                    probe = Probe("the collector", f"{LOOPBACK}:{health}")
                    wait_until_up(process, lambda: not probe.problem(), LIMIT, "The collector", log)
                    yield RunningCollector(f"{LOOPBACK}:{receiver}", f"{LOOPBACK}:{metrics}", log, sink)
                finally:
                    process.terminate()

    def _arguments(self, *files: str) -> list[str]:
        """Return the installation's command line with our files after its own."""
        endpoint = f"--set=receivers::otlp::protocols::http::endpoint={LOOPBACK}:8335"
        return [
            f"--config={self.folder}/base.yaml",
            endpoint,
            *(f"--config={self.folder}/{file}" for file in files),
        ]

    @property
    def _environment(self) -> dict[str, str]:
        variables = ("LLM_OBSERVABILITY_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_ID")  # attach's, and LATER's
        return {**os.environ, **dict.fromkeys(variables, EXPERIMENT_ID)}
