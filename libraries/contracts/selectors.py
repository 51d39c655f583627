"""What a contract's words mean: selectors name spans, sentences say how spans relate to each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from traces.model import Span

_SELECTOR = re.compile(r"(?P<kind>\*|[A-Z_]+)(:(?P<name>[^\[\]]+))?(\[(?P<status>[A-Z]+)\])?")
# `each LLM below CHAIN:LangGraph`, `no AGENT directly below AGENT`
TREE = re.compile(r"(?P<how>each|no) (?P<span>\S.*?) (?P<direct>directly )?below (?P<above>\S.*)")
# `each TOOL after any LLM`, `last LLM after every TOOL`
ORDER = re.compile(
    r"(?P<which>each|first|last) (?P<span>\S.*) (?P<how>after|before) (?P<all>any|every) (?P<other>\S.*)"
)
# `each TOOL output`: which text causality follows
TEXT = re.compile(r"(?P<which>each|first|last) (?P<span>\S.*) (?P<part>input|output|error)")
# `next LLM input`: where that text must be
PLACE = re.compile(r"(?P<which>first|last|next|previous|every|any) (?P<span>\S.*) (?P<part>input|output)")


# The kinds that contracts add for calls that only OpenTelemetry's GenAI conventions name. Each has the
# OpenInference kind that it stands for, and values of gen_ai.operation.name (its spans "Inference" and
# "Execute tool").
ANY_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ANY_LLM": ("LLM", ("chat", "generate_content", "text_completion")),
    "ANY_TOOL": ("TOOL", ("execute_tool",)),
}


class ContractError(ValueError):
    """A contract that cannot be read or used; the message says what is wrong, where."""

    ROBOT_SUPPRESS_NAME = True


def selects(selector: str, span: Span) -> bool:
    """Return whether a selector such as `CHAIN:tools`, `TOOL[ERROR]` or `*` means a span."""
    match = _match(selector)
    if match is None:
        return False
    kind, name, status = match
    return (
        status in (None, span.status)
        and _is_of_kind(span, kind)
        and (name is None or fnmatchcase(span.name, name))
    )


@cache
def _match(selector: str) -> tuple[str, str | None, str | None] | None:
    """Return a selector's kind, name and status; None for a text that is no selector."""
    match = _SELECTOR.fullmatch(selector)
    return (match["kind"], match["name"], match["status"]) if match else None


def _is_of_kind(span: Span, kind: str) -> bool:
    """Return whether a span is of an OpenInference kind, or of one of those that contracts add.

    `ROOT` has no parent. `ANY_LLM` is a model call and `ANY_TOOL` a tool call, also those that only the GenAI
    conventions name.
    """
    if kind == "ROOT":
        return span.parent_id is None
    if kind in ANY_KINDS:
        of_openinference, operations = ANY_KINDS[kind]
        operation = span.attributes.get("gen_ai.operation.name")
        return span.kind == of_openinference or (span.kind is None and operation in operations)
    return kind in ("*", span.kind)


def find_kinds(text: str) -> frozenset[str]:
    """Return the kinds of spans that a selector or a sentence names; ANY_LLM is an LLM, ROOT is none."""
    names = (match["kind"].removeprefix("ANY_") for match in map(_SELECTOR.fullmatch, text.split()) if match)
    return frozenset(names) - {"*", "ROOT"}


def specificity(selector: str) -> tuple[bool, bool]:
    """Return how exact a selector is, for `max`: one with a name is most exact, then one with a kind."""
    match = _SELECTOR.fullmatch(selector)
    return (match is not None and match["name"] is not None, not selector.startswith("*"))


def parse_sentence(pattern: re.Pattern[str], sentence: str) -> Mapping[str, str]:
    """Return a sentence's words by their names in the pattern; raise ContractError where it does not fit."""
    match = pattern.fullmatch(sentence)
    words = match.groupdict() if match else {"span": ""}
    if any(not _SELECTOR.fullmatch(words[key]) for key in ("span", "above", "other") if key in words):
        raise ContractError(f"{sentence!r} is not a sentence that contracts know: see schema.json.")
    return words


def check_sentences(sections: Mapping[str, Any]) -> None:
    """Raise ContractError where a contract's sections hold a sentence that does not fit."""
    for name, pattern in (("tree", TREE), ("order", ORDER)):
        for sentence in sections.get(name, {}).values():
            parse_sentence(pattern, sentence)
    for rule in sections.get("causality", {}).values():
        parse_sentence(PLACE, rule["in"])
        if not rule["text"].startswith("$"):
            parse_sentence(TEXT, rule["text"])
