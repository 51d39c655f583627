"""One trace under evaluation: what is known of its question, its spans, and how a violation is reported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contracts.selectors import selects
from traces.messages import excerpt, quoted
from traces.model import Span, Trace


@dataclass(frozen=True)
class Expectation:
    """What is known of the question that the trace is about.

    `session` is the contextId, `canaries` are the texts that the tools must have answered, one a tool call;
    `tool_calls` is their number unless given.
    """

    session: str
    question: str
    canaries: Sequence[str] = ()
    tool_calls: int | None = None

    def value(self, reference: object) -> Any:  # noqa: ANN401 - whatever the reference stands for
        """Return what `$session`, `$question` or `$tool_calls` stands for, anything else as it is."""
        values = {
            "$session": self.session,
            "$question": self.question,
            "$tool_calls": len(self.canaries) if self.tool_calls is None else self.tool_calls,
        }
        return values.get(reference, reference) if isinstance(reference, str) else reference


@dataclass(frozen=True)
class Violation:
    """One way in which a trace breaks its contract."""

    rule: str
    path: str
    expected: str
    seen: str
    span: Span | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The rule's id as one word, by which it can be tolerated: `tokens-doubled`."""
        return self.rule.replace(".", "-")

    def __str__(self) -> str:
        """Return the violation as one line."""
        return " ".join(f"{self.rule}: {self.path}: expected {self.expected}, seen {self.seen}".split())


Violations = Iterator[Violation]


@dataclass(frozen=True)
class Evaluation:
    """One trace, what is known of its question, and the patterns of texts that no message may show."""

    trace: Trace
    expectation: Expectation
    secrets: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def spans(self) -> Sequence[Span]:
        """The trace's spans, earliest first."""
        return sorted(self.trace.spans, key=lambda span: (span.start_ns, span.end_ns, span.span_id))

    def is_kept(self, what: str) -> bool:
        """Return whether the trace's backend keeps it; see `not_kept` in traces/backends.py."""
        return what not in self.trace.not_kept

    def select(self, selector: str) -> list[Span]:
        """Return the spans that a selector means, earliest first."""
        return [span for span in self.spans if selects(selector, span)]

    def pick(self, which: str, selector: str) -> list[Span]:
        """Return the `first` or `last` span that a selector means, for any other word all of them."""
        found = self.select(selector)
        return {"first": found[:1], "last": found[-1:]}.get(which, found)

    def shown(self, value: object) -> str:
        """Return a value without secrets, a text in quotes; of a long one the beginning."""
        return excerpt(self._without_secrets(quoted(value)))

    def violation(self, rule: str, span: Span | None, expected: str, seen: str) -> Violation:
        """Return a violation at a span, None for the whole trace; its texts are without secrets."""
        path = f"{self.trace.path(span)} [{span.span_id}]" if span else f"trace {self.trace.trace_id}"
        path, expected, seen = (self._without_secrets(text) for text in (path, expected, seen))
        return Violation(rule, path, expected, seen, span)

    def _without_secrets(self, text: str) -> str:
        for pattern in self.secrets.values():
            text = re.sub(pattern, "(secret)", text)
        return text
