"""Makes a clearly marked probe trace: spans of several scopes, to see which of them a pipeline passes on."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robot.api.deco import keyword, library

from pipeline.conditions import ProbedSpan

SERVICE = "acceptance-probe"
KIND = "openinference.span.kind"
SCOPE = "openinference.instrumentation.acceptance-probe"
# The spans below the child, which have no children: whichever of them a filter drops, no orphan is left. They
# stand for OpenInference's instrumentations for TypeScript, for a span made by hand with OpenInference's
# attribute, and for any other library (an HTTP client, an SDK).
LEAVES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("@arizeai/openinference-instrumentation-acceptance-probe", "TypeScript scope", {KIND: "TOOL"}),
    ("acceptance-probe.by-hand", "span made by hand", {KIND: "TOOL"}),
    ("acceptance-probe.other", "other scope", {}),
)


@dataclass(frozen=True)
class Probe:
    """A probe trace: its OTLP/HTTP JSON body, and its spans by their ids."""

    trace_id: str
    body: str
    spans: Mapping[str, ProbedSpan]


@library(scope="GLOBAL")
class ProbeTrace:
    """Makes probe traces."""

    @keyword
    def encode_spans(self, body: str) -> bytes:
        """Return an OTLP/HTTP JSON body as protobuf, which OTLP over gRPC sends.

        JSON has ids in hexadecimal digits, where protobuf's own JSON has base64
        (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
        """
        from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - not needed for a dry run
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415

        request = json.loads(body)
        for resource in request.get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        found = ParseDict(request, trace_service_pb2.ExportTraceServiceRequest())
        encoded: bytes = found.SerializeToString()
        return encoded

    @keyword
    def make_probe(self, session: str, resource: Mapping[str, str] | None = None) -> Probe:
        """Return a probe of that session: root and child of OpenInference, and leaves of other scopes.

        `resource` are more attributes of what says that it has made the spans.
        """
        trace_id, root, child = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8)
        known = {"session.id": session, "input.value": "probe", "output.value": "probe"}
        spans = {
            root: ProbedSpan(SCOPE, "acceptance probe", known | {KIND: "AGENT"}),
            child: ProbedSpan(SCOPE, "acceptance probe child", known | {KIND: "CHAIN"}),
        }
        for scope, name, attributes in LEAVES:
            spans[secrets.token_hex(8)] = ProbedSpan(scope, name, known | attributes)
        parents = dict.fromkeys(spans, child) | {root: None, child: root}
        end = time.time_ns()
        scopes = [
            {"scope": {"name": span.scope}, "spans": [_otlp(trace_id, span_id, parents[span_id], span, end)]}
            for span_id, span in spans.items()
        ]
        maker = {"attributes": _attributes({"service.name": SERVICE, **(resource or {})})}
        body = {"resourceSpans": [{"resource": maker, "scopeSpans": scopes}]}
        return Probe(trace_id, json.dumps(body), spans)


def _otlp(trace_id: str, span_id: str, parent: str | None, span: ProbedSpan, end: int) -> dict[str, Any]:
    """Return a span as OTLP's JSON; each lies 1 ms within the root, which ends at `end` (nanoseconds)."""
    margin = 1_000_000 if parent else 0
    return {
        "traceId": trace_id,
        "spanId": span_id,
        **({"parentSpanId": parent} if parent else {}),
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": str(end - 10_000_000 + margin),
        "endTimeUnixNano": str(end - margin),
        "attributes": _attributes(span.attributes),
        "status": {"code": 1},
    }


def _attributes(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return attributes that are texts as OTLP's JSON."""
    return [{"key": key, "value": {"stringValue": text}} for key, text in texts.items()]
