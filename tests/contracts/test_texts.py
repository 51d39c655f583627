"""Texts are compared as they were said, whatever JSON is wrapped around them; OTLP JSON is read whole."""

from __future__ import annotations

import json

import pytest

from tests.contracts import otlp_json
from traces.model import Event, Span
from traces.text import contains, content, leaves, texts_in


def span(**attributes: object) -> Span:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span("0" * 32, "1" * 16, None, "a span", "TOOL", 0, 1, "OK", attributes=named)


@pytest.mark.parametrize(
    "value",
    [
        "snow",
        json.dumps({"type": "tool", "data": {"content": "snow", "id": "x"}}),
        json.dumps({"type": "tool", "data": {"content": [{"type": "text", "text": "snow", "id": "x"}]}}),
        json.dumps({"lc": 1, "kwargs": {"content": "snow", "tool_call_id": "x"}}),
        json.dumps([{"role": "tool", "parts": [{"type": "text", "content": "snow"}]}]),
        "[{'type': 'text', 'text': 'snow'}]",
    ],
)
def test_a_messages_content_is_found_in_its_wrapping(value: str) -> None:
    assert content(span(output__value=value), "output") == ["snow"]


def test_a_text_that_is_json_stays_as_it_is() -> None:
    text = json.dumps({"city": "Paris", "station": "WX-1"})
    assert content(span(output__value=text), "output") == [text]
    assert content(span(output__value=json.dumps({"type": "tool", "data": {"content": text}})), "output") == [
        text
    ]


def test_bytes_are_read_as_the_text_that_they_are() -> None:
    assert content(span(output__value=b"snow \xff"), "output") == ["snow \ufffd"]
    assert content(span(output__value=(b"snow",)), "output") == ["[\"b'snow'\"]"]


def test_messages_go_before_the_whole_value() -> None:
    model = span(
        llm__input_messages__0__message__content="a",
        llm__input_messages__1__message__contents__0__message_content__text="b",
        llm__input_messages__1__message__role="tool",
        input__value="c",
    )
    assert content(model, "input") == ["a", "b"]
    assert texts_in(model, "input") == ["a", "b", "tool"]
    assert content(span(gen_ai__tool__call__result="snow"), "output") == ["snow"]
    assert content(span(), "output") == []


def test_an_errors_text_is_its_exceptions_message() -> None:
    failed = Span(
        "0" * 32, "1" * 16, None, "t", "TOOL", 0, 1, "ERROR",
        events=(
            Event("exception", 0, {"exception.message": "no"}), Event("other", 0, {"exception.message": "x"}),
        ),
    )  # fmt: skip
    assert content(failed, "error") == ["no"]


def test_json_is_compared_however_it_is_spaced() -> None:
    assert contains(['{"city":"Paris","days":2}'], '{"days": 2, "city": "Paris"}')
    assert contains(['{"city":"Paris"}'], "{'city': 'Paris'}")
    assert contains(["It is cold in Paris."], " Paris\n")
    assert not contains(['{"city":"Rome"}'], '{"city": "Paris"}')
    assert not contains([], "Paris")


def test_leaves_go_through_json_in_json() -> None:
    value = json.dumps({"a": json.dumps({"b": ["c", 1, True, None]})})
    assert list(leaves(value, "k"))[-2:] == [("k.a.b.0", "c"), ("k.a.b.1", "1")]
    assert list(leaves(b"x", "k")) == [("k", "x")]
    assert list(leaves("{broken", "k")) == [("k", "{broken")]


def test_otlp_json_is_read_whole() -> None:
    values = {
        "text": {"stringValue": "x"},
        "integer": {"intValue": "7"},
        "real": {"doubleValue": 1.5},
        "yes": {"boolValue": True},
        "bytes": {"bytesValue": "eA=="},
        "list": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "y"}]}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}},
        "nothing": {},
    }
    root = {
        "traceId": "AB" * 16,
        "spanId": "CD" * 8,
        "name": "root",
        "startTimeUnixNano": "5",
        "endTimeUnixNano": 9,
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
        "attributes": [{"key": key, "value": value} for key, value in values.items()],
        "events": [{"name": "e", "timeUnixNano": "6"}],
    }
    child = {
        **root,
        "spanId": "EF" * 8,
        "parentSpanId": "CD" * 8,
        "status": {},
        "attributes": [],
        "events": [],
    }
    child["attributes"] = [{"key": "openinference.span.kind", "value": {"stringValue": "LLM"}}]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]}
    lines = [
        json.dumps(
            {
                "resourceSpans": [
                    {"resource": resource, "scopeSpans": [{"scope": {"name": "o"}, "spans": [each]}]}
                ]
            }
        )
        for each in (child, root)
    ]
    (trace,) = otlp_json.read_lines([*lines, "\n"])
    (found,) = trace.roots
    assert (trace.backend, trace.trace_id, found.span_id) == ("otlp", "ab" * 16, "cd" * 8)
    assert (found.status, found.status_message, found.start_ns, found.end_ns) == ("ERROR", "no", 5, 9)
    assert found.attributes == {
        "text": "x",
        "integer": 7,
        "real": 1.5,
        "yes": True,
        "bytes": b"x",
        "list": [1, "y"],
        "map": {"k": "v"},
        "nothing": None,
    }
    assert found.events == (Event("e", 6, {}),)
    (below,) = trace.children(found)
    assert (below.kind, below.status, below.scope, below.resource) == (
        "LLM",
        "UNSET",
        "o",
        {"service.name": "s"},
    )


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}'])
def test_what_is_not_otlp_json_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="Line 2 is not an OTLP JSON export request"):
        otlp_json.read_lines(["", line])
