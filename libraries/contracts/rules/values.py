"""What spans carry: attributes, scopes, identity."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from functools import cache
from typing import Any

from contracts.evaluation import Evaluation, Violation, Violations
from contracts.selectors import selects
from traces.model import Span
from traces.text import decode

NO_ATTRIBUTE = "no such attribute"
_WILDCARD = re.compile(r"[*?\[]")
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "json": lambda value: isinstance(value, str) and decode(value) is not None,
}


def attributes(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that spans have the required attributes, with the right values, and no forbidden one."""
    for selector, rules in section.items():
        for span in evaluation.select(selector):
            for name, check in rules.get("required", {}).items():
                if not any(_is_as_wanted(evaluation, check, value) for value in _values(span, name)):
                    yield _lack(evaluation, f"attributes.{selector}.{name}", span, name, check)
            for name in rules.get("forbidden", ()):
                for key in filter(_matcher(name), span.attributes):
                    rule = f"attributes.{selector}.forbidden"
                    yield evaluation.violation(rule, span, f"no attribute {name}", key, part=key)


def scopes(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that every span comes from an allowed instrumentation."""
    if not evaluation.is_kept("scope"):
        return
    for span in evaluation.spans:
        if not any(re.search(pattern, span.scope or "") for pattern in section["allowed"]):
            expected = f"a scope that matches {' or '.join(section['allowed'])}"
            yield evaluation.violation("scopes.allowed", span, expected, span.scope or "no scope")


def identity(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that the whole trace has one session, one user, one service."""
    for name, rule in section.items():
        if "resource" in rule and not evaluation.is_kept("resource"):
            continue
        key = rule.get("attribute") or rule["resource"]
        attribute = rule.get("attribute", "")
        values = [
            (span, (span.resource if "resource" in rule else span.attributes).get(key))
            for span in evaluation.spans
        ]
        first = next((value for _, value in values if value is not None), None)
        for span, value in values:
            if value is None:
                if "required_on" in rule and selects(rule["required_on"], span):
                    yield evaluation.violation(f"identity.{name}", span, f"a {key}", "none", part=attribute)
            elif not _is_as_wanted(evaluation, rule.get("is", {}), value):
                expected, shown = _expected(evaluation, rule["is"], value), evaluation.shown(value)
                yield evaluation.violation(
                    f"identity.{name}", span, f"{key} {expected}", shown, part=attribute
                )
            elif value != first:
                yield evaluation.violation(
                    f"identity.{name}",
                    span,
                    f"one {key} in the whole trace, {evaluation.shown(first)}",
                    evaluation.shown(value),
                    part=attribute,
                )


def _lack(evaluation: Evaluation, rule: str, span: Span, name: str, check: Mapping[str, Any]) -> Violation:
    """Return a violation at a span that has no such attribute, or only with wrong values."""
    names, values = name.split("|"), _values(span, name)
    if values:
        wanted = f"attribute {name} {_expected(evaluation, check, values[0])}"
        seen = evaluation.shown(values[0])
    else:
        wanted = f"attribute {' or '.join(names)} {_described(evaluation, check)}".rstrip()
        seen = NO_ATTRIBUTE
    return evaluation.violation(rule, span, wanted, seen, part=names[0])


def _values(span: Span, name: str) -> list[object]:
    """Return the values of a span's attributes that have one of the names that `|` separates."""
    names, is_meant = _names(name)
    keys = filter(is_meant, span.attributes) if is_meant else filter(span.attributes.__contains__, names)
    return [span.attributes[key] for key in keys]


@cache
def _names(name: str) -> tuple[Sequence[str], Callable[[str], object] | None]:
    """Return the names that `|` separates, and what says whether an attribute has one of them.

    None instead where no name has a wildcard: then the attributes need not be looked through.
    """
    names = name.split("|")
    return names, _matcher(*names) if _WILDCARD.search(name) else None


@cache
def _matcher(*names: str) -> Callable[[str], object]:
    """Return what says whether an attribute has one of the names."""
    return re.compile("|".join(map(translate, names))).match


def _is_as_wanted(evaluation: Evaluation, check: Mapping[str, Any], value: object) -> bool:
    return all(_is_right(evaluation, key, wanted, value) for key, wanted in check.items())


def _expected(evaluation: Evaluation, check: Mapping[str, Any], value: object) -> str:
    """Return what a value that is wrong should have been."""
    broken = {key: wanted for key, wanted in check.items() if not _is_right(evaluation, key, wanted, value)}
    return _described(evaluation, broken)


def _is_right(evaluation: Evaluation, key: str, wanted: Any, value: Any) -> bool:  # noqa: ANN401
    """Return whether a value is as one word of a check wants it."""
    match key:
        case "type":
            return _TYPES[wanted](value)
        case "pattern":
            return re.search(wanted, str(value)) is not None
        case "equals":
            return bool(value == evaluation.expectation.value(wanted))
        case "contains":
            return evaluation.expectation.value(wanted) in str(value)
        case "one_of":
            return value in wanted
        case _:  # "minimum"
            return _TYPES["number"](value) and value >= wanted


def _described(evaluation: Evaluation, check: Mapping[str, Any]) -> str:
    words = {
        "type": "of type",
        "pattern": "matching",
        "equals": "equal to",
        "contains": "containing",
        "one_of": "one of",
        "minimum": "of at least",
    }
    return " and ".join(
        f"{words[key]} {evaluation.shown(evaluation.expectation.value(value))}"
        for key, value in check.items()
    )
