"""Which violations follow from which other ones, so that what has one cause is reported once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from contracts.contract import Contract
from contracts.evaluation import Violation
from contracts.rules.structure import LOOP
from contracts.rules.values import NO_ATTRIBUTE
from contracts.selectors import TREE, find_kinds, parse_sentence, selects
from traces.model import Span, Trace

_TOPICS: Mapping[str, str] = {
    r"(input|llm\.input_messages|llm\.prompt)\b.*|gen_ai\.(prompt|input.*)|mlflow\.spanInputs": "input",
    r"(output|llm\.output_messages)\b.*|gen_ai\.(completion|output.*)|mlflow\.spanOutputs": "output",
    r"llm\.token_count.*|gen_ai\.usage.*": "tokens",
    r"session\.id|gen_ai\.conversation\.id|mlflow\.trace\.session": "session",
}
# What each pattern explains: rules wherever they are broken, and rules at the spans of the pattern.
_EXPLAINED_ANYWHERE: Mapping[str, Sequence[str]] = {
    "patterns.same-times": ("time.*", "order.*", "tokens.counted-once"),
    "patterns.names-carry-question": ("counts.*:*",),
}
_EXPLAINED_THERE: Mapping[str, Sequence[str]] = {
    "patterns.same-times": ("causality.*",),
    "patterns.attributes-cut": (
        "attributes.*",
        "canaries.*",
        "causality.*",
        "identity.*",
        "model.*",
        "tokens.*",
    ),
    "patterns.attributes-dropped": ("attributes.*", "causality.*", "identity.*", "model.*", "tokens.*"),
    "patterns.names-carry-question": ("roots.span", "status.*", "tree.*"),
    "patterns.tools-mixed-up": ("causality.*",),
}


@dataclass(frozen=True)
class _Judged:
    """A trace and the contract that it was judged by."""

    contract: Contract
    trace: Trace

    def kinds(self, violation: Violation) -> frozenset[str]:
        """Return the kinds of spans that a violation's rule speaks of."""
        section, _, name = violation.rule.partition(".")
        if section in ("counts", "attributes", "status"):
            return find_kinds(name)
        if section == "roots":
            return find_kinds(str(self.contract.sections["roots"].get("span", "")))
        if section == "causality":
            rule = self.contract.sections["causality"][name]
            return find_kinds(f"{rule['text']} {rule['in']}")
        if section in ("order", "tree"):
            return find_kinds(str(self.contract.sections[section][name]))
        return frozenset()

    def kinds_above(self, violation: Violation) -> frozenset[str]:
        """Return the kinds of spans that must be above the spans that a violation is about."""
        sentences = [parse_sentence(TREE, text) for text in self.contract.sections.get("tree", {}).values()]
        return frozenset(
            kind
            for span in self.spans(violation)
            for sentence in sentences
            if sentence["how"] == "each" and selects(sentence["span"], span)
            for kind in find_kinds(sentence["above"])
        )

    def spans(self, violation: Violation) -> list[Span]:
        """Return the spans that a violation is about."""
        return [span for span in self.trace.spans if span.span_id in violation.involved]


def find_causes(contract: Contract, trace: Trace, violations: Sequence[Violation]) -> list[int]:
    """Return for each violation the number of the one that it follows from in the end, its own for none."""
    judged, causes = _Judged(contract, trace), list(range(len(violations)))
    for number, effect in enumerate(violations):
        causes[number] = next(
            (
                other
                for explains, only_earlier in _EXPLANATIONS
                for other, cause in enumerate(violations)
                if (other < number or not only_earlier)
                and explains(judged, cause, effect)
                and _last_cause(other, causes) != number
            ),
            number,
        )
    return [_last_cause(number, causes) for number in range(len(violations))]


def _last_cause(number: int, causes: Sequence[int]) -> int:
    while causes[number] != number:
        number = causes[number]
    return number


