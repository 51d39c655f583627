"""What traces have in common, section by section of a contract.

A rule is returned only where it holds in every sample, and where some sample has what it is about. What is
left open is said in the section's comment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.contract import Contract
from contracts.contract_text import Section
from contracts.evaluation import Violation
from contracts.judgement import judge
from contracts.privacy import Privacy
from contracts.rules.tokens import sum_tokens
from contracts.samples import Sample, SpanGroup
from contracts.selectors import selects
from contracts.stable_values import find_checks, find_keys
from traces.model import Span

CLOCKS = 1  # milliseconds that a child's clock may differ from its parent's
# The rules that are tried, by section.
CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "time": {"outside_parent_ms": CLOCKS, "outside_root_ms": CLOCKS},
    "order": {
        "model-asked-first": "each ANY_TOOL after any ANY_LLM",
        "model-answers-last": "last ANY_LLM after every ANY_TOOL",
    },
    "causality": {
        "model-chooses-tool-input": {"text": "each ANY_TOOL input", "in": "previous ANY_LLM output"},
        "tool-output-reaches-model": {"text": "each ANY_TOOL output", "in": "next ANY_LLM input"},
        "model-output-is-the-answer": {"text": "last ANY_LLM output", "in": "every ROOT output"},
        "canary-comes-from-tool": {"text": "$canaries", "in": "any ANY_TOOL output"},
        "canary-reaches-model": {"text": "$canaries", "in": "last ANY_LLM input"},
        "canary-reaches-answer": {"text": "$canaries", "in": "every ROOT output"},
    },
    "tokens": {"counted_by": "ANY_LLM", "add_up": True},
}
COMMENTS: Mapping[str, str] = {
    "time": "No span outlasts its parent or the root.",
    "order": "The model chooses its tools before they run, and answers after them.",
    "causality": "What one span says is found in another, from the question to the answer. A canary is a "
    "value that only the tool can know; the suites pick it from each question's own trace.",
    "tokens": "Which spans count tokens, and that prompt and completion make the total.",
}


@dataclass(frozen=True)
class Seen:
    """What was seen: the samples, the groups of their spans, and what may be copied from them."""

    samples: Sequence[Sample]
    groups: Sequence[SpanGroup]
    privacy: Privacy

    def violations(self, contract: Contract) -> Iterator[Violation]:
        """Yield the violations of a contract in all samples."""
        for sample in self.samples:
            yield from judge(contract, sample.trace, sample.expectation).violations

    def holds(self, section: str, rules: object) -> bool:
        """Return whether a section with these rules holds in all samples."""
        return next(self.violations(Contract("", "", {section: rules})), None) is None

    def is_about_something(self, rule: object) -> bool:
        """Return whether the samples have what a rule names: spans of a kind in one, canaries in all."""
        text = str(rule)
        named = [name for name in ("ANY_LLM", "ANY_TOOL") if name in text]
        has_spans = all(any(selects(name, span) for span in self._spans()) for name in named)
        return has_spans and ("$canaries" not in text or all(sample.canaries for sample in self.samples))

    @property
    def counts_tokens(self) -> bool:
        """Whether some span counts tokens."""
        return any(sum_tokens(self._spans()).values())

    def find_group(self, span: Span) -> SpanGroup:
        """Return the first group that a span belongs to."""
        return next(group for group in self.groups if selects(group.selector, span))

    def _spans(self) -> Iterator[Span]:
        return (span for sample in self.samples for span in sample.trace.spans)


def learn_sections(seen: Seen) -> list[Section]:
    """Return the sections of a contract, without those of which nothing was learned."""
    found = [
        _roots(seen),
        _orphans(seen),
        _counts(seen),
        _tree(seen),
        *(_tried(seen, name) for name in ("time", "order")),
        _attributes(seen),
        _identity(seen),
        _tried(seen, "causality"),
        _tried(seen, "tokens") if seen.counts_tokens else None,
        _status(seen),
        _state(seen),
    ]
    return [section for section in found if section is not None]


def _tried(seen: Seen, name: str) -> Section | None:
    rules: dict[str, Any] = {}
    broken = []
    for key, rule in CANDIDATES[name].items():
        if seen.is_about_something(rule):
            if seen.holds(name, {key: rule}):
                rules[key] = rule
            else:
                broken.append(key)
    comment = COMMENTS[name] + (f" Left open, as it does not hold: {', '.join(broken)}." if broken else "")
    return Section(name, rules, comment) if rules else None


def _roots(seen: Seen) -> Section:
    numbers = {len(sample.trace.roots) for sample in seen.samples}
    rules: dict[str, Any] = {"count": _number(numbers)}
    selectors = {seen.find_group(root).selector for sample in seen.samples for root in sample.trace.roots}
    if len(selectors) == 1:
        rules["span"] = selectors.pop()
    return Section("roots", rules, "Which spans have no parent.")


def _orphans(seen: Seen) -> Section | None:
    allowed = {seen.find_group(span).selector for sample in seen.samples for span in sample.trace.orphans}
    comment = "These spans' parents never arrive: a filter drops them, or nobody sends them."
    return Section("orphans", {"allowed": sorted(allowed)}, comment) if allowed else None


def _counts(seen: Seen) -> Section:
    """Return how many spans there are: where all samples have the same, `*` stands for all of them."""
    varied = [group.selector for group in seen.groups if len(group.numbers) > 1]
    rules: dict[str, Any] = {} if varied else {"*": len(seen.samples[0].trace.spans)}
    rules |= {group.selector: _number(group.numbers) for group in seen.groups}
    comment = "How many spans there are: in all, and of each kind and name."
    if varied:
        comment = f"How many spans there are. The least number seen, as it varied, of: {', '.join(varied)}."
        if all(min(group.numbers) for group in seen.groups):
            rules["other"] = 0
            comment += " There are no others."
    return Section("counts", rules, comment)


def _number(numbers: set[int]) -> int | dict[str, int]:
    return min(numbers) if len(numbers) == 1 else {"min": min(numbers)}


def _tree(seen: Seen) -> Section | None:
    rules: dict[str, str] = {}
    varied = []
    for group in seen.groups:
        parents = {
            seen.find_group(parent).selector
            for sample, span in group.members
            if (parent := sample.trace.by_id.get(span.parent_id or ""))
        }
        sentences = [f"each {group.selector} directly below {parent}" for parent in parents]
        if len(sentences) == 1 and seen.holds("tree", {"place": sentences[0]}):
            rules[_rule_name(sentences[0], rules)] = sentences[0]
        elif parents:
            varied.append(group.selector)
    comment = "Which span is below which."
    if varied:
        comment += f" Left open, as these are found in several places: {', '.join(varied)}."
    return Section("tree", rules, comment) if rules else None


def _rule_name(sentence: str, taken: Collection[str]) -> str:
    """Return a name for a sentence: its words without the kinds, and a number where that is taken."""
    words = re.sub(r"[A-Z_*]+:|^each | directly", "", sentence).lower()
    name = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    return name if name not in taken else f"{name}-{len(taken)}"


def _attributes(seen: Seen) -> Section | None:
    rules: dict[str, Any] = {}
    comments = {}
    for group in seen.groups:
        checks = {
            key: check
            for key, check in find_checks(group, seen.privacy).items()
            if seen.holds("attributes", {group.selector: {"required": {key: check}}})
        }
        if checks:
            rules[group.selector] = {"required": checks}
            some = [key for key in find_keys(group) if key not in checks]
            comments[group.selector] = f"Left open, as not all have it: {', '.join(some)}." if some else ""
    comment = (
        "What spans carry. A value stands here only where all these spans have it, and where neither the "
        "question nor the answer has it."
    )
    return Section("attributes", rules, comment, comments) if rules else None


def _identity(seen: Seen) -> Section | None:
    rules: dict[str, Any] = {}
    session = {"is": {"equals": "$session"}}
    service = [{"equals": name} for name in _services(seen)]
    for name, key, rest in (
        ("session", {"attribute": "session.id"}, session),
        ("conversation", {"attribute": "gen_ai.conversation.id"}, session),
        ("user", {"attribute": "user.id"}, {}),
        *(("service", {"resource": "service.name"}, {"is": value}) for value in service),
    ):
        for where in ("*", "ROOT"):
            required = {**key, "required_on": where, **rest}
            if seen.holds("identity", {name: required}):
                rules[name] = required
                break
    return Section("identity", rules, "What the whole trace shares.") if rules else None


def _services(seen: Seen) -> list[str]:
    """Return the service's name, none where several are seen, or where no backend keeps it."""
    names = {
        str(span.resource.get("service.name"))
        for sample in seen.samples
        if "resource" not in sample.trace.not_kept
        for span in sample.trace.spans
    }
    return list(names) if len(names) == 1 and not any(map(seen.privacy.hides_text, names)) else []


def _status(seen: Seen) -> Section:
    by_group = {
        group.selector: tuple(sorted({span.status for _, span in group.members})) for group in seen.groups
    }
    ((usual, _),) = Counter(by_group.values()).most_common(1)
    others = {selector: statuses for selector, statuses in by_group.items() if statuses != usual}
    rules = {
        selector: statuses[0] if len(statuses) == 1 else list(statuses)
        for selector, statuses in {"*": usual, **others}.items()
    }
    return Section("status", rules, "How all spans end" + (", and which end otherwise." if others else "."))


def _state(seen: Seen) -> Section | None:
    states = {sample.trace.state for sample in seen.samples if "state" not in sample.trace.not_kept}
    return Section("state", states.pop(), "The whole trace, in MLflow.") if len(states) == 1 else None
