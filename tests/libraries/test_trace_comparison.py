"""Every difference between two backends is found, and only what differs by nature is tolerated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from trace_comparison import compare, differences, table
from trace_model import Event, Span, Trace

ROOT = Span(
    "a" * 32,
    "1" * 16,
    None,
    "agent",
    "AGENT",
    1_000_000,
    9_000_000,
    "OK",
    attributes={"input.value": "weather?", "output.value": "sunny", "mlflow.spanType": "AGENT"},
)
MODEL = Span(
    "a" * 32,
    "2" * 16,
    "1" * 16,
    "model",
    "LLM",
    2_000_000,
    3_000_000,
    "OK",
    attributes={"llm.token_count.total": 7, "openinference.span.kind": "LLM", "metadata": "{}"},
    events=(Event("exception", 2_500_000, {"exception.message": "no"}),),
)
THERE = (
    replace(ROOT, attributes={"input.value": "weather?", "output.value": "sunny", "llm.system": "openai"}),
    replace(MODEL, start_ns=2_000_400, attributes={"llm.token_count.total": 7, "metadata.step": 1}),
)
MLFLOW = Trace("a" * 32, (ROOT, MODEL), "mlflow", state="OK")


def found(root: Span = THERE[0], model: Span | None = THERE[1], trace_id: str = "a" * 32) -> list[str]:
    other = Trace(trace_id, (root, model) if model else (root,), "phoenix")
    return differences(compare(MLFLOW, other), "mlflow", "phoenix")


def test_what_differs_by_nature_is_in_the_table_and_is_no_difference() -> None:
    assert found() == []
    shown = table(compare(MLFLOW, Trace("a" * 32, THERE, "phoenix")), "mlflow", "phoenix")
    assert shown.count("by nature") == 6
    assert "DIFFERENT" not in shown


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": "other"}, "name is model in mlflow, other in phoenix"),
        ({"kind": "CHAIN"}, "kind is LLM"),
        ({"parent_id": "3" * 16}, "parent id is"),
        ({"start_ns": 2_001_000}, "start_ns"),
        ({"end_ns": 3_002_000}, "end_ns"),
        ({"status": "ERROR"}, "status is OK in mlflow, ERROR in phoenix"),
        ({"status_message": "boom"}, "status message"),
        ({"attributes": {"llm.token_count.total": 8}}, "llm.token_count.total is 7 in mlflow, 8 in phoenix"),
        ({"attributes": {}}, "llm.token_count.total is 7 in mlflow, - in phoenix"),
        ({"attributes": {"llm.token_count.total": 7, "llm.system": "x"}}, "llm.system is -"),
        ({"events": ()}, "events is 1 in mlflow, 0 in phoenix"),
        ({"events": (Event("exception", 2_500_000, {}),)}, "event 1 attributes"),
        ({"events": (Event("exception", 2_600_000, {"exception.message": "no"}),)}, "event 1 time"),
        ({"span_id": "4" * 16}, "is only in mlflow"),
    ],
)
def test_every_other_difference_is_found(change: dict[str, Any], word: str) -> None:
    assert any(word in line for line in found(model=replace(THERE[1], **change)))


def test_other_outputs_ids_and_lost_spans_are_found() -> None:
    changed = replace(THERE[0], attributes={**THERE[0].attributes, "output.value": "rainy"})
    assert any("output.value is sunny in mlflow, rainy in phoenix" in line for line in found(root=changed))
    assert any("trace id" in line for line in found(trace_id="b" * 32))
    assert any("is only in mlflow" in line for line in found(model=None))


def test_the_table_shows_texts_of_a_trace_as_text() -> None:
    hostile = replace(ROOT, attributes={"input.value": "<script>"})
    trace = Trace("a" * 32, (hostile,), "mlflow")
    assert "<script>" not in table(compare(trace, trace), "mlflow", "phoenix")
