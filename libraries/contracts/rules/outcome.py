"""How it went: status, events, state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.evaluation import Evaluation, Violations
from contracts.selectors import selects, specificity
from messages import named


def status(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that every span has a status that the most exact selector for it allows."""
    for span in evaluation.spans:
        selectors = [selector for selector in section if selects(selector, span)]
        if not selectors:
            continue
        selector = max(selectors, key=specificity)
        allowed = _listed(section[selector])
        if span.status not in allowed:
            message = f" {evaluation.shown(span.status_message)}" if span.status_message else ""
            yield evaluation.violation(
                f"status.{selector}",
                span,
                f"status {' or '.join(allowed)}",
                f"{span.status}{message}",
                part="error",
            )


def events(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that spans of a status have such an event, or have none."""
    for name, rule in section.items():
        is_required = "requires" in rule
        wanted = rule["requires"] if is_required else rule["forbids"]
        keys = rule.get("attributes", ()) if evaluation.is_kept("event_attributes") else ()
        for span in evaluation.spans:
            if span.status not in _listed(rule["status"]):
                continue
            found = [
                event
                for event in span.events
                if event.name == wanted and all(event.attributes.get(key) for key in keys)
            ]
            if bool(found) != is_required:
                expected = f"{'an' if is_required else 'no'} event {wanted}"
                expected += f" with {', '.join(keys)}" if keys else ""
                seen = named(f"{event.name} ({', '.join(event.attributes)})" for event in span.events)
                yield evaluation.violation(
                    f"events.{name}",
                    span,
                    f"{expected}, as its status is {span.status}",
                    seen or "no event",
                    part="error",
                )


def state(evaluation: Evaluation, wanted: str) -> Violations:
    """Check MLflow's word for the whole trace."""
    trace = evaluation.trace
    if evaluation.is_kept("state") and trace.state != wanted:
        yield evaluation.violation("state.trace", None, f"trace state {wanted}", trace.state or "none")


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
