"""Which violations follow from which other ones, so that what has one cause is reported once.

A violation follows from another where both have a key of an explanation: one explains what has the key, the
other has it. A key is a span, a part of a span, a kind of spans, or a word for the whole trace. So no
violation is compared with every other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from heapq import merge
from typing import NamedTuple

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


class _Keys(NamedTuple):
    """The keys under which a violation explains others, and those under which it follows from others."""

    explains: Collection[Hashable] = ()
    follows: Collection[Hashable] = ()


@dataclass(frozen=True)
class _Judged:
    """A trace and the contract that it was judged by."""

    contract: Contract
    trace: Trace

    @cached_property
    def _spans(self) -> Mapping[str, list[Span]]:
        """The spans by id: several where a span came twice."""
        spans: defaultdict[str, list[Span]] = defaultdict(list)
        for span in self.trace.spans:
            spans[span.span_id].append(span)
        return spans

    @cached_property
    def _kinds(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _demands(self) -> Sequence[tuple[str, frozenset[str]]]:
        """What the contract wants below which kinds: a selector, and those kinds."""
        sentences = [parse_sentence(TREE, text) for text in self.contract.sections.get("tree", {}).values()]
        return [
            (sentence["span"], find_kinds(sentence["above"]))
            for sentence in sentences
            if sentence["how"] == "each"
        ]

    def kinds(self, violation: Violation) -> frozenset[str]:
        """Return the kinds of spans that a violation's rule speaks of."""
        if violation.rule not in self._kinds:
            self._kinds[violation.rule] = self._find_kinds(violation.rule)
        return self._kinds[violation.rule]

    def _find_kinds(self, rule: str) -> frozenset[str]:
        section, _, name = rule.partition(".")
        if section in ("counts", "attributes", "status"):
            return find_kinds(name)
        if section == "roots":
            return find_kinds(str(self.contract.sections["roots"].get("span", "")))
        if section == "causality":
            words = self.contract.sections["causality"][name]
            return find_kinds(f"{words['text']} {words['in']}")
        if section in ("order", "tree"):
            return find_kinds(str(self.contract.sections[section][name]))
        return frozenset()

    def kinds_above(self, violation: Violation) -> frozenset[str]:
        """Return the kinds of spans that must be above the spans that a violation is about."""
        return frozenset(
            kind
            for span in self.spans(violation)
            for selector, kinds in self._demands
            if selects(selector, span)
            for kind in kinds
        )

    def spans(self, violation: Violation) -> list[Span]:
        """Return the spans that a violation is about."""
        return [span for span_id in violation.involved for span in self._spans.get(span_id, ())]

    def key(self, span: Span) -> Hashable:
        """Return a key that a span shares with those that are equal to it."""
        return span.span_id, self._spans[span.span_id].index(span)


def find_causes(contract: Contract, trace: Trace, violations: Sequence[Violation]) -> list[int]:
    """Return for each violation the number of the one that it follows from in the end, its own for none."""
    judged, causes = _Judged(contract, trace), list(range(len(violations)))
    every = (_Index(explanation, judged, violations) for explanation in _EXPLANATIONS)
    indexes = [index for index in every if index.explains_any]
    for number in causes[:]:
        causes[number] = next(
            (
                other
                for index in indexes
                for other in index.find(number)
                if _last_cause(other, causes) != number
            ),
            number,
        )
    return [_last_cause(number, causes) for number in range(len(violations))]


def _last_cause(number: int, causes: list[int]) -> int:
    """Return the cause that has none itself; shorten the way to it, which many violations may share."""
    while causes[number] != number:
        causes[number] = causes[causes[number]]
        number = causes[number]
    return number


@dataclass(frozen=True)
class _Explanation:
    """How violations explain others.

    `keys` gives those of a violation. Where `only_earlier`, a violation explains none that was found before
    it; where `other_rules`, none of its own rule.
    """

    keys: Callable[[_Judged, Violation], _Keys]
    only_earlier: bool = False
    other_rules: bool = False


class _Index:
    """Finds by an explanation which violations explain which others."""

    def __init__(self, explanation: _Explanation, judged: _Judged, violations: Sequence[Violation]) -> None:
        """Put the violations under the keys of what they explain."""
        self._explanation, self._violations = explanation, violations
        # Numbers of violations by key and rule, each list from the first to the last.
        self._causes: defaultdict[Hashable, dict[str, list[int]]] = defaultdict(dict)
        self._follows: dict[int, Collection[Hashable]] = {}
        for number, violation in enumerate(violations):
            explains, follows = explanation.keys(judged, violation)
            for key in set(explains):
                self._causes[key].setdefault(violation.rule, []).append(number)
            if follows:
                self._follows[number] = follows

    @property
    def explains_any(self) -> bool:
        """Whether any of the violations may explain another."""
        return bool(self._causes)

    def find(self, number: int) -> Iterator[int]:
        """Yield the numbers of the violations that explain one, the first found first."""
        own_rule = self._violations[number].rule if self._explanation.other_rules else None
        found = [
            numbers
            for key in set(self._follows.get(number, ()))
            for rule, numbers in self._causes.get(key, {}).items()
            if rule != own_rule
        ]
        for other in merge(*found):
            if other >= number and self._explanation.only_earlier:
                return
            yield other