def _pattern(_: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a pattern explains a violation."""
    anywhere, there = _EXPLAINED_ANYWHERE.get(cause.rule, ()), _EXPLAINED_THERE.get(cause.rule, ())
    return _is_any_of(effect, anywhere) or (_is_any_of(effect, there) and _share_span(cause, effect))


def _span_twice(_: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a span that came twice explains that there are too many."""
    return cause.rule == "spans.unique-id" and (effect.lacking < 0 or effect.rule == "tokens.counted-once")


def _missing_root(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a missing root explains what lacks it."""
    return (
        cause.rule == "roots.count"
        and cause.lacking > 0
        and (effect.rule in ("orphans.allowed", "state.trace") or _lacks_kind(judged, cause, effect))
    )


def _second_root(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a root too many explains what is wrong with it."""
    rules = ("roots.span", "tree.*", "attributes.ROOT.*")
    is_too_many = cause.rule == "roots.count" and cause.lacking < 0
    return is_too_many and (
        (_is_any_of(effect, rules) and _share_span(cause, effect))
        or (effect.lacking < 0 and bool(judged.kinds(cause) & judged.kinds(effect)))
    )


def _orphan(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a parent that is missing explains that spans are missing above those below it."""
    if cause.rule != "orphans.allowed":
        return False
    if effect.rule == "orphans.allowed":
        return cause.seen == effect.seen == LOOP
    is_below = any(cause.span in (span, *judged.trace.ancestors(span)) for span in judged.spans(effect))
    return (effect.rule.startswith("tree.") and is_below) or (
        effect.lacking > 0 and bool(judged.kinds_above(cause) & judged.kinds(effect))
    )


def _unknown_kinds(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether spans of a kind that the contract does not count explain that others are missing."""
    if cause.rule != "counts.other" or cause.lacking >= 0:
        return False
    at_span = ("roots.span", "tokens.counted-by", "status.*", "tree.*")
    return (
        0 < effect.lacking <= -cause.lacking
        or (_is_any_of(effect, at_span) and _share_span(cause, effect))
        or (_is_any_of(effect, ("causality.*", "order.*", "tree.*")) and bool(judged.kinds(effect)))
    )


def _wrong_root(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a root of another kind explains that there is none of its own."""
    return cause.rule == "roots.span" and (
        _lacks_kind(judged, cause, effect)
        or (_is_any_of(effect, ("status.*", "tree.*")) and cause.span is effect.span)
    )


def _missing_spans(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether spans that are missing explain what lacks them."""
    if not cause.rule.startswith("counts.") or cause.lacking <= 0:
        return False
    is_other_kind = effect.lacking == -cause.lacking and effect.rule not in ("counts.other", "roots.count")
    is_uncounted = effect.rule in ("tokens.counted-by", "tokens.trace-total") and "LLM" in judged.kinds(cause)
    return _lacks_kind(judged, cause, effect) or is_other_kind or is_uncounted


def _surplus_spans(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether spans too many explain that their tokens are too many."""
    is_surplus = cause.rule.startswith("counts.") and cause.lacking < 0 and "LLM" in judged.kinds(cause)
    return is_surplus and effect.rule in ("tokens.counted-once", "tokens.trace-total")


def _wrong_times(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether times that are wrong explain other times, and what follows in time."""
    if not cause.rule.startswith("time."):
        return False
    if effect.rule.startswith("time."):
        return _share_span(cause, effect)
    spans = judged.spans(cause)
    if len(spans) == len(judged.trace.spans):
        return False  # all are moved alike, so that nothing that follows in time is lost
    kinds = {span.kind for span in spans}
    return _is_any_of(effect, ("causality.*", "order.*")) and bool(kinds & judged.kinds(effect))


def _failure(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a span that failed explains the failures above it, and what was not done any more."""
    if not cause.rule.startswith("status.") or cause.span is None or cause.span.status != "ERROR":
        return False
    above = judged.trace.ancestors(cause.span)
    if effect.rule.startswith("status."):
        return effect.span in above
    if _is_any_of(effect, ("attributes.*", "model.*", "tokens.*")):
        return effect.span in (cause.span, *above) and effect.seen.startswith("no ")
    return effect.lacking > 0 or _is_any_of(effect, ("causality.*", "order.*", "state.trace"))


def _wrong_place(_: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a span in the wrong place explains that it breaks other sentences, and times."""
    is_placed = cause.rule.startswith("tree.") or cause.seen == LOOP
    return is_placed and cause.span is effect.span and _is_any_of(effect, ("tree.*", "time.outside-*"))


def _foreign_canary(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether another question's canary explains that the own one is missing, or a text another."""
    if cause.rule != "canaries.foreign" or not effect.rule.startswith("causality."):
        return False
    name = effect.rule.removeprefix("causality.")
    is_about_canaries = judged.contract.sections["causality"][name]["text"] == "$canaries"
    return is_about_canaries or _share_span(cause, effect)


def _error_unsaid(_: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a span that does not say its error explains that it is nowhere else."""
    return _is_any_of(cause, ("events.*", "status.*")) and bool(cause.parts & effect.parts)


def _same_topic(_: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether an earlier violation is about the same part of the same span, or of its trace's sum."""
    if cause.rule == effect.rule:
        return False
    here, there = _topics(cause), _topics(effect)
    of_trace = effect.span is None or effect.rule.startswith("identity.")
    shared = {part for _, part in here} & {part for _, part in there}
    return bool(here & there) or (of_trace and bool(shared))


def _other_attributes(_: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a span lacks other attributes too."""
    are_missing = cause.seen == effect.seen == NO_ATTRIBUTE
    return are_missing and cause.span is effect.span and cause.rule != effect.rule


# The first that explains a violation names its cause, which for some must have been found earlier.
_EXPLANATIONS: Sequence[tuple[Callable[[_Judged, Violation, Violation], bool], bool]] = (
    (_pattern, False),
    (_span_twice, False),
    (_missing_root, False),
    (_second_root, False),
    (_orphan, True),
    (_unknown_kinds, False),
    (_wrong_root, False),
    (_missing_spans, False),
    (_surplus_spans, False),
    (_wrong_times, True),
    (_wrong_place, True),
    (_failure, False),
    (_error_unsaid, False),
    (_foreign_canary, False),
    (_same_topic, True),
    (_other_attributes, True),
)


def _lacks_kind(judged: _Judged, cause: Violation, effect: Violation) -> bool:
    """Return whether a violation is about spans of the kind of which the cause found too few, or none."""
    is_lack = (effect.lacking > 0 and effect.rule != "roots.count") or _is_any_of(
        effect, ("causality.*", "order.*", "tree.*")
    )
    return is_lack and cause.rule != effect.rule and bool(judged.kinds(cause) & judged.kinds(effect))


def _share_span(cause: Violation, effect: Violation) -> bool:
    return bool(cause.involved & effect.involved)


def _topics(violation: Violation) -> set[tuple[str, str]]:
    """Return the parts of spans that a violation is about, with one word for what has several names."""
    return {(span, _topic(part)) for span, part in violation.parts}


@cache
def _topic(part: str) -> str:
    return next((topic for names, topic in _TOPICS.items() if re.fullmatch(names, part)), part)


def _is_any_of(violation: Violation, rules: Sequence[str]) -> bool:
    return any(fnmatchcase(violation.rule, rule) for rule in rules)
