"""When spans ran: time, order."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.evaluation import Evaluation, Violations
from contracts.selectors import ORDER, parse_sentence

NS_PER_MS = 1e6


def time(evaluation: Evaluation, section: Mapping[str, float]) -> Violations:
    """Check that no span ends before it starts, or lies too far outside its parent or the root."""
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
            outside = max(outer.start_ns - span.start_ns, span.end_ns - outer.end_ns) / NS_PER_MS
            if outside > section[key]:
                yield evaluation.violation(
                    f"time.{key.removesuffix('_ms').replace('_', '-')}",
                    span,
                    f"at most {section[key]} ms outside {outer.name} [{outer.span_id}]",
                    f"{outside:.3f} ms",
                )


def order(evaluation: Evaluation, section: Mapping[str, str]) -> Violations:
    """Check which spans start after others have ended, or end before others start."""
    for name, sentence in section.items():
        rule = parse_sentence(ORDER, sentence)
        for span in evaluation.pick(rule["which"], rule["span"]):
            others = [other for other in evaluation.select(rule["other"]) if other is not span]
            wrong = [
                other.span_id
                for other in others
                if not (
                    other.end_ns <= span.start_ns if rule["how"] == "after" else span.end_ns <= other.start_ns
                )
            ]
            if wrong if rule["all"] == "every" else len(wrong) == len(others):
                seen = f"it is not {rule['how']} {', '.join(wrong)}" if wrong else f"no {rule['other']}"
                yield evaluation.violation(f"order.{name}", span, sentence, seen)
