"""With TELEMETRY=public, agent and tool make the spans of the public ones: recordings of both are equal.

`python -m harness.proofs.likeness` records ours anew.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).resolve().parents[1] / "recorded"
NAMES = sorted(file.name for file in (RECORDED / "public").glob("*.otlp.jsonl"))


def spans(file: Path) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Return resource attributes, scope name and span of each span."""
    return [
        (_values(resource["resource"]["attributes"]), scope["scope"].get("name", ""), span)
        for line in file.read_text(encoding="utf-8").splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _values(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in attributes}


def shape(file: Path) -> Counter[tuple[object, ...]]:
    """Count the spans by service, scope, name, kind, status, events, and their parent's scope and name."""
    found = spans(file)
    by_id = {span["spanId"]: (scope, span["name"]) for _, scope, span in found}
    return Counter(
        (
            resource["service.name"],
            scope,
            span["name"],
            span["kind"],
            span.get("status", {}).get("code", 0),
            tuple(event["name"] for event in span.get("events", ())),
            by_id.get(span["parentSpanId"], "missing") if span.get("parentSpanId") else "none",
        )
        for resource, scope, span in found
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_spans_are_those_of_the_public_agent_and_tool(name: str) -> None:
    assert shape(RECORDED / "likeness" / name) == shape(RECORDED / "public" / name)


@pytest.mark.parametrize("name", NAMES)
def test_root_and_resources_have_the_same_attributes(name: str) -> None:
    for kept in ("root", "resources"):
        ours, theirs = (_keys(spans(RECORDED / place / name), kept) for place in ("likeness", "public"))
        assert ours == theirs


def _keys(found: list[tuple[dict[str, Any], str, dict[str, Any]]], kept: str) -> set[frozenset[str]]:
    if kept == "resources":
        return {frozenset(resource) for resource, _, _ in found}
    return {frozenset(_values(span["attributes"])) for _, _, span in found if not span.get("parentSpanId")}
