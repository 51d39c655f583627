"""What follows from what: causality between the texts of spans, canaries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.evaluation import Evaluation, Unjudged, Violations
from contracts.selectors import PLACE, TEXT, parse_sentence
from traces.model import Span
from traces.text import contains, content, texts_anywhere, texts_in


@dataclass(frozen=True)
class _Text:
    """A text to look for: what it is, what it says, and the span that it is of, if any, and of which part."""

    what: str
    content: str | None
    source: Span | None = None
    part: str = ""


def causality(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that the text of one span is contained in another's."""
    for name, rule in section.items():
        if rule["text"] == "$canaries" and not evaluation.expectation.canaries:
            yield Unjudged(f"causality.{name}", "the tool's answer has no value that only the tool can know")
            continue
        place = parse_sentence(PLACE, rule["in"])
        for text in _texts(evaluation, rule["text"]):
            if text.content is None and rule.get("where_kept"):
                continue
            yield from _contained(evaluation, f"causality.{name}", text, place)


def canaries(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that no canary of another question is anywhere in the trace."""
    own = set(evaluation.expectation.canaries)
    for span in evaluation.spans:
        text = "\n".join(text for _, text in texts_anywhere(span))
        for canary in sorted(set(re.findall(section["pattern"], text)) - own):
            expected = f"no canary but {', '.join(sorted(own))}" if own else "no canary"
            yield evaluation.violation("canaries.foreign", span, expected, canary)


def _contained(evaluation: Evaluation, rule: str, text: _Text, place: Mapping[str, str]) -> Violations:
    """Yield a violation where a text is not in its place."""
    if text.content is None:
        yield evaluation.violation(rule, text.source, text.what, "none", part=text.part)
        return
    which, selector, part = place["which"], place["span"], place["part"]
    target = f"{which} {selector}" if which in ("any", "every") else f"the {which} {selector}"
    expected = f"{text.what} in the {part} of {target}: {evaluation.shown(text.content)}"
    targets = _targets(evaluation, place, text.source)
    if not targets:
        where = {"next": " after it", "previous": " before it"}.get(which, "")
        yield evaluation.violation(rule, text.source, expected, f"no {selector}{where}")
        return
    missing = [target for target in targets if not contains(texts_in(target, part), text.content)]
    if missing and (which != "any" or len(missing) == len(targets)):
        seen = content(missing[0], part) or texts_in(missing[0], part)
        last = evaluation.shown(seen[-1]) if seen else "no text"
        several = f", the last of {len(seen)} texts" if len(seen) > 1 else ""
        parts = {(target.span_id, part) for target in missing}
        if text.source:
            parts.add((text.source.span_id, text.part))
        yield evaluation.violation(
            rule, missing[0], expected, f"{last}{several}", involved=missing, parts=parts
        )


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


def _targets(evaluation: Evaluation, place: Mapping[str, str], source: Span | None) -> list[Span]:
    """Return the spans that a place means, seen from the span that the text is of."""
    found = [span for span in evaluation.pick(place["which"], place["span"]) if span is not source]
    if source is not None and place["which"] == "next":
        return [span for span in found if span.start_ns >= source.end_ns][:1]
    if source is not None and place["which"] == "previous":
        earlier = [span for span in found if span.end_ns <= source.start_ns]
        return sorted(earlier, key=lambda span: span.end_ns)[-1:]
    return found
