"""Every difference between two backends is found, and only what differs by nature is tolerated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.recordings import recordings
from traces.comparison import compare, differences, table
from traces.model import Event, Span, Trace

ROOT = Span(
    "a" * 32,
    "1" * 16,
    None,
    "agent",
    "AGENT",
    1_000_000,
    9_000_000,
    "OK",
    attributes={
        "input.value": "weather?",
        "output.value": "sunny",
        "gen_ai.provider.name": "openai",
        "mlflow.spanType": "AGENT",
    },
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
    attributes={"llm.token_count.total": 7, "openinference.span.kind": "LLM", "metadata": '{"step": 1}'},
    events=(Event("exception", 2_500_000, {"exception.message": "no"}),),
)
THERE = (
    replace(
        ROOT,
        attributes={
            "input.value": "weather?",
            "output.value": "sunny",
            "gen_ai.provider.name": "openai",
            "llm.system": "openai",
        },
    ),
    replace(MODEL, start_ns=2_000_400, attributes={"llm.token_count.total": 7, "metadata.step": 1}),
)
MLFLOW = Trace("a" * 32, (ROOT, MODEL), "mlflow", state="OK")


def found(root: Span = THERE[0], model: Span | None = THERE[1], trace_id: str = "a" * 32) -> list[str]:
    other = Trace(trace_id, (root, model) if model else (root,), "phoenix")
    return differences(compare(MLFLOW, other), MLFLOW, other)


def test_what_differs_by_nature_is_in_the_table_and_is_no_difference() -> None:
    assert found() == []
    phoenix = Trace("a" * 32, THERE, "phoenix")
    shown = table(compare(MLFLOW, phoenix), MLFLOW, phoenix)
    assert shown.count("by nature") == 4
    assert "different" not in shown


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"name": "other"}, 'name is "model" in MLflow, "other" in Phoenix'),
        ({"kind": "CHAIN"}, 'kind is "LLM" in MLflow, "CHAIN" in Phoenix'),
        ({"parent_id": None}, f'parent id is "{ROOT.span_id}" in MLflow, missing in Phoenix'),
        ({"start_ns": 2_001_000}, "start_ns is 2000000 in MLflow, 2001000 in Phoenix"),
        ({"end_ns": 3_002_000}, "end_ns is 3000000 in MLflow, 3002000 in Phoenix"),
        ({"status": "ERROR"}, 'status is "OK" in MLflow, "ERROR" in Phoenix'),
        ({"status_message": "boom"}, 'status message is "" in MLflow, "boom" in Phoenix'),
        ({"attributes": {"llm.token_count.total": 8}}, "llm.token_count.total is 7 in MLflow, 8 in Phoenix"),
        (
            {"attributes": {"llm.token_count.total": "7"}},
            'llm.token_count.total is 7 in MLflow, "7" in Phoenix',
        ),
        ({"attributes": {}}, "llm.token_count.total is 7 in MLflow, missing in Phoenix"),
        (
            {"attributes": {"llm.token_count.total": 7, "llm.system": "x"}},
            'llm.system is missing in MLflow, "x" in Phoenix',
        ),
        (
            {"attributes": {"llm.token_count.total": 7, "span": "there"}},
            'span is missing in MLflow, "there" in Phoenix',
        ),
        ({"events": ()}, "number of events is 1 in MLflow, 0 in Phoenix"),
        (
            {"events": (Event("exception", 2_500_000, {}),)},
            'event 1 attributes is {"exception.message": "no"} in MLflow, {} in Phoenix',
        ),
        (
            {"events": (Event("exception", 2_600_000, {"exception.message": "no"}),)},
            "event 1 time_ns is 2500000 in MLflow, 2600000 in Phoenix",
        ),
        ({"span_id": "4" * 16}, "span is there in MLflow, missing in Phoenix"),
    ],
)
def test_every_other_difference_is_found(change: dict[str, Any], difference: str) -> None:
    lines = found(model=replace(THERE[1], **change))
    assert any(line.endswith(f": {difference}") for line in lines), lines


def test_other_outputs_ids_and_lost_spans_are_found() -> None:
    changed = replace(THERE[0], attributes={**THERE[0].attributes, "output.value": "rainy"})
    assert any(
        'output.value is "sunny" in MLflow, "rainy" in Phoenix' in line for line in found(root=changed)
    )
    assert any("trace id" in line for line in found(trace_id="b" * 32))
    assert any("span is there in MLflow, missing in Phoenix" in line for line in found(model=None))


@pytest.mark.parametrize(
    ("attributes", "shown", "differ"),
    [
        ({"llm.token_count.prompt": 55}, {"prompt": 55, "completion": 43, "total": 98}, 0),
        ({"llm.token_count.prompt": 55}, {"prompt": 54, "completion": 43, "total": 97}, 1),
        ({"llm.token_count.prompt": 55}, {"prompt": 0, "completion": 0, "total": 0}, 1),
        ({"gen_ai.usage.input_tokens": 55}, {"prompt": 0, "completion": 0, "total": 0}, 0),
        ({"llm.token_count.prompt": 55}, None, 0),
    ],
    ids=["the same", "another", "none", "GenAI's are not summed up", "not shown"],
)
def test_both_backends_sums_of_tokens_are_the_same(
    attributes: dict[str, int], shown: dict[str, int] | None, differ: int
) -> None:
    sums = {"prompt": 55, "completion": 43, "total": 98}
    one = Trace("a" * 32, (replace(ROOT, attributes=attributes),), "mlflow", tokens=sums)
    lacks = frozenset() if shown else frozenset({"tokens"})
    other = replace(one, backend="phoenix", tokens=shown, release_lacks=lacks)
    found = [line for line in differences(compare(one, other), one, other) if "sum of tokens" in line]
    assert len(found) == differ


def test_long_values_are_shown_where_they_differ() -> None:
    same = "s" * 5000
    one = Trace("a" * 32, (replace(ROOT, attributes={"input.value": f"{same} Paris"}),), "mlflow")
    other = Trace("a" * 32, (replace(ROOT, attributes={"input.value": f"{same} Rome"}),), "phoenix")
    (line,) = differences(compare(one, other), one, other)
    assert 'Paris" (5008 characters) in MLflow' in line
    assert 'Rome" (5007 characters) in Phoenix' in line
    assert len(line) < 500


def test_the_table_shows_texts_of_a_trace_as_text() -> None:
    hostile = replace(ROOT, attributes={"input.value": "<script>"})
    trace = Trace("a" * 32, (hostile,), "mlflow")
    assert "<script>" not in table(compare(trace, trace), trace, trace)


RECORDED = {recording.name: recording.trace for recording in recordings()}
BOTH = sorted(name.removesuffix(".mlflow.json") for name in RECORDED if name.endswith(".mlflow.json"))


def of_recorded(name: str, phoenix: Trace | None = None, mlflow: Trace | None = None) -> list[str]:
    one = mlflow or RECORDED[f"{name}.mlflow.json"]
    other = phoenix or RECORDED[f"{name}.phoenix.json"]
    return differences(compare(one, other), one, other)


def edited(trace: Trace, kind: str, changes: dict[str, Any]) -> Trace:
    """Change attributes of the first span of a kind; None takes one away."""
    victim = trace.of_kind(kind)[0]
    attributes = {key: value for key, value in {**victim.attributes, **changes}.items() if value is not None}
    spans = tuple(replace(span, attributes=attributes) if span is victim else span for span in trace.spans)
    return replace(trace, spans=spans)


@pytest.mark.parametrize("name", BOTH)
def test_what_both_backends_recorded_differs_by_nature_only(name: str) -> None:
    assert of_recorded(name) == []


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("LLM", "llm.input_messages.1.message.content", "What is the weather in Rome?"),
        (
            "LLM",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
            '{"city": "Rome"}',
        ),
        ("LLM", "llm.invocation_parameters", '{"temperature": 0.7}'),
        ("LLM", "llm.finish_reason", "length"),
        ("LLM", "llm.system", "anthropic"),
        ("LLM", "llm.cost.total", 1),
        ("LLM", "input.value", '[{"role": "system", "parts": []}]'),
        ("LLM", "output.value", "[]"),
        ("LLM", "gen_ai.output.messages", "[]"),
        ("TOOL", "tool.parameters.city", "Rome"),
        ("TOOL", "output.mime_type", "text/plain"),
        ("TOOL", "input.value", '{"city":"Rome"}'),
        ("TOOL", "gen_ai.tool.call.arguments", '{"city":"Rome"}'),
        ("TOOL", "gen_ai.tool.call.result", None),
        ("AGENT", "llm.model_name", "another"),
        ("AGENT", "input.value", "another"),
    ],
)
def test_a_value_made_from_genai_attributes_must_say_what_they_say(
    kind: str, key: str, value: object
) -> None:
    phoenix = edited(RECORDED["genai/genai.phoenix.json"], kind, {key: value})
    assert any(key in line for line in of_recorded("genai/genai", phoenix))


def test_what_one_backend_alone_shows_needs_the_genai_attribute_in_both() -> None:
    """An attribute that MLflow lost is no difference by nature, as Phoenix has made it from nothing."""
    mlflow = edited(RECORDED["genai/genai.mlflow.json"], "LLM", {"gen_ai.input.messages": None})
    lines = of_recorded("genai/genai", mlflow=mlflow)
    assert any("llm.input_messages.0.message.content" in line for line in lines)
    own = edited(RECORDED["own/one-tool.mlflow.json"], "LLM", {"llm.input_messages.0.message.content": None})
    assert any(
        "llm.input_messages.0.message.content" in line for line in of_recorded("own/one-tool", mlflow=own)
    )


def test_json_may_be_spaced_anew_and_must_say_the_same() -> None:
    mlflow = edited(RECORDED["own/one-tool.mlflow.json"], "LLM", {"input.value": '{"a": 1}'})
    for value, differs in (('{"a":1}', False), ('{"a":2}', True), ("a: 1", True)):
        phoenix = edited(RECORDED["own/one-tool.phoenix.json"], "LLM", {"input.value": value})
        assert any("input.value" in line for line in of_recorded("own/one-tool", phoenix, mlflow)) == differs


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("LLM", "llm.token_count.total", 7),
        ("LLM", "llm.token_count.prompt", 56),
        ("LLM", "llm.tools.0.tool.json_schema", '{"type": "function", "function": {"name": "other"}}'),
        ("LLM", "llm.input_messages.0.message.role", "user2"),
        ("LLM", "output.value", '{"id": "other"}'),
        ("LLM", "session.id", "other"),
        ("TOOL", "output.value", "other"),
        ("TOOL", "tool.id", "other"),
        ("TOOL", "tool.name", "other"),
        ("TOOL", "tool.parameters.city", "Rome"),
    ],
)
def test_what_phoenix_makes_of_a_genai_agent_must_say_what_the_agent_said(
    kind: str, key: str, value: object
) -> None:
    phoenix = edited(RECORDED["climate/genai.phoenix.json"], kind, {key: value})
    assert any(key in line for line in of_recorded("climate/genai", phoenix))


def test_a_kind_that_phoenix_makes_needs_the_genai_operation() -> None:
    victim = RECORDED["climate/genai.mlflow.json"].spans[-1]
    attributes = {key: value for key, value in victim.attributes.items() if key != "gen_ai.operation.name"}
    mlflow = RECORDED["climate/genai.mlflow.json"]
    spans = tuple(replace(each, attributes=attributes) if each is victim else each for each in mlflow.spans)
    assert any(
        ": kind is missing" in each
        for each in of_recorded("climate/genai", None, replace(mlflow, spans=spans))
    )


def test_json_that_phoenix_spreads_must_say_the_same() -> None:
    for key in ("tool.parameters", "tool.parameters.city"):
        mlflow = edited(
            RECORDED["climate/openinference.mlflow.json"], "TOOL", {"tool.parameters": '{"city": "Rome"}'}
        )
        assert any(key in line for line in of_recorded("climate/openinference", None, mlflow))


def test_phoenix_numbers_a_list_anew_whose_first_items_an_sdk_dropped() -> None:
    message = "llm.input_messages"
    sent = {
        f"{message}.3.message.tool_calls.20.id": "call-20",
        f"{message}.3.message.tool_calls.21.id": "call-21",
        f"{message}.4.message.role": "tool",
        "output.value": "sunny",
    }
    kept = {
        f"{message}.0.message.tool_calls.0.id": "call-20",
        f"{message}.0.message.tool_calls.1.id": "call-21",
        f"{message}.1.message.role": "tool",
        "output.value": "sunny",
    }
    mlflow = Trace("a" * 32, (replace(ROOT, attributes=sent),), "mlflow", state="OK")
    phoenix = Trace("a" * 32, (replace(ROOT, attributes=kept),), "phoenix")
    assert differences(compare(mlflow, phoenix), mlflow, phoenix) == []
    kept[f"{message}.0.message.tool_calls.1.id"] = "call-22"
    assert len(differences(compare(mlflow, phoenix), mlflow, phoenix)) == 1
