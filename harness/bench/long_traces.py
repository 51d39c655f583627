"""Makes long traces of a recorded one: the agent asks its tool again and again before it answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

Trace = Any  # of the libraries, which the harness does not import: a frozen dataclass, as its spans are
Span = Any
SESSION = "session.id"
# Attributes of a model call that hold what it was asked, by OpenInference and by MLflow.
_INPUT = ("input.", "llm.input_messages.", "mlflow.spanInputs")
_COUNTS = ("prompt", "completion", "total")
_CANARY = re.compile(r"WX-[0-9A-F]{8}")
_CALL_ID = re.compile(r"\bcall_[0-9a-f]+")
# What LangGraph gives to each step that it takes: its number, and the id of its checkpoint.
_STEP = re.compile(r'(?<="langgraph_step": )\d+')
_CHECKPOINT = re.compile(r"\b(assistant|tools):[0-9a-f]{8}(?=-[0-9a-f]{4}-)")
_AROUND = 2  # spans around the rounds: the agent and its graph
_ROUND = 5  # spans of a round: the model's node, its call, the condition, the tools' node, the tool call
_END = 3  # spans of the answer: the model's node, its call, the condition


def lengthen(trace: Trace, spans: int) -> tuple[Trace, list[str]]:
    """Return a trace with so many spans, which is as good as the recorded one, and its canaries.

    The recorded trace is the weather agent's for a question with one tool call. Every round has ids, times
    and a canary of its own. Raises ValueError where whole rounds do not make that many spans.
    """
    rounds, rest = divmod(spans - _AROUND - _END, _ROUND)
    if rest or rounds < 1:
        raise ValueError(f"{spans} spans are not {_AROUND + _END} and whole rounds of {_ROUND}.")
    recorded = sorted(trace.spans, key=lambda span: (span.start_ns, -span.end_ns))
    around, first, end = recorded[:_AROUND], recorded[_AROUND : _AROUND + _ROUND], recorded[-_END:]
    period, last = end[0].start_ns - first[0].start_ns, rounds - 1
    made = [replace(_renamed(span, last), end_ns=span.end_ns + last * period) for span in around]
    for number in range(rounds):
        made += _moved(_round(first, end[1], number), number * period, f"{number:08x}")
    made += _moved([_renamed(span, last) for span in end], last * period, "e" * 8)
    tokens = {
        name: sum(span.attributes.get(f"llm.token_count.{name}", 0) for span in made) for name in _COUNTS
    }
    return replace(trace, spans=tuple(made), tokens=tokens), [_canary(number) for number in range(rounds)]


def without_sessions(trace: Trace) -> Trace:
    """Return the trace with one violation on each span: none has a session."""
    return replace(
        trace,
        spans=tuple(
            replace(span, attributes={key: span.attributes[key] for key in span.attributes if key != SESSION})
            for span in trace.spans
        ),
    )


def _round(recorded: Sequence[Span], last_call: Span, number: int) -> list[Span]:
    """Return the spans of a round: its model call gets what the tool answered in the round before."""
    found = [_renamed(span, number) for span in recorded]
    if number:
        asked = {key: value for key, value in last_call.attributes.items() if key.startswith(_INPUT)}
        own = {key: value for key, value in found[1].attributes.items() if not key.startswith(_INPUT)}
        found[1] = replace(found[1], attributes={**own, **_renamed_values(asked, number - 1)})
    return found


def _moved(spans: Iterable[Span], later: int, round_id: str) -> list[Span]:
    """Return spans that are later by so many nanoseconds, with ids of their own round."""
    spans = list(spans)
    ids = {span.span_id: f"{round_id}{place:08x}" for place, span in enumerate(spans)}
    return [
        replace(
            span,
            span_id=ids[span.span_id],
            parent_id=ids.get(span.parent_id, span.parent_id),
            start_ns=span.start_ns + later,
            end_ns=span.end_ns + later,
        )
        for span in spans
    ]


def _renamed(span: Span, number: int) -> Span:
    """Return a span with the canary, the tool call's id, the step and the checkpoint of a round."""
    return replace(span, attributes=_renamed_values(span.attributes, number))


def _renamed_values(attributes: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {
        key: _renamed_text(value, number) if isinstance(value, str) else value
        for key, value in attributes.items()
    }


def _renamed_text(text: str, number: int) -> str:
    text = _CALL_ID.sub(f"call_{number:024x}", _CANARY.sub(_canary(number), text))
    return _CHECKPOINT.sub(rf"\1:{number:08x}", _STEP.sub(str(number), text))


def _canary(number: int) -> str:
    return f"WX-{number:08X}"
