"""Makes export requests of questions: the public agent's recorded trace, with ids and times of its own."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from harness.proofs.recordings.replays import KEPT, Replays

RECORDING = "01-send-v03"  # one question, one tool call
RUN = "load_run"  # the attribute by which a run is counted: MLflow takes the resource's, Phoenix each span's
INSTANCE = "service.instance.id"
_ID = re.compile(r'"(traceId|spanId|parentSpanId)":\s*"([0-9a-f]*)"')


class Questions:
    """Prepared requests: the SDK of this process would be the limit, with a provider for each agent."""

    def __init__(self, run: str, *, kept_only: bool = False) -> None:
        """Read the recording for a run of this name, or only the spans that the collector's filter keeps."""
        (replay,) = Replays().make_replays(RECORDING, a2a_spans=False)
        self._session, self.kept, self.known = str(replay.known["session"]), replay.kept, replay.known
        body = _ID.sub(_in_base64, json.dumps(json.loads(replay.body)))
        self._recorded = Parse(body, ExportTraceServiceRequest())
        for resource in self._recorded.resource_spans:
            if kept_only:
                for scope in [each for each in resource.scope_spans if not KEPT.match(each.scope.name)]:
                    resource.scope_spans.remove(scope)
            resource.resource.attributes.append(_text(RUN, run))
            for span in _spans_of(resource):
                span.attributes.append(_text(RUN, run))
        self.spans = sum(1 for resource in self._recorded.resource_spans for _ in _spans_of(resource))
        self._end = max(
            span.end_time_unix_nano for r in self._recorded.resource_spans for span in _spans_of(r)
        )

    def make(self, agent: int, session: str = "") -> bytes:
        """Return the request of a question that an agent, one of many, has just answered.

        Its session is new, or the given one.
        """
        made = ExportTraceServiceRequest()
        made.CopyFrom(self._recorded)
        trace_id, other, later = secrets.token_bytes(16), secrets.token_bytes(8), time.time_ns() - self._end
        session = session or f"load-{trace_id.hex()}"
        for resource in made.resource_spans:
            resource.resource.attributes.append(_text(INSTANCE, f"weather-agent-{agent}"))
            for span in _spans_of(resource):
                span.trace_id, span.span_id = trace_id, _mix(span.span_id, other)
                if span.parent_span_id:
                    span.parent_span_id = _mix(span.parent_span_id, other)
                span.start_time_unix_nano += later
                span.end_time_unix_nano += later
                for attribute in span.attributes:
                    if attribute.value.string_value == self._session:
                        attribute.value.string_value = session
        return bytes(made.SerializeToString())


def _spans_of(resource: Any) -> Iterator[Any]:  # noqa: ANN401 - generated from a .proto file
    return (span for scope in resource.scope_spans for span in scope.spans)


def _in_base64(match: re.Match[str]) -> str:
    return f'"{match[1]}": "{base64.b64encode(bytes.fromhex(match[2])).decode()}"'


def _mix(span_id: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(span_id, other, strict=True))


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
