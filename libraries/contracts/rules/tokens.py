"""Token arithmetic, over llm.token_count.* (OpenInference) and gen_ai.usage.* (OpenTelemetry GenAI)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from contracts.evaluation import Evaluation, Unjudged, Violation, Violations
from contracts.selectors import selects
from messages import named
from traces.backends import BACKENDS
from traces.model import Span
from traces.model_calls import Usage, billed_usages

_NAMES: Mapping[str, Sequence[str]] = {
    "prompt": ("llm.token_count.prompt", "gen_ai.usage.input_tokens"),
    "completion": ("llm.token_count.completion", "gen_ai.usage.output_tokens"),
    "total": ("llm.token_count.total", "gen_ai.usage.total_tokens"),
}
_ATTRIBUTES = frozenset(key for keys in _NAMES.values() for key in keys)
_TOKENS = "llm.token_count"  # the attributes that all these rules are about
MOST = 0.5  # of the shorter span's time that two spans of one call share at least
# A span's prompt, completion and total tokens; more than one number where its conventions disagree.
TokenCounts = Mapping[str, set[int]]


def tokens(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check which spans count tokens, that they count each call once, and that the counts add up.

    Where two instrumentations count each call, that is one violation, and the second counts are left out.
    """
    counts = [(span, counts) for span in evaluation.spans if (counts := _counts(span))]
    if "counted_once" in section:
        doubled = _doubled(counts)
        if doubled and _shown(evaluation) != _billed_once(counts, doubled):
            yield _doubled_violation(evaluation, counts, doubled)
        counts = [(span, found) for span, found in counts if span.span_id not in doubled]
    for span, found in counts:
        if "counted_by" in section and not selects(section["counted_by"], span):
            expected = f"tokens only on {section['counted_by']} spans"
            yield evaluation.violation("tokens.counted-by", span, expected, _written(found), part=_TOKENS)
        if "add_up" in section and not _adds_up(found):
            expected = "prompt + completion = total, the same in both conventions"
            yield evaluation.violation("tokens.add-up", span, expected, _written(found), part=_TOKENS)
    if "counted_once" in section:
        yield from _counted_once(evaluation, counts)
    if "billed" in section:
        yield from _billed(evaluation, counts)
    if "trace_total" in section and evaluation.is_kept("tokens"):
        yield from _trace_total(evaluation)


def sum_tokens(spans: Iterable[Span], prefix: str = "") -> dict[str, int]:
    """Return the sums of the prompt, completion and total tokens that spans count.

    `prefix` limits that to the attributes whose names begin so.
    """
    counts = [found for span in spans if (found := _counts(span, prefix))]
    return {name: sum(max(found.get(name, {0})) for found in counts) for name in _NAMES}


def _doubled(counts: Sequence[tuple[Span, TokenCounts]]) -> dict[str, Span]:
    """Return the spans that count a call which a span of another instrumentation counts too, by span id.

    Of the two it is the one without a kind, as OpenInference's kinds are what contracts name; a call that the
    same instrumentation counts twice is none of these.
    """
    of_kinds: defaultdict[Hashable, _InTime] = defaultdict(_InTime)
    for span, found in counts:
        if span.kind is not None:
            of_kinds[_key(found)].add(span)
    doubled: dict[str, Span] = {}
    for span, found in counts:
        others = of_kinds[_key(found)].near(span) if span.kind is None else ()
        same = (other for other in others if span.name != other.name and _is_same_call(span, other))
        other = next(same, None)
        if other is not None:
            doubled[span.span_id] = other
    return doubled


class _InTime:
    """Spans that count the same tokens, which are added from the earliest to the latest."""

    def __init__(self) -> None:
        """Begin without a span."""
        self._spans: list[Span] = []
        self._starts: list[int] = []
        # The latest of the spans up to each: end, and end or start, for some end before they start.
        self._ends: list[int] = []
        self._latest: list[int] = []

    def add(self, span: Span) -> None:
        """Add the next span."""
        self._ends.append(max([span.end_ns, *self._ends[-1:]]))
        self._latest.append(max([span.start_ns, span.end_ns, *self._latest[-1:]]))
        self._spans.append(span)
        self._starts.append(span.start_ns)

    def near(self, span: Span) -> Iterator[Span]:
        """Yield all spans that have some time in common with another, and few besides; the latest first."""
        start, end = sorted((span.start_ns, span.end_ns))
        for place in reversed(range(bisect_right(self._starts, end))):
            if self._latest[place] < start:
                return
            yield self._spans[place]

    def first_around(self, span: Span) -> Span | None:
        """Return the first span that ends when another does or later, or starts when it does."""
        place = bisect_left(self._ends, span.end_ns)
        same_start = bisect_left(self._starts, span.start_ns)
        if self._starts[same_start : same_start + 1] == [span.start_ns]:
            place = min(place, same_start)
        return self._spans[place] if place < len(self._spans) else None


def _key(counts: TokenCounts) -> Hashable:
    return frozenset((name, frozenset(numbers)) for name, numbers in counts.items())


