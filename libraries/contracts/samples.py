"""What a contract is learned from: answered questions with their traces, and the groups of their spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.client import Question
from contracts.canaries import pick_canaries, tool_calls
from contracts.evaluation import Expectation
from contracts.privacy import Privacy
from contracts.selectors import selects
from traces.model import Span, Trace

# What is other each time, wherever it stands: UUIDs, hexadecimal ids, long numbers, dates, IP addresses.
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d{5,}|\d{4}-\d\d-\d\d|\d+(\.\d+){3}",
    re.IGNORECASE,
)
_SELECTABLE_KIND = re.compile(r"[A-Z_]+")


@dataclass(frozen=True)
class Sample:
    """A question that the agent answered, and its trace in one backend, as it was sent."""

    question: Question
    trace: Trace

    @cached_property
    def _canaries(self) -> tuple[Sequence[str], str]:
        try:
            return pick_canaries(self.question, self.trace), ""
        except AssertionError as error:
            return (), str(error)

    @property
    def canaries(self) -> Sequence[str]:
        """The values that the answer has from a tool; none where it has none, or no tool was called."""
        return self._canaries[0]

    @property
    def unused_tool(self) -> str:
        """Why the answer has no value of a tool that was called; empty where it has, or none was called."""
        return self._canaries[1] if tool_calls(self.trace) else ""

    @property
    def expectation(self) -> Expectation:
        """What is known of the question."""
        return Expectation(self.question.context_id, self.question.text, self.canaries)


@dataclass(frozen=True)
class SpanGroup:
    """The spans that one selector means, in each sample."""

    selector: str
    spans: Sequence[tuple[Sample, Sequence[Span]]]

    @property
    def numbers(self) -> set[int]:
        """How many such spans a sample has: one number where all have the same."""
        return {len(spans) for _, spans in self.spans}

    @property
    def members(self) -> list[tuple[Sample, Span]]:
        """Each span with its sample."""
        return [(sample, span) for sample, spans in self.spans for span in spans]


def group_spans(samples: Sequence[Sample], privacy: Privacy) -> list[SpanGroup]:
    """Return the groups of the samples' spans by kind and name, in the order in which they began first.

    A kind that backends do not agree on is left out of the selector. What is other each time in a name, and a
    whole name that is private, is `*`.
    """
    kinds: dict[str, set[str | None]] = {}
    for sample in samples:
        for span in sorted(sample.trace.spans, key=lambda span: (span.start_ns, -span.end_ns)):
            kinds.setdefault(_name(span.name, sample, privacy), set()).add(span.kind)
    selectors = dict.fromkeys(f"{_kind(kinds[name])}:{name}" for name in kinds)
    return [
        SpanGroup(
            selector,
            [(each, [span for span in each.trace.spans if selects(selector, span)]) for each in samples],
        )
        for selector in selectors
    ]


def is_other_each_time(text: str) -> bool:
    """Return whether a text has something inside that is other each time, such as an id."""
    return _ID.search(text) is not None


def _kind(kinds: set[str | None]) -> str:
    (kind, *others) = kinds
    return kind if kind and not others and _SELECTABLE_KIND.fullmatch(kind) else "*"


def _name(name: str, sample: Sample, privacy: Privacy) -> str:
    """Return a span's name as a pattern: `*` is other each time, `?` is what selectors cannot say."""
    if privacy.hides_text(name):
        return "*"
    for text in (sample.question.context_id, sample.question.text):
        name = name.replace(text, "*")
    pattern = re.sub(r"\*+", "*", _ID.sub("*", name))
    return re.sub(r"[\[\]]", "?", pattern.replace(" below ", "?below?")) or "*"