def _pattern(_: _Judged, violation: Violation) -> _Keys:
    """Say what a pattern explains: rules wherever they are broken, and rules at its spans."""
    explains: list[Hashable] = []
    if violation.rule in _EXPLAINED_ANYWHERE:
        explains.append(violation.rule)
    if violation.rule in _EXPLAINED_THERE:
        explains += ((violation.rule, span_id) for span_id in violation.involved)
    follows: list[Hashable] = [
        pattern for pattern, rules in _EXPLAINED_ANYWHERE.items() if _is_any_of(violation, *rules)
    ]
    for pattern, rules in _EXPLAINED_THERE.items():
        if _is_any_of(violation, *rules):
            follows += ((pattern, span_id) for span_id in violation.involved)
    return _Keys(explains, follows)


def _span_twice(_: _Judged, violation: Violation) -> _Keys:
    """Say that a span that came twice explains that there are too many."""
    is_effect = violation.lacking < 0 or violation.rule == "tokens.counted-once"
    return _Keys(["twice"] if violation.rule == "spans.unique-id" else [], ["twice"] if is_effect else [])


def _missing_root(judged: _Judged, violation: Violation) -> _Keys:
    """Say that a missing root explains what lacks it."""
    if violation.rule == "roots.count":
        return _Keys(["trace", *judged.kinds(violation)] if violation.lacking > 0 else [])
    is_of_trace = violation.rule in ("orphans.allowed", "state.trace")
    return _Keys(follows=["trace"] if is_of_trace else _lacked_kinds(judged, violation))


def _second_root(judged: _Judged, violation: Violation) -> _Keys:
    """Say that a root too many explains what is wrong with it."""
    kinds = judged.kinds(violation) if violation.lacking < 0 else ()
    if violation.rule == "roots.count":
        return _Keys([*violation.involved, *kinds] if violation.lacking < 0 else [])
    is_at_span = _is_any_of(violation, "roots.span", "tree.*", "attributes.ROOT.*")
    return _Keys(follows=[*(violation.involved if is_at_span else ()), *kinds])


def _orphan(judged: _Judged, violation: Violation) -> _Keys:
    """Say that a parent that is missing explains that spans are missing above those below it."""
    if violation.rule == "orphans.allowed" and violation.span is not None:
        loop = [LOOP] if violation.seen == LOOP else []
        return _Keys([*loop, judged.key(violation.span), *judged.kinds_above(violation)], loop)
    if violation.rule.startswith("tree."):
        above = {
            judged.key(each)
            for span in judged.spans(violation)
            for each in (span, *judged.trace.ancestors(span))
        }
        return _Keys(follows=above)
    return _Keys(follows=judged.kinds(violation) if violation.lacking > 0 else ())


def _unknown_kinds(judged: _Judged, violation: Violation) -> _Keys:
    """Say that spans of a kind that the contract does not count explain that others are missing."""
    explains: list[Hashable] = []
    if violation.rule == "counts.other" and violation.lacking < 0:
        explains = ["kinds", *violation.involved, *range(1, 1 - violation.lacking)]
    follows: list[Hashable] = [violation.lacking] if violation.lacking > 0 else []
    if _is_any_of(violation, "roots.span", "tokens.counted-by", "status.*", "tree.*"):
        follows += violation.involved
    if _is_any_of(violation, "causality.*", "order.*", "tree.*") and judged.kinds(violation):
        follows.append("kinds")
    return _Keys(explains, follows)


def _wrong_root(judged: _Judged, violation: Violation) -> _Keys:
    """Say that a root of another kind explains that there is none of its own."""
    if violation.rule == "roots.span":
        return _Keys([id(violation.span), *judged.kinds(violation)])
    is_at_span = _is_any_of(violation, "status.*", "tree.*")
    return _Keys(follows=[*([id(violation.span)] if is_at_span else ()), *_lacked_kinds(judged, violation)])


def _missing_spans(judged: _Judged, violation: Violation) -> _Keys:
    """Say that spans that are missing explain what lacks them, and others that came in their place."""
    explains: list[Hashable] = []
    if violation.rule.startswith("counts.") and violation.lacking > 0:
        explains = [-violation.lacking, *judged.kinds(violation)]
    follows: list[Hashable] = list(_lacked_kinds(judged, violation))
    if violation.lacking < 0 and violation.rule not in ("counts.other", "roots.count"):
        follows.append(violation.lacking)
    if violation.rule in ("tokens.counted-by", "tokens.trace-total"):
        follows.append("LLM")
    return _Keys(explains, follows)


def _surplus_spans(judged: _Judged, violation: Violation) -> _Keys:
    """Say that spans too many explain that their tokens are too many."""
    is_surplus = violation.rule.startswith("counts.") and violation.lacking < 0
    is_effect = violation.rule in ("tokens.counted-once", "tokens.trace-total")
    return _Keys(judged.kinds(violation) if is_surplus else (), ["LLM"] if is_effect else [])