def _is_same_call(span: Span, other: Span) -> bool:
    """Return whether of two spans that count the same tokens one lies within the other in time."""
    inner, outer = sorted((span, other), key=lambda each: each.end_ns - each.start_ns)
    overlap = min(inner.end_ns, outer.end_ns) - max(inner.start_ns, outer.start_ns)
    return overlap >= (inner.end_ns - inner.start_ns) * MOST


def _shown(evaluation: Evaluation) -> Mapping[str, int]:
    """Return the sum that the backend shows; of one that shows none what its spans count together."""
    return evaluation.trace.tokens or sum_tokens(evaluation.spans)


def _billed_once(
    counts: Sequence[tuple[Span, TokenCounts]], doubled: Mapping[str, Span]
) -> Mapping[str, int]:
    return sum_tokens(span for span, _ in counts if span.span_id not in doubled)


def _doubled_violation(
    evaluation: Evaluation, counts: Sequence[tuple[Span, TokenCounts]], doubled: Mapping[str, Span]
) -> Violation:
    title = BACKENDS[evaluation.trace.backend].title
    shown, billed = _shown(evaluation), _billed_once(counts, doubled)
    names = {
        name for id_, other in doubled.items() for name in (other.name, evaluation.trace.by_id[id_].name)
    }
    listed = named(sorted(names))
    seen = (
        f"{title} shows {shown['prompt']} + {shown['completion']} tokens, the model billed "
        f"{billed['prompt']} + {billed['completion']}: two instrumentations count each call ({listed})"
    )
    return evaluation.violation("tokens.doubled", None, "each call to be counted once", seen, part=_TOKENS)


def _counted_once(evaluation: Evaluation, counts: Sequence[tuple[Span, TokenCounts]]) -> Violations:
    """Check that no span counts the same tokens as an earlier one, at the same time."""
    earlier: defaultdict[Hashable, _InTime] = defaultdict(_InTime)
    for span, found in counts:
        alike = earlier[_key(found)]
        other = alike.first_around(span)
        if other is not None:
            seen = f"the same tokens at the same time on {other.name} [{other.span_id}]"
            yield evaluation.violation(
                "tokens.counted-once", span, "each call to be counted once", seen, part=_TOKENS
            )
        alike.add(span)


def _billed(evaluation: Evaluation, counts: Sequence[tuple[Span, TokenCounts]]) -> Violations:
    """Check that model calls count what the model's own answer says was billed."""
    counted = {span.span_id: found for span, found in counts}
    billed = {span.span_id: billed_usages(span) for span in evaluation.select("LLM")}
    if counted and not any(billed.values()):
        yield Unjudged("tokens.billed", "no model call holds an answer that says what was billed")
    for span in evaluation.select("LLM"):
        found, usages = counted.get(span.span_id, {}), billed[span.span_id]
        if usages and not any(_is_billed(found, usage) for usage in usages):
            expected = f"the tokens that the model billed, {usages[0]}, as its answer says"
            yield evaluation.violation(
                "tokens.billed", span, expected, _written(found) or "no tokens", part=_TOKENS
            )


def _is_billed(found: TokenCounts, usage: Usage) -> bool:
    return usage.prompt in found.get("prompt", ()) and usage.completion in found.get("completion", ())


def _trace_total(evaluation: Evaluation) -> Violations:
    """Check the backend's own sum against its spans; it may leave out the counts that it does not sum up."""
    shown = evaluation.trace.tokens or {}
    summed = BACKENDS[evaluation.trace.backend].summed_tokens
    all_counts = sum_tokens(evaluation.spans)
    own_counts = sum_tokens(evaluation.spans, summed) if summed else all_counts
    if all(any(shown.get(name, 0) != sums[name] for name in sums) for sums in (all_counts, own_counts)):
        expected = ", ".join(f"{name} {number}" for name, number in all_counts.items())
        seen = ", ".join(f"{name} {number}" for name, number in shown.items()) or "no sum"
        yield evaluation.violation(
            "tokens.trace-total", None, f"the sum over the spans, {expected}", seen, part=_TOKENS
        )


def _counts(span: Span, prefix: str = "") -> TokenCounts:
    if span.attributes.keys().isdisjoint(_ATTRIBUTES):
        return {}
    found = {
        name: {
            number
            for key in keys
            if key in span.attributes
            and key.startswith(prefix)
            and (number := _number(span.attributes[key])) is not None
        }
        for name, keys in _NAMES.items()
    }
    if found["prompt"] and found["completion"] and not found["total"]:
        found["total"] = {sum(max(found[name]) for name in ("prompt", "completion"))}
    return {name: numbers for name, numbers in found.items() if numbers}


def _number(value: Any) -> int | None:  # noqa: ANN401 - an attribute's value
    """Return a count, also where it came as text; None for what is no number, which `attributes` finds."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _adds_up(counts: TokenCounts) -> bool:
    if any(len(numbers) > 1 for numbers in counts.values()) or len(counts) != len(_NAMES):
        return False
    prompt, completion, total = (max(counts[name]) for name in _NAMES)
    return prompt + completion == total


def _written(counts: TokenCounts) -> str:
    return ", ".join(f"{name} {' or '.join(map(str, sorted(numbers)))}" for name, numbers in counts.items())
