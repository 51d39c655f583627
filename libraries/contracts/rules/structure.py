"""Which spans there are, and how they hang together: spans, roots, orphans, counts, tree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.contract import Contract
from contracts.evaluation import Evaluation, Expectation, Violations, as_sent
from contracts.selectors import TREE, ContractError, parse_sentence, selects
from messages import counted, named
from traces.model import Span, Trace

LOOP = "a loop of parents"


def spans(evaluation: Evaluation) -> Violations:
    """Check that every span has an id of its own and is of this trace."""
    trace = evaluation.trace
    ids = Counter(span.span_id for span in evaluation.spans)
    for span in trace.by_id.values():
        if ids[span.span_id] > 1:
            yield evaluation.violation(
                "spans.unique-id", span, "a span id of its own", f"{ids[span.span_id]} spans with that id"
            )
    for span in evaluation.spans:
        if span.trace_id != trace.trace_id:
            yield evaluation.violation("spans.trace-id", span, f"trace id {trace.trace_id}", span.trace_id)


def roots(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check how many spans have no parent, and what they are."""
    found = evaluation.trace.roots
    if "count" in section:
        yield from _count(evaluation, "roots.count", "root", section["count"], found)
    for span in found:
        if "span" in section and not selects(section["span"], span):
            yield evaluation.violation("roots.span", span, section["span"], f"{span.kind}:{span.name}")


def orphans(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that no span's parent is missing, and that its ancestors lead to a root."""
    trace = evaluation.trace
    for span in evaluation.spans:
        if span.parent_id is None:
            continue
        top = (trace.ancestors(span) or [span])[-1]
        if span.parent_id not in trace.by_id:
            if not any(selects(selector, span) for selector in section["allowed"]):
                yield evaluation.violation(
                    "orphans.allowed", span, "its parent in the trace", f"no span {span.parent_id}"
                )
        elif top.parent_id in trace.by_id:
            yield evaluation.violation("orphans.allowed", span, "ancestors that lead to a root", LOOP)


def counts(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check how many spans each selector means; `other` means those that no other selector does."""
    own = [selector for selector in section if selector != "other"]
    for selector, count in section.items():
        found: Sequence[Span]
        if selector == "other":
            found = [span for span in evaluation.spans if not any(selects(each, span) for each in own)]
        else:
            found = evaluation.select(selector)
        yield from _count(evaluation, f"counts.{selector}", f"{selector} span", count, found)


def tree(evaluation: Evaluation, section: Mapping[str, str]) -> Violations:
    """Check which spans are below which."""
    for name, sentence in section.items():
        rule = parse_sentence(TREE, sentence)
        meant = {id(span) for span in evaluation.select(rule["above"])}
        for span in evaluation.select(rule["span"]):
            above = evaluation.trace.ancestors(span)[: 1 if rule["direct"] else None]
            if meant.isdisjoint(map(id, above)) == (rule["how"] == "each"):
                seen = f"below {above[0].kind}:{above[0].name}" if above else "no parent in the trace"
                yield evaluation.violation(f"tree.{name}", span, sentence, seen)


def demanded_spans(contract: Contract, expectation: Expectation) -> int:
    """Return how many spans a trace has that fulfils the contract: its counts of all kinds together.

    Raises ContractError where it leaves the number of a kind open.
    """
    total, counts = 0, contract.sections.get("counts", {})
    if counts.get("other") != 0 and "*" not in counts:
        raise ContractError(
            f"Contract {contract.name!r} allows any number of other spans, so its spans cannot be counted: "
            "`python -m learn` writes one for your agent that does not."
        )
    for selector in _separate(counts):
        number = expectation.value(counts[selector])
        if not isinstance(number, int):
            raise ContractError(
                f"Contract {contract.name!r} does not say how many {selector} spans there are, so its spans "
                "cannot be counted: use one that does."
            )
        total += number
    return total


def least_spans(contract: Contract, expectation: Expectation) -> int:
    """Return how many spans a trace has at least that fulfils the contract: its counts of all kinds."""
    counts = _least_counts(contract, expectation)
    return sum(counts[selector] for selector in _separate(counts))


def has_demanded_spans(contract: Contract, trace: Trace, expectation: Expectation) -> bool:
    """Return whether a trace has at least as many spans of each kind as its contract demands."""
    evaluation = Evaluation(as_sent(trace), expectation)
    return all(
        len(evaluation.select(selector)) >= least
        for selector, least in _least_counts(contract, expectation).items()
    )


def _separate(counts: Mapping[str, Any]) -> list[str]:
    """Return the selectors that count each span once: `*`, or kinds, and names of kinds without a count."""
    if "*" in counts:
        return ["*"]
    kinds = {selector: re.split(r"[:\[]", selector)[0] for selector in counts if selector != "other"}
    return [selector for selector, kind in kinds.items() if selector == kind or kind not in counts]


def _least_counts(contract: Contract, expectation: Expectation) -> dict[str, int]:
    """Return the least number of spans of each selector that the contract counts."""
    counts = {
        selector: expectation.value(count.get("min", 0) if isinstance(count, dict) else count)
        for selector, count in contract.sections.get("counts", {}).items()
    }
    return {selector: least for selector, least in counts.items() if selector != "other"}


def _count(evaluation: Evaluation, rule: str, noun: str, count: object, found: Sequence[Span]) -> Violations:
    limits = count if isinstance(count, dict) else {"min": count, "max": count}
    least = evaluation.expectation.value(limits.get("min", 0))
    most = evaluation.expectation.value(limits.get("max"))
    if least <= len(found) and (most is None or len(found) <= most):
        return
    if least == most:
        expected = counted(least, noun)
    else:
        expected = f"at least {counted(least, noun)}" if most is None else f"{least} to {counted(most, noun)}"
    kinds = dict.fromkeys(span.kind or "no kind" for span in found) if rule == "counts.other" else {}
    names = f" ({named(span.name for span in found)})" if found else ""
    names += f" of {', '.join(kinds)}" if kinds else ""
    apart = least - len(found) if len(found) < least else most - len(found)
    yield evaluation.violation(rule, None, expected, f"{len(found)}{names}", involved=found, lacking=apart)
