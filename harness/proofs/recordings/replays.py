"""Makes the public agent's recordings new, so that they can be sent to a collector again."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from robot.api.deco import keyword, library

PUBLIC = Path(__file__).resolve().parents[3] / "tests" / "recorded" / "public"
A2A = "a2a-python-sdk"
KEPT = re.compile(r"^openinference\.")  # the scopes that the collector's filter keeps
# The public agent's trace is whole without the A2A SDK's spans, so this layer of its contracts holds then.
WITHOUT_A2A = "whole-tree"
_IDS = re.compile(r'"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"')
_TIMES = re.compile(r'"(startTimeUnixNano|endTimeUnixNano|timeUnixNano)":"(\d+)"')
ResourceSpans = Sequence[Mapping[str, Any]]  # the list of an OTLP export request


@dataclass(frozen=True)
class Replay:
    """One recorded trace with ids, a session and times of its own.

    `label` names it among all replays, `body` is its OTLP/HTTP JSON export request, and `kept` is how many of
    its spans the collector's filter keeps. `known` is what is known of its question: contract and
    its layers, session, question, and, where there are some, canaries and tool_calls.
    """

    label: str
    trace_id: str
    body: str
    kept: int
    known: Mapping[str, Any]


@library(scope="GLOBAL")
class Replays:
    """Makes replays of `tests/recorded/public`."""

    @keyword
    def make_replays(self, recording: str, a2a_spans: bool) -> list[Replay]:
        """Return the traces of a recording, earliest first, as if they ended now.

        Without `a2a_spans` they are what an agent with OTEL_INSTRUMENTATION_A2A_SDK_ENABLED=false exports:
        no span of the A2A SDK, and their children below the nearest span that is left (measured with that
        agent: the graph is directly below the root).
        """
        nonce = secrets.token_hex(8)
        known = yaml.safe_load((PUBLIC / f"{recording}.expectation.yaml").read_text(encoding="utf-8"))
        text = _renewed((PUBLIC / f"{recording}.otlp.jsonl").read_text(encoding="utf-8"), nonce)
        for session in {entry["session"] for entry in known}:
            text = text.replace(session, f"replay-{nonce}-{session}")
        requests = [json.loads(line) for line in text.splitlines() if line]
        spans: ResourceSpans = [each for request in requests for each in request["resourceSpans"]]
        known = [{**entry, "session": f"replay-{nonce}-{entry['session']}"} for entry in known]
        label = recording
        if not a2a_spans:
            spans, label = _without_a2a(spans), f"{recording}-without-a2a"
            known = [{**entry, "layers": [WITHOUT_A2A]} for entry in known]
        return [
            _replay(f"{label}-{number}" if len(known) > 1 else label, spans, trace_id, entry)
            for number, (trace_id, entry) in enumerate(zip(_trace_ids(spans), known, strict=True), 1)
        ]


def _renewed(text: str, nonce: str) -> str:
    """Return OTLP JSON with other ids, and with times that end now."""

    def other_id(match: re.Match[str]) -> str:
        digest = hashlib.sha256(f"{nonce}{match[2]}".encode()).hexdigest()
        return f'"{match[1]}":"{digest[: len(match[2])]}"'

    later = time.time_ns() - max(int(stamp) for _, stamp in _TIMES.findall(text))
    return _TIMES.sub(lambda match: f'"{match[1]}":"{int(match[2]) + later}"', _IDS.sub(other_id, text))


def _replay(label: str, spans: ResourceSpans, trace_id: str, known: Mapping[str, Any]) -> Replay:
    own = _select(spans, lambda _, span: span["traceId"] == trace_id)
    kept = _spans(_select(own, lambda scope, _: bool(KEPT.match(scope))))
    return Replay(label, trace_id, json.dumps({"resourceSpans": own}), len(kept), known)


def _without_a2a(spans: ResourceSpans) -> ResourceSpans:
    """Leave the A2A SDK's spans out, and move their children below the nearest span that is left."""
    left_out = {
        span["spanId"]: span.get("parentSpanId", "")
        for span in _spans(_select(spans, lambda scope, _: scope == A2A))
    }
    rest = _select(spans, lambda scope, _: scope != A2A)
    for span in _spans(rest):
        while span.get("parentSpanId") in left_out:
            span["parentSpanId"] = left_out[span["parentSpanId"]]
    return rest


def _select(spans: ResourceSpans, wanted: Callable[[str, Mapping[str, Any]], bool]) -> ResourceSpans:
    """Return the spans for which `wanted` says so, given the scope's name and the span."""
    found = []
    for resource in spans:
        scopes = []
        for scope in resource["scopeSpans"]:
            name = scope["scope"].get("name", "")
            chosen = [span for span in scope["spans"] if wanted(name, span)]
            if chosen:
                scopes.append({**scope, "spans": chosen})
        if scopes:
            found.append({**resource, "scopeSpans": scopes})
    return found


def _spans(spans: ResourceSpans) -> list[dict[str, Any]]:
    return [span for resource in spans for scope in resource["scopeSpans"] for span in scope["spans"]]


def _trace_ids(spans: ResourceSpans) -> list[str]:
    """Return the ids of the traces, earliest first."""
    by_start = sorted(_spans(spans), key=lambda span: int(span["startTimeUnixNano"]))
    return list(dict.fromkeys(span["traceId"] for span in by_start))
