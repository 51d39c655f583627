"""One trace under evaluation: what is known of its question, its spans, and how a violation is reported."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from agent.client import Question
from contracts.search import Found, TextSearch
from contracts.selectors import selects
from messages import excerpt, quoted
from traces.backends import is_kind_made
from traces.model import Span, Trace
from traces.text import Texts, texts_in


@dataclass(frozen=True)
class QuestionTimes:
    """When a question was asked and answered, and when its trace was read.

    Times are seconds since the epoch, by this machine's clock.
    """

    asked: float
    answered: float
    read: float


@dataclass(frozen=True)
class Facts:
    """What was found of the agent and of the cluster, by which a trace is judged.

    `model` is the name of the model that the agent is configured to use, `attribute_limit` how many
    attributes a span of it keeps at most. The cluster's clock is `clock_ahead` seconds ahead of this
    machine's, the agent's `agent_clock_ahead`; times may differ from the cluster's by `clock_tolerance`
    seconds. None is what is not known.
    """

    model: str | None = None
    attribute_limit: int | None = None
    clock_ahead: float | None = None
    agent_clock_ahead: float | None = None
    clock_tolerance: float = 0


@dataclass(frozen=True)
class Expectation:
    """What is known of the question that the trace is about.

    `session` is the contextId, `canaries` are the texts that the tools must have answered, one a tool call;
    `tool_calls` is their number unless given. `times` is when it was asked, None where that is not known.
    """

    session: str
    question: str
    canaries: Sequence[str] = ()
    tool_calls: int | None = None
    times: QuestionTimes | None = None

    def value(self, reference: object) -> Any:  # noqa: ANN401 - whatever the reference stands for
        """Return what `$session`, `$question` or `$tool_calls` stands for, anything else as it is."""
        values = {
            "$session": self.session,
            "$question": self.question,
            "$tool_calls": len(self.canaries) if self.tool_calls is None else self.tool_calls,
        }
        return values.get(reference, reference) if isinstance(reference, str) else reference


def as_sent(trace: Trace) -> Trace:
    """Return a trace without the kinds that its backend made for spans that came without one."""
    spans = tuple(
        replace(span, kind=None) if is_kind_made(trace.backend, span.attributes) else span
        for span in trace.spans
    )
    return replace(trace, spans=spans)


def expect(question: Question, canaries: Sequence[str], tool_calls: int | None) -> Expectation:
    """Return what is known of a question that was asked, and whose trace has been read just now."""
    times = QuestionTimes(question.asked_at, question.answered_at, time.time())
    return Expectation(question.context_id, question.text, canaries, tool_calls, times)


@dataclass(frozen=True)
class Violation:
    """One way in which a trace breaks its contract.

    `span` is where, None for the whole trace; `involved` are the ids of all spans that it is about. `parts`
    are the parts of spans that it is about: a span's id, and an attribute or `input`, `output` or `error`.
    `lacking` is the number of spans that are missing, less than 0 where there are too many.
    """

    rule: str
    path: str
    expected: str
    seen: str
    span: Span | None = field(default=None, repr=False, compare=False)
    involved: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    parts: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False, compare=False)
    lacking: int = field(default=0, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name by which it can be tolerated: a pattern's own, and of a rule its id as one word."""
        return self.rule.removeprefix("patterns.").replace(".", "-")

    @property
    def is_pattern(self) -> bool:
        """Whether it is a pattern: many violations with one cause."""
        return self.rule.startswith("patterns.")

    def __str__(self) -> str:
        """Return the violation as one line; of the whole trace without its id, which the reporter adds."""
        where = f"{self.path}: " if self.span else ""
        return " ".join(f"{self.rule}: {where}expected {self.expected}, seen {self.seen}".split())


@dataclass(frozen=True)
class Unjudged:
    """A rule that says nothing of a trace, and why: what it needs to know cannot be seen."""

    rule: str
    reason: str


Violations = Iterator[Violation | Unjudged]


def start_order(span: Span) -> tuple[int, int, str]:
    """Return by what spans are sorted, so that the earliest is the first."""
    return span.start_ns, span.end_ns, span.span_id


@dataclass(frozen=True)
class Evaluation:
    """One trace, what is known of its question, and what is looked for in all of its texts.

    No message shows what looks like a secret.
    """

    trace: Trace
    expectation: Expectation
    search: TextSearch = field(default_factory=lambda: TextSearch({}))
    facts: Facts = field(default_factory=Facts)

    @cached_property
    def spans(self) -> Sequence[Span]:
        """The trace's spans, earliest first."""
        return sorted(self.trace.spans, key=start_order)

    def is_kept(self, what: str) -> bool:
        """Return whether the trace's backend keeps it; see `not_kept` in traces/backends.py."""
        return what not in self.trace.not_kept

    @cached_property
    def _selections(self) -> dict[str, Sequence[Span]]:
        return {}

    def select(self, selector: str) -> Sequence[Span]:
        """Return the spans that a selector means, earliest first."""
        if selector not in self._selections:
            self._selections[selector] = [span for span in self.spans if selects(selector, span)]
        return self._selections[selector]

    def pick(self, which: str, selector: str) -> Sequence[Span]:
        """Return the `first` or `last` span that a selector means, for any other word all of them."""
        found = self.select(selector)
        match which:
            case "first":
                return found[:1]
            case "last":
                return found[-1:]
        return found

    @cached_property
    def found(self) -> Sequence[tuple[Span, Sequence[Found]]]:
        """The spans in whose texts secrets or canaries were found, earliest first, with what was found."""
        return [(span, found) for span in self.spans if (found := self.search.find(span))]

    @cached_property
    def _texts(self) -> dict[tuple[int, str], Texts]:
        return {}

    def texts_in(self, span: Span, part: str) -> Texts:
        """Return all texts of a span's `input` or `output`."""
        key = id(span), part
        if key not in self._texts:
            self._texts[key] = Texts(texts_in(span, part))
        return self._texts[key]

    def shown(self, value: object) -> str:
        """Return a value without secrets, a text in quotes; of a long one the beginning."""
        return excerpt(self._without_secrets(quoted(value)))

    def violation(
        self,
        rule: str,
        span: Span | None,
        expected: str,
        seen: str,
        **about: Any,  # noqa: ANN401
    ) -> Violation:
        """Return a violation at a span, None for the whole trace; its texts are without secrets.

        `about` is what else is known: `involved` (other spans), `part` (of the span), `parts`, `lacking`.
        """
        path, expected, seen = (
            self._without_secrets(text)
            for text in (self.trace.path(span) if span else f"trace {self.trace.trace_id}", expected, seen)
        )
        if span:
            path = f"{excerpt(path)} [{span.span_id}]"
        ids = {each.span_id for each in (*about.get("involved", ()), *([span] if span else ()))}
        parts = set(about.get("parts", ()))
        if about.get("part"):
            parts.add((span.span_id if span else "", about["part"]))
        ids |= {id_ for id_, _ in parts if id_}
        lacking = about.get("lacking", 0)
        return Violation(rule, path, expected, seen, span, frozenset(ids), frozenset(parts), lacking)

    @cached_property
    def _shown(self) -> dict[str, str]:
        return {}

    def _without_secrets(self, text: str) -> str:
        """Return a text without secrets; many violations have the same texts."""
        if text not in self._shown:
            shown = text
            for pattern in self.search.secrets.values():
                shown = pattern.sub("(secret)", shown)
            self._shown[text] = shown
        return self._shown[text]
