"""Compares a trace as two backends hold it; `backends` says what differs by nature."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from messages import excerpts
from traces.backends import BACKENDS, Backend
from traces.model import Event, Span, Trace
from traces.text import decode, leaves

MISSING = "missing"
JSON_TYPE = "application/json"
Agreement = Literal["same", "by nature", "different"]
_COLOURS: Mapping[Agreement, str] = {"same": "#eee", "by nature": "#ffd", "different": "#fbb"}


@dataclass(frozen=True)
class ComparedValue:
    """One value of one span (or of the trace) in two backends, as text, and whether they agree."""

    where: str
    what: str
    left: str
    right: str
    agreement: Agreement


@dataclass(frozen=True)
class _Pair:
    """A span as two backends hold it."""

    path: str
    left: Span
    right: Span
    backends: tuple[Backend, Backend]
    not_kept: frozenset[str]  # by one of them


def compare(
    one: Trace, other: Trace, copied: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> list[ComparedValue]:
    """Return every value of a trace beside the other backend's: the trace's, then span by span from the root.

    Compared are trace id, number of spans, each span's parent, name, kind, times, status, events, and all
    attributes, so tokens, inputs and outputs too. `copied` has, by backend, the attributes that its pipeline
    makes from others: that is by nature as what a backend itself makes from others (`Backend.made_from`).
    """
    rows = [
        _compared("trace", "trace id", one.trace_id, other.trace_id),
        _compared("trace", "number of spans", len(one.spans), len(other.spans)),
        *_tokens(one, other),
    ]
    backends = _backend(one, copied or {}), _backend(other, copied or {})
    not_kept = one.not_kept | other.not_kept
    for span_id in [*one.by_id, *(other.by_id.keys() - one.by_id.keys())]:
        left, right = one.by_id.get(span_id), other.by_id.get(span_id)
        if left and right:
            here, there = _spread(left, backends), _spread(right, backends)
            rows += _span(_Pair(f"{one.path(left)} [{span_id}]", here, there, backends, not_kept))
        else:
            holder = one if left else other
            path = f"{holder.path(holder.by_id[span_id])} [{span_id}]"
            sides = ("there", MISSING) if left else (MISSING, "there")
            rows.append(ComparedValue(path, "span", *sides, "different"))
    return rows


def _tokens(one: Trace, other: Trace) -> Iterator[ComparedValue]:
    """Yield both backends' own sums of a trace's tokens, where they show them.

    They differ by nature where one of them leaves out what only GenAI attributes count.
    """
    if "tokens" in one.not_kept | other.not_kept:
        return
    by_nature = any(
        "gen_ai.usage.input_tokens" in span.attributes and "llm.token_count.prompt" not in span.attributes
        for span in (*one.spans, *other.spans)
    )
    sums = [trace.tokens or dict.fromkeys(("prompt", "completion", "total"), 0) for trace in (one, other)]
    yield _compared("trace", "sum of tokens", *map(dict, sums), by_nature=by_nature)


def differences(rows: Iterable[ComparedValue], one: Trace, other: Trace) -> list[str]:
    """Return the differences that are not by nature, a line each."""
    here, there = BACKENDS[one.backend].title, BACKENDS[other.backend].title
    return [
        f"{row.where}: {row.what} is {row.left} in {here}, {row.right} in {there}"
        for row in rows
        if row.agreement == "different"
    ]


def table(rows: Iterable[ComparedValue], one: Trace, other: Trace) -> str:
    """Return the comparison as an HTML table: a line a value, coloured by whether the backends agree."""
    titles = ("span", "what", BACKENDS[one.backend].title, BACKENDS[other.backend].title, "agreement")
    lines = [f"<tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>"]
    previous = ""
    for row in rows:
        where = "" if row.where == previous else row.where
        previous = row.where
        cells = "".join(
            f"<td>{html.escape(text)}</td>" for text in (where, row.what, row.left, row.right, row.agreement)
        )
        lines.append(f'<tr style="background:{_COLOURS[row.agreement]}">{cells}</tr>')
    return f"<table>{''.join(lines)}</table>"


def _backend(trace: Trace, copied: Mapping[str, Mapping[str, Sequence[str]]]) -> Backend:
    """Return a trace's backend with what its pipeline makes from other attributes."""
    backend = BACKENDS[trace.backend]
    made_from = dict(backend.made_from)
    for name, sources in copied.get(trace.backend, {}).items():
        made_from[name] = [*made_from.get(name, ()), *sources]
    return replace(backend, made_from=made_from)


def _span(pair: _Pair) -> Iterator[ComparedValue]:
    left, right = pair.left, pair.right
    yield _kind(pair)
    for name in ("parent_id", "name", "status", "status_message", "scope"):
        if name not in pair.not_kept:
            yield _compared(pair.path, name.replace("_", " "), getattr(left, name), getattr(right, name))
    for name in ("start_ns", "end_ns"):
        yield _time(pair, name, getattr(left, name), getattr(right, name))
    yield _compared(pair.path, "number of events", len(left.events), len(right.events))
    for number, (here, there) in enumerate(zip(left.events, right.events, strict=False), 1):
        yield from _event(pair, f"event {number}", here, there)
    for key in sorted(left.attributes.keys() | right.attributes.keys()):
        yield _attribute(pair, key)


