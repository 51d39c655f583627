"""One shape for a trace, whichever backend it was read from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from traces.backends import BACKENDS

# The attributes that name a span's session: OpenInference's, OpenTelemetry's, MLflow's. The first counts.
SESSION_ATTRIBUTES = ("session.id", "gen_ai.conversation.id", "mlflow.trace.session")
Status = Literal["OK", "ERROR", "UNSET"]


@dataclass(frozen=True)
class Event:
    """A span event: a name, a time in nanoseconds since the epoch, and its attributes."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """One span, times in nanoseconds since the epoch.

    `trace_id` and `span_id` are lower-case hex (32 and 16 digits, W3C Trace Context); `parent_id` is None for
    a root. `kind` is the OpenInference span kind (AGENT, CHAIN, LLM, TOOL, ...) or None where it has none.
    `scope` is the instrumentation scope's name, None where the backend does not keep it (MLflow).
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str | None
    start_ns: int
    end_ns: int
    status: Status
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: str | None = None

    @property
    def session(self) -> str | None:
        """The session that the span carries, by any of SESSION_ATTRIBUTES."""
        return next((str(self.attributes[key]) for key in SESSION_ATTRIBUTES if key in self.attributes), None)


@dataclass(frozen=True)
class Trace:
    """The spans of one trace id as one backend (`mlflow`, `phoenix` or `otlp`) holds them.

    `state` is MLflow's word for the whole trace (OK, ERROR, IN_PROGRESS), None elsewhere.
    `tokens` is the backend's own sum for the whole trace (keys prompt, completion, total), None where it
    shows none. `release_lacks` is what the backend's release does not keep, and others do.
    """

    trace_id: str
    spans: tuple[Span, ...]
    backend: str
    state: str | None = None
    tokens: Mapping[str, int] | None = None
    release_lacks: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Return which trace it is: Robot Framework makes this text wherever a keyword returns a trace."""
        return f"Trace({self.trace_id} in {self.backend}, spans: {len(self.spans)}, state: {self.state})"

    @property
    def not_kept(self) -> frozenset[str]:
        """What cannot be read of this trace, as in `traces.backends`."""
        return BACKENDS[self.backend].not_kept | self.release_lacks

    @cached_property
    def by_id(self) -> Mapping[str, Span]:
        """The spans by span id."""
        return {span.span_id: span for span in self.spans}

    @cached_property
    def _children(self) -> Mapping[str | None, list[Span]]:
        children: defaultdict[str | None, list[Span]] = defaultdict(list)
        for span in sorted(self.spans, key=lambda span: (span.start_ns, span.span_id)):
            children[span.parent_id].append(span)
        return children

    @property
    def roots(self) -> list[Span]:
        """The spans without a parent, earliest first."""
        return list(self._children.get(None, ()))

    @property
    def orphans(self) -> list[Span]:
        """The spans whose parent is not in the trace."""
        return [
            span for span in self.spans if span.parent_id is not None and span.parent_id not in self.by_id
        ]

    @property
    def is_whole(self) -> bool:
        """Whether the trace has a root and no orphan, and its backend does not wait for more of it."""
        return bool(self.roots) and not self.orphans and self.state != "IN_PROGRESS"

    def has_arrived(self, spans: int) -> bool:
        """Return whether the trace is whole and has at least so many spans."""
        return self.is_whole and len(self.spans) >= spans

    def children(self, span: Span) -> list[Span]:
        """Return the direct children of a span, earliest first."""
        return list(self._children.get(span.span_id, ()))

    def ancestors(self, span: Span) -> list[Span]:
        """Return the span's ancestors, nearest first; stops where a parent is missing or the chain loops."""
        found: list[Span] = []
        seen = {span.span_id}
        parent = self.by_id.get(span.parent_id or "")
        while parent is not None and parent.span_id not in seen:
            found.append(parent)
            seen.add(parent.span_id)
            parent = self.by_id.get(parent.parent_id or "")
        return found

    def path(self, span: Span) -> str:
        """Return the names from the root down to the span, as `agent > tools > get_weather`."""
        return " > ".join(part.name for part in [*reversed(self.ancestors(span)), span])

    def of_kind(self, kind: str) -> list[Span]:
        """Return the spans of one OpenInference kind, earliest first."""
        return sorted((span for span in self.spans if span.kind == kind), key=lambda span: span.start_ns)


@dataclass(frozen=True)
class Arrival:
    """A trace in a backend, and when it was first seen whole: seconds since the epoch, None for never."""

    trace: Trace
    whole_at: float | None
