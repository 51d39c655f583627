"""What follows from what: causality between the texts of spans, canaries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from contracts.evaluation import Evaluation, Unjudged, Violations
from contracts.selectors import PLACE, TEXT, parse_sentence
from messages import named
from traces.model import Span
from traces.text import content, texts_in

MOST_INVOLVED = 100  # spans that one violation is about


@dataclass(frozen=True)
class _Text:
    """A text to look for: what it is, what it says, and the span that it is of, if any, and of which part."""

    what: str
    content: str | None
    source: Span | None = None
    part: str = ""


class _Place:
    """Spans in whose input or output texts must be; they are sorted once for all of these texts.

    `which` are they (first, last, next, previous, every, any) of those that the selector `span` means.
    """

    def __init__(self, evaluation: Evaluation, which: str, span: str, part: str) -> None:
        """Find the spans."""
        self.which, self.span, self.part = which, span, part
        self._evaluation, self._spans = evaluation, evaluation.pick(which, span)
        self._ids = {id(each) for each in self._spans}
        self._starts = [each.start_ns for each in self._spans]
        self._by_end = sorted(self._spans, key=attrgetter("end_ns"))
        self._ends = [each.end_ns for each in self._by_end]

    def __str__(self) -> str:
        """Return which spans these are."""
        the = "" if self.which in ("any", "every") else "the "
        return f"{the}{self.which} {self.span}"

    def find_missing(self, text: str, source: Span | None) -> Sequence[Span] | None:
        """Return the spans that lack a text of a span, of many the first; none where there is no such span.

        None where the text is in its place.
        """
        if self.which == "any" and any(self._has(each, text) for each in self._likely(text, source)):
            return None
        targets = self._targets(source)
        missing = [each for each in targets if not self._has(each, text)]
        is_there = len(missing) < len(targets) if self.which == "any" else not missing
        return None if targets and is_there else missing[:MOST_INVOLVED]

    def _has(self, span: Span, text: str) -> bool:
        return self._evaluation.texts_in(span, self.part).contain(text)

    @cached_property
    def _holders(self) -> Mapping[str, Sequence[Span]]:
        """Two of the spans with each text: one may be that which the text is of."""
        found: defaultdict[str, list[Span]] = defaultdict(list)
        for span in self._spans:
            for text in self._evaluation.texts_in(span, self.part).whole:
                found[text] = [*found[text], span][:2]
        return found

    def _likely(self, text: str, source: Span | None) -> Iterator[Span]:
        return (span for span in self._holders.get(text.strip(), ()) if span is not source)

    def _targets(self, source: Span | None) -> Sequence[Span]:
        """Return the spans that are meant, seen from the span that a text is of."""
        if source is not None and self.which == "next":
            place = bisect_left(self._starts, source.end_ns)
            return [span for span in self._spans[place : place + 2] if span is not source][:1]
        if source is not None and self.which == "previous":
            place = bisect_right(self._ends, source.start_ns)
            return [span for span in self._by_end[max(0, place - 2) : place] if span is not source][-1:]
        if source is None or id(source) not in self._ids:
            return self._spans
        return [span for span in self._spans if span is not source]


def causality(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that the text of one span is contained in another's."""
    for name, rule in section.items():
        if rule["text"] == "$canaries" and not evaluation.expectation.canaries:
            yield Unjudged(f"causality.{name}", "the tool's answer has no value that only the tool can know")
            continue
        place = _Place(evaluation, **parse_sentence(PLACE, rule["in"]))
        for text in _texts(evaluation, rule["text"]):
            if text.content is None and rule.get("where_kept"):
                continue
            yield from _contained(evaluation, f"causality.{name}", text, place)


def canaries(evaluation: Evaluation, _: Mapping[str, Any]) -> Violations:
    """Check that no canary of another question is anywhere in the trace."""
    own = set(evaluation.expectation.canaries)
    expected = f"no canary but {named(sorted(own))}" if own else "no canary"
    for span, found in evaluation.found:
        foreign = {canary for each in found for canary in each.canaries} - own
        for canary in sorted(foreign):
            yield evaluation.violation("canaries.foreign", span, expected, canary)


def _contained(evaluation: Evaluation, rule: str, text: _Text, place: _Place) -> Violations:
    """Yield a violation where a text is not in its place."""
    if text.content is None:
        yield evaluation.violation(rule, text.source, text.what, "none", part=text.part)
        return
    missing = place.find_missing(text.content, text.source)
    if missing is None:
        return
    expected = f"{text.what} in the {place.part} of {place}: {evaluation.shown(text.content)}"
    if not missing:
        where = {"next": " after it", "previous": " before it"}.get(place.which, "")
        yield evaluation.violation(rule, text.source, expected, f"no {place.span}{where}")
        return
    seen = content(missing[0], place.part) or texts_in(missing[0], place.part)
    last = evaluation.shown(seen[-1]) if seen else "no text"
    several = f", the last of {len(seen)} texts" if len(seen) > 1 else ""
    parts = {(target.span_id, place.part) for target in missing}
    if text.source:
        parts.add((text.source.span_id, text.part))
    yield evaluation.violation(rule, missing[0], expected, f"{last}{several}", involved=missing, parts=parts)


def _texts(evaluation: Evaluation, reference: str) -> Iterator[_Text]:
    """Yield the texts that a contract's words mean; one without content for a span that has no such text."""
    expectation = evaluation.expectation
    if reference == "$question":
        yield _Text("the question", expectation.question)
    elif reference == "$canaries":
        for canary in expectation.canaries:
            yield _Text("the canary", canary)
    else:
        rule = parse_sentence(TEXT, reference)
        for span in evaluation.pick(rule["which"], rule["span"]):
            what = f"the {rule['part']} of {span.name} [{span.span_id}]"
            texts: Sequence[str | None] = content(span, rule["part"]) or [None]
            yield from (_Text(what, text, span, rule["part"]) for text in texts)