def _kind(pair: _Pair) -> ComparedValue:
    """Compare the kinds; one that only a backend shows which makes it from another attribute is by nature."""
    left, right = pair.left, pair.right
    here, there = pair.backends
    maker = here if left.kind else there
    by_nature = None in (left.kind, right.kind) and bool(_sources(maker.made_from, "kind", left, right))
    return _compared(pair.path, "kind", left.kind, right.kind, by_nature=by_nature)


def _spread(span: Span, backends: Iterable[Backend]) -> Span:
    """Return a span with the JSON objects of some attributes spread, as one of the backends does it."""
    names = {name for backend in backends for name in backend.spread_json}
    attributes: dict[str, Any] = {}
    for key, value in span.attributes.items():
        inside = decode(value) if key in names and isinstance(value, str) else None
        attributes |= dict(_nested(inside, key)) if isinstance(inside, dict) else {key: value}
    return replace(span, attributes=_close_gaps(attributes))


def _close_gaps(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes whose lists are numbered without gaps, such as `llm.input_messages.0` for the first.

    An SDK that drops a span's oldest attributes leaves gaps. Phoenix keeps lists, so it numbers them anew.
    """
    names: dict[tuple[str, ...], set[str]] = {}
    for key in attributes:
        parts = tuple(key.split("."))
        for depth, part in enumerate(parts):
            names.setdefault(parts[:depth], set()).add(part)
    lists = {
        prefix: {name: str(number) for number, name in enumerate(sorted(found, key=int))}
        for prefix, found in names.items()
        if all(name.isdecimal() for name in found)
    }
    closed = {}
    for key, value in attributes.items():
        parts = tuple(key.split("."))
        numbered = (lists.get(parts[:depth], {}).get(part, part) for depth, part in enumerate(parts))
        closed[".".join(numbered)] = value
    return closed


def _nested(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        yield from _nested(inner, f"{path}.{key}") if isinstance(inner, dict) else [(f"{path}.{key}", inner)]


def _event(pair: _Pair, what: str, left: Event, right: Event) -> Iterator[ComparedValue]:
    yield _compared(pair.path, f"{what} name", left.name, right.name)
    yield _time(pair, f"{what} time_ns", left.time_ns, right.time_ns)
    if "event_attributes" not in pair.not_kept:
        yield _compared(pair.path, f"{what} attributes", dict(left.attributes), dict(right.attributes))


def _time(pair: _Pair, what: str, left: int, right: int) -> ComparedValue:
    precision = max(backend.precision_ns for backend in pair.backends)
    return _compared(pair.path, what, left, right, by_nature=abs(left - right) < precision)


def _attribute(pair: _Pair, key: str) -> ComparedValue:
    left, right = pair.left.attributes, pair.right.attributes
    here, there = pair.backends
    if key in left and key in right:
        rewritten = here.rewrites_json or there.rewrites_json
        by_nature = rewritten and decode(str(left[key])) == decode(str(right[key])) is not None
    elif key in left:
        by_nature = _is_own(here, key, pair.left, pair.right)
    else:
        by_nature = _is_own(there, key, pair.right, pair.left)
    return _compared(pair.path, key, left.get(key), right.get(key), by_nature=by_nature)


def _is_own(backend: Backend, key: str, holder: Span, other: Span) -> bool:
    """Return whether an attribute that only one backend shows is that backend's by nature."""
    if any(fnmatchcase(key, pattern) for pattern in backend.own_attributes):
        return True
    sources = _sources(backend.made_from, key, other, holder)
    if key.endswith(".mime_type"):
        return holder.attributes[key] == JSON_TYPE and any(
            decode(str(source)) is not None for source in sources
        )
    texts = {text for source in sources for text in _innermost(source)}
    if key.endswith(".role"):
        texts.add("system")  # that of system instructions, which do not say it
    numbers = [source for source in sources if isinstance(source, int)]
    value = holder.attributes[key]
    return bool(sources) and (texts.issuperset(_innermost(value)) or value == sum(numbers) > 0)


def _sources(rules: Mapping[str, Sequence[str]], key: str, span: Span, other: Span) -> list[Any]:
    """Return the span's values of the attributes that the rules name for a key and that both spans have."""
    patterns = [pattern for made, sources in rules.items() if fnmatchcase(key, made) for pattern in sources]
    return [
        value
        for name, value in span.attributes.items()
        if name in other.attributes and any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _innermost(value: object) -> set[str]:
    """Return the texts in a value, without those that are JSON of others."""
    return {text for _, text in leaves(value) if decode(text) is None}


def _compared(
    where: str, what: str, left: object, right: object, *, by_nature: bool = False
) -> ComparedValue:
    """Return two values side by side; None is a value that is not there."""
    agreement: Agreement = "same" if left == right else "by nature" if by_nature else "different"
    here, there = excerpts(left, right)
    return ComparedValue(
        where, what, MISSING if left is None else here, MISSING if right is None else there, agreement
    )