def _wrong_times(judged: _Judged, violation: Violation) -> _Keys:
    """Say that times that are wrong explain other times, and what follows in time."""
    if violation.rule.startswith("time."):
        spans = judged.spans(violation)
        # Where all are moved alike, nothing that follows in time is lost.
        kinds = {span.kind for span in spans} if len(spans) < len(judged.trace.spans) else set()
        return _Keys([*violation.involved, *kinds], violation.involved)
    is_effect = _is_any_of(violation, "causality.*", "order.*")
    return _Keys(follows=judged.kinds(violation) if is_effect else ())


def _wrong_place(_: _Judged, violation: Violation) -> _Keys:
    """Say that a span in the wrong place explains that it breaks other sentences, and times."""
    is_placed = violation.rule.startswith("tree.") or violation.seen == LOOP
    is_effect = _is_any_of(violation, "tree.*", "time.outside-*")
    place = [id(violation.span)]
    return _Keys(place if is_placed else [], place if is_effect else [])


def _failure(judged: _Judged, violation: Violation) -> _Keys:
    """Say that a span that failed explains the failures above it, and what was not done any more."""
    explains: list[Hashable] = []
    span, is_status = violation.span, violation.rule.startswith("status.")
    if is_status and span is not None and span.status == "ERROR":
        above = [judged.key(each) for each in judged.trace.ancestors(span)]
        explains = ["later", *(("status", key) for key in above), *above, judged.key(span)]
    if is_status:
        return _Keys(explains, [("status", judged.key(span))] if span else [])
    if _is_any_of(violation, "attributes.*", "model.*", "tokens.*"):
        is_lack = span is not None and violation.seen.startswith("no ")
        return _Keys(follows=[judged.key(span)] if span is not None and is_lack else [])
    is_later = violation.lacking > 0 or _is_any_of(violation, "causality.*", "order.*", "state.trace")
    return _Keys(follows=["later"] if is_later else [])


def _error_unsaid(_: _Judged, violation: Violation) -> _Keys:
    """Say that a span that does not say its error explains that it is nowhere else."""
    return _Keys(violation.parts if _is_any_of(violation, "events.*", "status.*") else (), violation.parts)


def _foreign_canary(judged: _Judged, violation: Violation) -> _Keys:
    """Say that another question's canary explains that the own one is missing, or a text another."""
    section, _, name = violation.rule.partition(".")
    if section == "causality":
        is_about_canaries = judged.contract.sections[section][name]["text"] == "$canaries"
        return _Keys(follows=["canaries", *violation.involved] if is_about_canaries else violation.involved)
    return _Keys(["canaries", *violation.involved] if violation.rule == "canaries.foreign" else [])


def _same_topic(_: _Judged, violation: Violation) -> _Keys:
    """Say that a violation explains others of the same part of the same span, or of its trace's sum."""
    here = {(span, _topic(part)) for span, part in violation.parts}
    anywhere = {topic for _, topic in here}
    is_of_trace = violation.span is None or violation.rule.startswith("identity.")
    return _Keys([*here, *anywhere], [*here, *anywhere] if is_of_trace else here)


def _other_attributes(_: _Judged, violation: Violation) -> _Keys:
    """Say that a span that lacks an attribute lacks others too."""
    span = [id(violation.span)] if violation.seen == NO_ATTRIBUTE else []
    return _Keys(span, span)


# The first that explains a violation names its cause.
_EXPLANATIONS = (
    _Explanation(_pattern),
    _Explanation(_span_twice),
    _Explanation(_missing_root),
    _Explanation(_second_root),
    _Explanation(_orphan, only_earlier=True),
    _Explanation(_unknown_kinds),
    _Explanation(_wrong_root),
    _Explanation(_missing_spans),
    _Explanation(_surplus_spans),
    _Explanation(_wrong_times, only_earlier=True),
    _Explanation(_wrong_place, only_earlier=True),
    _Explanation(_failure),
    _Explanation(_error_unsaid),
    _Explanation(_foreign_canary),
    _Explanation(_same_topic, only_earlier=True, other_rules=True),
    _Explanation(_other_attributes, only_earlier=True, other_rules=True),
)


def _lacked_kinds(judged: _Judged, violation: Violation) -> Collection[str]:
    """Return the kinds of spans of which there may be too few for what a violation says."""
    is_lack = violation.lacking > 0 or _is_any_of(violation, "causality.*", "order.*", "tree.*")
    return judged.kinds(violation) if is_lack and violation.rule != "roots.count" else ()


@cache
def _topic(part: str) -> str:
    """Return one word for what has several names."""
    return next((topic for names, topic in _TOPICS.items() if re.fullmatch(names, part)), part)


def _is_any_of(violation: Violation, *rules: str) -> bool:
    return _matches(violation.rule, rules)


@cache
def _matches(rule: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(rule, pattern) for pattern in patterns)
