"""The stack's own collector as a process of this machine, with its own configuration for MLflow."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.cluster.probes import Probe
from harness.common.combinations import KUSTOMIZE, ROOT
from harness.common.local_requests import local_session
from harness.common.local_server import LocalHandler, LocalServer
from harness.common.loopback import LOOPBACK, free_port
from harness.common.waiting import wait_for, wait_until_up

BUILDER = ROOT / "harness" / "images" / "opentelemetry-collector-contrib" / "builder.yaml"
COMPONENTS = KUSTOMIZE / "components"
CONFIGS = (
    COMPONENTS / "collector" / "base.yaml",
    COMPONENTS / "collector" / "openinference-filter" / "filter.yaml",
    COMPONENTS / "mlflow-pipeline" / "guard" / "guard.yaml",
    COMPONENTS / "mlflow-pipeline" / "mlflow.yaml",
)
PHOENIX_PIPELINE = COMPONENTS / "phoenix" / "collector" / "phoenix-pipeline.yaml"
LIMIT = 20.0  # seconds; it starts in one, and sends on after half a second


class Sink(LocalServer):
    """Takes spans in a backend's place, and keeps their ids."""

    def __init__(self, port: int = 0) -> None:
        """Listen on a port of loopback; 0 for any that is free."""
        super().__init__(_SinkHandler, port)
        self.span_ids: list[bytes] = []

    def wait_for_spans(self, number: int, name: str) -> None:
        """Return when so many spans came, or more. Raises HarnessError when they do not come."""
        wait_for(lambda: len(self.span_ids) >= number, LIMIT, f"{name}: spans did not arrive")


class _SinkHandler(LocalHandler):
    server: Sink

    def take(self, body: bytes) -> None:
        """Keep the spans of a request; reject all of them for one text that is no UTF-8, as MLflow does."""
        request = ExportTraceServiceRequest()
        try:
            request.ParseFromString(gzip.decompress(body))
        except DecodeError:
            self.answer(HTTPStatus.BAD_REQUEST)
        else:
            self.server.span_ids += [span.span_id for span in spans_of(request)]
            self.answer()


@dataclass(frozen=True)
class Collector:
    """A collector's program, and the folder that is its volume: its queue is in `queue`."""

    program: Path
    volume: Path

    @contextmanager
    def run(self, mlflow: int, more: Sequence[str] = ()) -> Iterator[str]:
        """Yield the URL that takes spans, until the `with` ends; then kill the collector.

        `mlflow` is the port that it sends to, and `more` are further values of its option --config.
        Raises HarnessError when it does not start.
        """
        receiver, health, log = free_port(), free_port(), self.volume / "log"
        changes = {
            "extensions": {
                "health_check": {"endpoint": f"{LOOPBACK}:{health}"},
                "file_storage": {"directory": str(self.volume / "queue")},
            },
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": f"{LOOPBACK}:{free_port()}"},
                        "http": {"endpoint": f"{LOOPBACK}:{receiver}"},
                    }
                }
            },
            "exporters": {"otlp_http/mlflow": {"traces_endpoint": f"http://{LOOPBACK}:{mlflow}/v1/traces"}},
            "service": {"telemetry": {"metrics": {"level": "none", "readers": []}}},
        }
        configs = [*map(str, CONFIGS), *more, f"yaml:{json.dumps(changes)}"]
        command = [str(self.program), *(f"--config={config}" for config in configs)]
        environment = {**os.environ, "MLFLOW_EXPERIMENT_ID": "1"}
        with log.open("w") as output, subprocess.Popen(command, stderr=output, env=environment) as process:
            try:
                probe = Probe("the collector", f"{LOOPBACK}:{health}")
                wait_until_up(process, lambda: not probe.problem(), LIMIT, "The collector", log)
                yield f"http://{LOOPBACK}:{receiver}/v1/traces"
            finally:
                process.kill()


def send(url: str, body: bytes, limit: float = LIMIT) -> int:
    """Post a request; return the status of the answer.

    Raises requests.ReadTimeout where none comes within `limit` seconds.
    """
    with local_session() as session:
        headers = {"Content-Type": "application/x-protobuf"}
        return session.post(url, data=body, headers=headers, timeout=limit).status_code


def make_request(spans: int = 3, attributes: Mapping[str, str] | None = None) -> ExportTraceServiceRequest:
    """Return a request with spans of one trace, which the filter keeps; the first has the attributes."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = "openinference.instrumentation.proof"
    trace_id = os.urandom(16)
    for _ in range(spans):
        scope.spans.add(trace_id=trace_id, span_id=os.urandom(8), name="step")
    for key, value in (attributes or {}).items():
        scope.spans[0].attributes.add(key=key).value.string_value = value
    return request


def spans_of(request: ExportTraceServiceRequest) -> list[Any]:
    """Return all spans of a request."""
    scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
    return [span for scope in scopes for span in scope.spans]
