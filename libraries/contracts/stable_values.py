"""What the attributes of spans have in common, as the checks of a contract. Nothing private is copied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from contracts.canaries import is_said
from contracts.privacy import Privacy
from contracts.samples import Sample, SpanGroup, is_other_each_time
from traces.backends import BACKENDS
from traces.model import SESSION_ATTRIBUTES
from traces.text import decode

LONGEST = 80  # characters of a value that is copied into a contract
Check = Mapping[str, Any]  # as in a contract: {type: string, pattern: \S}


def find_checks(group: SpanGroup, privacy: Privacy) -> dict[str, Check]:
    """Return what holds of the attributes that all spans of a group have, by their names.

    Left out: what backends add, sessions (the contract's identity is about them), and the items of flattened
    lists (`llm.input_messages.0...`), whose number is the conversation's.
    """
    members = group.members
    return {
        key: _check(key, [(sample, span.attributes[key]) for sample, span in members], privacy)
        for key in find_keys(group)
        if all(key in span.attributes for _, span in members)
    }


def find_keys(group: SpanGroup) -> list[str]:
    """Return the names of the attributes that a contract can be about, sorted."""
    added = {each for sample, _ in group.spans for each in BACKENDS[sample.trace.backend].own_attributes}
    keys = {key for _, span in group.members for key in span.attributes} - set(SESSION_ATTRIBUTES)
    return sorted(
        key
        for key in keys
        if not re.search(r"\.\d+(\.|$)", key) and not any(fnmatchcase(key, each) for each in added)
    )


def _check(key: str, values: Sequence[tuple[Sample, Any]], privacy: Privacy) -> Check:
    texts = [(sample, value) for sample, value in values if isinstance(value, str)]
    if len(texts) == len(values):
        return _check_of_texts(key, texts, privacy)
    for name, types in (("boolean", bool), ("integer", int), ("number", (int, float))):
        if all(isinstance(value, types) for _, value in values):
            positive = name == "integer" and all(value > 0 for _, value in values)
            return {"type": name, "minimum": 1} if positive else {"type": name}
    return {}


def _check_of_texts(key: str, texts: Sequence[tuple[Sample, str]], privacy: Privacy) -> Check:
    if all(text == sample.question.context_id for sample, text in texts):
        return {"equals": "$session"}
    if all(text == sample.question.text for sample, text in texts):
        return {"equals": "$question"}
    if all(decode(text) is not None for _, text in texts):
        return {"type": "json"}
    (first, *others) = {text for _, text in texts}
    if not others and _may_be_copied(key, first, [sample for sample, _ in texts], privacy):
        return {"equals": first}
    if all(text.strip() for _, text in texts):
        return {"type": "string", "pattern": r"\S"}
    return {"type": "string"}


def _may_be_copied(key: str, text: str, samples: Sequence[Sample], privacy: Privacy) -> bool:
    """Return whether a text that all spans have is the agent's own, not the question's, and not private."""
    if not text.strip() or len(text) > LONGEST or "\n" in text or text.startswith("$"):
        return False
    if is_other_each_time(text) or privacy.hides_text(text) or privacy.hides_key(key):
        return False
    return not any(
        is_said(text.casefold(), said.casefold())
        for sample in samples
        for said in (sample.question.text, sample.question.answer)
    )
