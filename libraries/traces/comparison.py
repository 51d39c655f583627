"""Compares a trace as two backends hold it; `backends` says what differs by nature."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from traces.backends import MADE_FROM, NOT_KEPT, OWN_ATTRIBUTES, PRECISION_NS, REWRITTEN_JSON
from traces.model import Event, Span, Trace
from traces.text import decode, leaves

LONGEST = 160
ABSENT, THERE = "-", "there"
JSON = "application/json"
Verdict = Literal["same", "by nature", "DIFFERENT"]
_COLOURS: Mapping[Verdict, str] = {"same": "#eee", "by nature": "#ffd", "DIFFERENT": "#fbb"}


@dataclass(frozen=True)
class Compared:
    """One value of one span (or of the trace) in two backends, as text, and whether they agree."""

    where: str
    what: str
    left: str
    right: str
    verdict: Verdict


def compare(one: Trace, other: Trace) -> list[Compared]:
    """Return every value of a trace beside the other backend's: the trace's, then span by span from the root.

    Compared are trace id, number of spans, each span's parent, name, kind, times, status, events, and all
    attributes, so tokens, inputs and outputs too.
    """
    rows = [
        _row("trace", "trace id", one.trace_id, other.trace_id),
        _row("trace", "spans", len(one.spans), len(other.spans)),
    ]
    lost = NOT_KEPT[one.backend] | NOT_KEPT[other.backend]
    for span_id in [*one.by_id, *(other.by_id.keys() - one.by_id.keys())]:
        left, right = one.by_id.get(span_id), other.by_id.get(span_id)
        if left is None or right is None:
            there = one if left else other
            path = f"{there.path(there.by_id[span_id])} [{span_id}]"
            sides = (THERE if left else ABSENT, THERE if right else ABSENT)
            rows.append(Compared(path, "span", *sides, "DIFFERENT"))
        else:
            path = f"{one.path(left)} [{span_id}]"
            rows += _span(path, left, right, (one.backend, other.backend), lost)
    return rows


def differences(rows: Iterable[Compared], one: str, other: str) -> list[str]:
    """Return the differences that are not by nature, a line each; `one` and `other` name the backends."""
    return [
        f"{row.where} is only in {one if row.left == THERE else other}"
        if row.what == "span"
        else f"{row.where}: {row.what} is {row.left} in {one}, {row.right} in {other}"
        for row in rows
        if row.verdict == "DIFFERENT"
    ]


def table(rows: Iterable[Compared], one: str, other: str) -> str:
    """Return the comparison as an HTML table: a line a value, the differing ones coloured."""
    lines = [f"<tr><th>span</th><th>what</th><th>{one}</th><th>{other}</th><th>verdict</th></tr>"]
    previous = ""
    for row in rows:
        where = "" if row.where == previous else row.where
        previous = row.where
        cells = "".join(
            f"<td>{html.escape(text)}</td>" for text in (where, row.what, row.left, row.right, row.verdict)
        )
        lines.append(f'<tr style="background:{_COLOURS[row.verdict]}">{cells}</tr>')
    return f"<table>{''.join(lines)}</table>"


def _span(
    path: str, left: Span, right: Span, backends: tuple[str, str], lost: frozenset[str]
) -> Iterator[Compared]:
    for name in ("parent_id", "name", "kind", "status", "status_message", "scope"):
        if name not in lost:
            yield _row(path, name.replace("_", " "), getattr(left, name), getattr(right, name))
    for name in ("start_ns", "end_ns"):
        yield _time(path, name, getattr(left, name), getattr(right, name), backends)
    yield _row(path, "events", len(left.events), len(right.events))
    for number, (here, there) in enumerate(zip(left.events, right.events, strict=False), 1):
        yield from _event(path, f"event {number}", here, there, backends)
    for key in sorted(left.attributes.keys() | right.attributes.keys()):
        yield _attribute(path, key, left, right, backends)


def _event(path: str, what: str, left: Event, right: Event, backends: tuple[str, str]) -> Iterator[Compared]:
    yield _row(path, f"{what} name", left.name, right.name)
    yield _time(path, f"{what} time", left.time_ns, right.time_ns, backends)
    yield _row(path, f"{what} attributes", dict(left.attributes), dict(right.attributes))


def _time(path: str, what: str, left: int, right: int, backends: tuple[str, str]) -> Compared:
    precision = max(PRECISION_NS.get(backend, 1) for backend in backends)
    row = _row(path, what, left, right)
    near = abs(left - right) < precision
    return Compared(path, what, row.left, row.right, "by nature") if left != right and near else row


def _attribute(path: str, key: str, left: Span, right: Span, backends: tuple[str, str]) -> Compared:
    here, there = left.attributes.get(key), right.attributes.get(key)
    row = _row(path, key, here, there)
    if row.verdict == "same":
        return row
    if key in left.attributes and key in right.attributes:
        rewritten = any(_sources(REWRITTEN_JSON, backend, key, left, right) for backend in backends)
        by_nature = rewritten and decode(str(here)) == decode(str(there)) is not None
    elif key in left.attributes:
        by_nature = _is_own(key, left, right, backends[0])
    else:
        by_nature = _is_own(key, right, left, backends[1])
    return replace(row, verdict="by nature") if by_nature else row


def _is_own(key: str, holder: Span, other: Span, backend: str) -> bool:
    """Tell whether an attribute that only one backend shows is that backend's by nature."""
    if any(fnmatchcase(f"{holder.kind}:{key}", pattern) for pattern in OWN_ATTRIBUTES.get(backend, ())):
        return True
    sources = _sources(MADE_FROM, backend, key, other, holder)
    if key.endswith(".mime_type"):
        return holder.attributes[key] == JSON and any(decode(str(source)) is not None for source in sources)
    said = {text for source in sources for text in _innermost(source)}
    return bool(sources) and said.issuperset(_innermost(holder.attributes[key]))


def _sources(
    rules: Mapping[str, Mapping[str, Sequence[str]]], backend: str, key: str, span: Span, other: Span
) -> list[Any]:
    """Return the span's values of the attributes that a rule names for this one and that both spans have."""
    names = [
        name
        for pattern, sources in rules.get(backend, {}).items()
        for name in sources
        if fnmatchcase(key, pattern)
    ]
    return [
        value
        for name, value in span.attributes.items()
        if name in other.attributes and any(fnmatchcase(name, pattern) for pattern in names)
    ]


def _innermost(value: object) -> set[str]:
    """Return the texts in a value, without those that are JSON of others."""
    return {text for _, text in leaves(value) if decode(text) is None}


def _row(path: str, what: str, left: object, right: object) -> Compared:
    return Compared(path, what, _text(left), _text(right), "same" if left == right else "DIFFERENT")


def _text(value: Any) -> str:  # noqa: ANN401 - an attribute's value
    if value is None:
        return ABSENT
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
