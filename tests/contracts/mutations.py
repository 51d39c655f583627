"""Changes to a good trace, each of which makes one defect."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from traces.model import Event, Span, Trace

Mutation = Callable[[Trace], Trace]

MS = 1_000_000
OLDEST = ("session.id", "input.value", "input.mime_type", "output.value")  # attributes of a model call
KEY = "sk-proj-" + "a1B2" * 8  # looks like an API key


def pick(trace: Trace, what: str) -> Span:
    """Return the span of a kind, name, status and number, as `LLM 2` or `TOOL[ERROR]`: the earliest is 1."""
    match = re.fullmatch(r"(?P<kind>\w+)(:(?P<name>[^ \[]+))?(\[(?P<status>\w+)\])?( (?P<number>\d+))?", what)
    assert match
    found = [
        span
        for span in trace.of_kind(match["kind"])
        if match["name"] in (None, span.name) and match["status"] in (None, span.status)
    ]
    return found[int(match["number"] or 1) - 1]


def changed(what: str, **fields: Any) -> Mutation:  # noqa: ANN401 - any field of a span
    """Change fields of a span."""

    def mutate(trace: Trace) -> Trace:
        victim = pick(trace, what)
        spans = tuple(replace(span, **fields) if span is victim else span for span in trace.spans)
        return replace(trace, spans=spans)

    return mutate


def computed(what: str, change: Callable[[Trace, Span], dict[str, Any]]) -> Mutation:
    """Change fields of a span to what is computed from the trace and the span."""
    return lambda trace: changed(what, **change(trace, pick(trace, what)))(trace)


def attribute(what: str, name: str, value: object) -> Mutation:
    """Set an attribute of a span."""
    return computed(what, lambda _, span: {"attributes": {**span.attributes, name: value}})


def edited(what: str, name: str, edit: Callable[[Any], Any]) -> Mutation:
    """Change an attribute's value."""
    return computed(
        what, lambda _, span: {"attributes": {**span.attributes, name: edit(span.attributes[name])}}
    )


def lost(what: str, prefix: str) -> Mutation:
    """Take a span's attributes away whose names start so."""
    return computed(
        what,
        lambda _, span: {
            "attributes": {key: value for key, value in span.attributes.items() if not key.startswith(prefix)}
        },
    )


def removed(what: str) -> Mutation:
    """Take a span out of the trace."""
    return lambda trace: replace(
        trace, spans=tuple(span for span in trace.spans if span is not pick(trace, what))
    )


def added(what: str, change: Callable[[Trace, Span], dict[str, Any]]) -> Mutation:
    """Add a changed copy of a span, with a span id of its own unless the change says so."""

    def mutate(trace: Trace) -> Trace:
        span = pick(trace, what)
        return replace(
            trace, spans=(*trace.spans, replace(span, **{"span_id": "f" * 16, **change(trace, span)}))
        )

    return mutate


def below(what: str, parent: str) -> Mutation:
    """Hang a span below another."""
    return computed(what, lambda trace, _: {"parent_id": pick(trace, parent).span_id})


def moved(what: str, milliseconds: float) -> Mutation:
    """Move a span in time."""
    by = int(milliseconds * MS)
    return computed(what, lambda _, span: {"start_ns": span.start_ns + by, "end_ns": span.end_ns + by})


def both(*mutations: Mutation) -> Mutation:
    """Apply mutations one after the other: one defect that shows in several places."""

    def mutate(trace: Trace) -> Trace:
        for mutation in mutations:
            trace = mutation(trace)
        return trace

    return mutate


def everywhere(change: Callable[[Span], Span]) -> Mutation:
    """Change every span."""
    return lambda trace: replace(trace, spans=tuple(change(span) for span in trace.spans))


def cut(length: int) -> Mutation:
    """Cut every text attribute."""
    return everywhere(
        lambda span: replace(
            span,
            attributes={
                key: value[:length] if isinstance(value, str) else value
                for key, value in span.attributes.items()
            },
        )
    )


def overflowed(what: str, limit: int) -> Mutation:
    """Add messages to a span until its SDK keeps no more attributes, and drops its oldest ones."""

    def change(_: Trace, span: Span) -> dict[str, Any]:
        kept = {key: value for key, value in span.attributes.items() if key not in OLDEST}
        others = {"metadata" if key.startswith("metadata.") else key for key in kept}
        sent = {key for key in others if not key.startswith("mlflow.")} | {"openinference.span.kind"}
        more = {
            f"llm.input_messages.{99 + number}.message.role": "tool" for number in range(limit - len(sent))
        }
        return {"attributes": {**kept, **more}}

    return computed(what, change)


def without_canary(text: str) -> str:
    """Return the text with another station."""
    return re.sub("WX-[0-9A-F]{8}", "WX-00000000", text)


def exception(**attributes: str) -> tuple[Event, ...]:
    """Return an exception event."""
    return (Event("exception", 0, {f"exception.{key}": value for key, value in attributes.items()}),)
