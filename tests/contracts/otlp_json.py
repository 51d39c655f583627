"""Reads OTLP JSON lines (one export request a line, as a collector's file exporter writes them) into traces.

The format is the JSON encoding of OTLP 1.x: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from traces.model import Event, Span, Status, Trace

_STATUS: Mapping[Any, Status] = {1: "OK", 2: "ERROR", "STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}


def read_file(path: Path | str) -> list[Trace]:
    """Return the traces of a file of OTLP JSON lines, earliest first."""
    with Path(path).open(encoding="utf-8") as lines:
        return read_lines(lines)


def read_lines(lines: Iterable[str]) -> list[Trace]:
    """Return the traces of OTLP JSON lines, earliest first; a trace's spans may come in any number of lines.

    Raises ValueError where a line is not an OTLP export request.
    """
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            for span in _spans(json.loads(line)):
                spans[span.trace_id].append(span)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"Line {number} is not an OTLP JSON export request: {error!r}.") from error
    traces = [Trace(trace_id, tuple(found), "otlp") for trace_id, found in spans.items()]
    return sorted(traces, key=lambda trace: (min(span.start_ns for span in trace.spans), trace.trace_id))


def _spans(request: Mapping[str, Any]) -> Iterable[Span]:
    for resource_spans in request["resourceSpans"]:
        resource = _attributes(resource_spans.get("resource", {}))
        for scope_spans in resource_spans["scopeSpans"]:
            scope = scope_spans.get("scope", {}).get("name")
            for span in scope_spans["spans"]:
                yield _span(span, resource, scope)


def _span(span: Mapping[str, Any], resource: Mapping[str, Any], scope: str | None) -> Span:
    attributes = _attributes(span)
    status = span.get("status", {})
    return Span(
        trace_id=span["traceId"].lower(),
        span_id=span["spanId"].lower(),
        parent_id=span.get("parentSpanId", "").lower() or None,
        name=span["name"],
        kind=attributes.get("openinference.span.kind"),
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        status=_STATUS.get(status.get("code"), "UNSET"),
        status_message=status.get("message", ""),
        attributes=attributes,
        events=tuple(
            Event(event["name"], int(event["timeUnixNano"]), _attributes(event))
            for event in span.get("events", ())
        ),
        resource=resource,
        scope=scope,
    )


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value", {})) for pair in holder.get("attributes", ())}


def _value(value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an OTLP AnyValue
    kind, content = next(iter(value.items()), ("", None))
    if kind == "arrayValue" and content is not None:
        return [_value(item) for item in content.get("values", ())]
    if kind == "kvlistValue" and content is not None:
        return {pair["key"]: _value(pair["value"]) for pair in content.get("values", ())}
    readers: Mapping[str, Callable[[Any], Any]] = {
        "intValue": int,
        "doubleValue": float,
        "bytesValue": base64.b64decode,
    }
    return readers[kind](content) if kind in readers else content
