"""Makes a clearly marked probe trace: OpenInference spans with spans of another scope among them."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from robot.api.deco import keyword, library

SERVICE = "acceptance-probe"
SCOPE = "openinference.instrumentation.acceptance-probe"
OTHER_SCOPE = "acceptance-probe.other"


@dataclass(frozen=True)
class Probe:
    """A probe trace: its OTLP/HTTP JSON body, and by span id the names that the filter keeps and drops."""

    trace_id: str
    body: str
    kept: dict[str, str]
    dropped: dict[str, str]


@library(scope="GLOBAL")
class ProbeTrace:
    """Makes probe traces."""

    @keyword
    def make_probe(self, session: str) -> Probe:
        """Return a probe of that session: root and child of OpenInference, a child of each in another scope.

        The spans of the other scope have no children, so a filter that drops them leaves no orphan.
        """
        trace_id = secrets.token_hex(16)
        root, child, below_child, below_root = (secrets.token_hex(8) for _ in range(4))
        end = time.time_ns()

        def span(span_id: str, parent: str | None, name: str, step: int, **more: str) -> dict[str, Any]:
            attributes = {"session.id": session, "input.value": "probe", "output.value": "probe"} | more
            return {
                "traceId": trace_id,
                "spanId": span_id,
                **({"parentSpanId": parent} if parent else {}),
                "name": name,
                "kind": 1,
                "startTimeUnixNano": str(end - (10 - step) * 1_000_000),
                "endTimeUnixNano": str(end - step * 1_000_000),
                "attributes": [
                    {"key": key, "value": {"stringValue": text}} for key, text in attributes.items()
                ],
                "status": {"code": 1},
            }

        kind = "openinference.span.kind"
        kept = {
            "scope": {"name": SCOPE},
            "spans": [
                span(root, None, "acceptance probe", 0, **{kind: "AGENT"}),
                span(child, root, "acceptance probe child", 1, **{kind: "CHAIN"}),
            ],
        }
        dropped = {
            "scope": {"name": OTHER_SCOPE},
            "spans": [
                span(below_child, child, "other scope below child", 2),
                span(below_root, root, "other scope below root", 2),
            ],
        }
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [kept, dropped]}]}
        return Probe(
            trace_id,
            json.dumps(body),
            {root: "acceptance probe", child: "acceptance probe child"},
            {below_child: "other scope below child", below_root: "other scope below root"},
        )
