"""When spans ran: time, order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from contracts.evaluation import Evaluation, QuestionTimes, Unjudged, Violations, start_order
from contracts.selectors import ORDER, parse_sentence
from messages import MOST_NAMED, named
from traces.model import Span

NS_PER_MS = 1e6
NS_PER_S = 1e9


def time(evaluation: Evaluation, section: Mapping[str, float]) -> Violations:
    """Check that spans are of now, end after they start, and lie within their parent and the root."""
    if section.get("now"):
        yield from _now(evaluation)
    for span in evaluation.spans:
        if span.end_ns < span.start_ns:
            early = (span.start_ns - span.end_ns) / NS_PER_MS
            yield evaluation.violation(
                "time.duration", span, "an end after its start", f"an end {early:.3f} ms before it"
            )
    root = next(iter(evaluation.trace.roots), None)
    for span in evaluation.spans:
        parent = evaluation.trace.by_id.get(span.parent_id or "")
        for key, outer in (("outside_parent_ms", parent), ("outside_root_ms", root)):
            if outer is None or key not in section:
                continue
            early, late = outer.start_ns - span.start_ns, span.end_ns - outer.end_ns
            if max(early, late) / NS_PER_MS > section[key]:
                yield evaluation.violation(
                    f"time.{key.removesuffix('_ms').replace('_', '-')}",
                    span,
                    f"at most {section[key]} ms outside {outer.name} [{outer.span_id}]",
                    f"{early / NS_PER_MS:.3f} ms before its start"
                    if early > late
                    else f"{late / NS_PER_MS:.3f} ms after its end",
                    involved=[outer],
                )


def _now(evaluation: Evaluation) -> Violations:
    """Check that the spans are of the question's time, by the cluster's clock.

    None starts before the question was asked, no root after it was answered, and none ends after the trace
    was read.
    """
    times, ahead = evaluation.expectation.times, evaluation.facts.clock_ahead
    if times is None:
        return
    if ahead is None:
        yield Unjudged("time.now", "the cluster's clock is not known: its API server names no time")
        return
    apart = {span.span_id: _seconds_apart(span, times, ahead) for span in evaluation.spans}
    wrong = [span for span in evaluation.spans if abs(apart[span.span_id]) > evaluation.facts.clock_tolerance]
    if wrong:
        first = wrong[0]
        asked, answered = _clock(times.asked + ahead), _clock(times.answered + ahead)
        expected = f"times of the question, {asked} to {answered} by the cluster's clock"
        start, end = _clock(first.start_ns / NS_PER_S), _clock(first.end_ns / NS_PER_S)
        seen = (
            f"{len(wrong)} of {len(evaluation.spans)} spans at other times: this one from {start} to {end}, "
            f"{_apart(apart[first.span_id])}{_agents_clock(evaluation)}"
        )
        yield evaluation.violation("time.now", first, expected, seen, involved=wrong)


def _seconds_apart(span: Span, times: QuestionTimes, ahead: float) -> float:
    """Return by how many seconds a span is too early (less than 0) or too late (more than 0)."""
    start, end = span.start_ns / NS_PER_S - ahead, span.end_ns / NS_PER_S - ahead
    if start < times.asked:
        return start - times.asked
    late = [end - times.read]
    if span.parent_id is None:
        late.append(start - times.answered)
    return max(0.0, *late)


def _agents_clock(evaluation: Evaluation) -> str:
    """Return what is known of the agent's own clock."""
    facts = evaluation.facts
    if facts.agent_clock_ahead is None or facts.clock_ahead is None:
        return ""
    apart = facts.agent_clock_ahead - facts.clock_ahead
    if abs(apart) <= facts.clock_tolerance:
        return "; the clock that the agent dates its answers by is right"
    return f"; so is the clock that the agent dates its answers by: {_apart(apart)}"


def _apart(seconds: float) -> str:
    return f"{timedelta(seconds=round(abs(seconds)))} {'too late' if seconds > 0 else 'too early'}"


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def order(evaluation: Evaluation, section: Mapping[str, str]) -> Violations:
    """Check which spans start after others have ended, or end before others start."""
    for name, sentence in section.items():
        rule = parse_sentence(ORDER, sentence)
        others = _Others(evaluation.select(rule["other"]), rule["how"])
        for span in evaluation.pick(rule["which"], rule["span"]):
            wrong = others.count_wrong(span)
            if wrong if rule["all"] == "every" else wrong == others.count_beside(span):
                ids = others.list_wrong(span)
                seen = f"it is not {rule['how']} {ids}" if wrong else f"no {rule['other']}"
                yield evaluation.violation(f"order.{name}", span, sentence, seen)


class _Others:
    """Spans which others must come `after`, or `before`: they are sorted once, and not compared with each."""

    def __init__(self, spans: Sequence[Span], how: str) -> None:
        """Take spans over, earliest first."""
        self._is_after = how == "after"
        self._spans = sorted(spans, key=attrgetter("end_ns")) if self._is_after else spans
        self._times = [span.end_ns if self._is_after else span.start_ns for span in self._spans]
        self._ids = {id(span) for span in spans}

    def count_beside(self, span: Span) -> int:
        """Return how many spans there are beside a span."""
        return len(self._spans) - (id(span) in self._ids)

    def count_wrong(self, span: Span) -> int:
        """Return how many of them, beside itself, a span does not come after, or before."""
        places = self._find_wrong(span)
        return len(places) - (id(span) in self._ids and span.start_ns < span.end_ns)

    def list_wrong(self, span: Span) -> str:
        """Return the ids of those; of many the first, and how many they are."""
        places = self._find_wrong(span)[: MOST_NAMED + 1]
        found = [other for other in self._spans[places.start : places.stop] if other is not span]
        ids = [other.span_id for other in sorted(found[:MOST_NAMED], key=start_order)]
        return named(ids, self.count_wrong(span))

    def _find_wrong(self, span: Span) -> range:
        if self._is_after:
            return range(bisect_right(self._times, span.start_ns), len(self._times))
        return range(bisect_left(self._times, span.end_ns))
