"""No secret leaks into a trace: secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from contracts.evaluation import Evaluation, Violations
from traces.text import texts_anywhere

_NO_TEXT = "(?!)"  # the pattern that matches nothing
# Texts whose search is remembered: a span repeats its own texts and those of its neighbours.
_REMEMBERED = 10_000


def secrets(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that no text looks like a secret, and that what is named as one is redacted."""
    patterns = [(f"secrets.{name}", re.compile(text)) for name, text in section.get("texts", {}).items()]
    keys = re.compile(section.get("keys", _NO_TEXT))
    redacted = re.compile(section.get("redacted", _NO_TEXT))

    @lru_cache(_REMEMBERED)
    def find_secrets(text: str) -> Sequence[tuple[str, int]]:
        found = ((rule, pattern.search(text)) for rule, pattern in patterns)
        return [(rule, len(match[0])) for rule, match in found if match is not None]

    @lru_cache(_REMEMBERED)
    def names_secret(path: str) -> bool:
        return keys.search(re.sub(r"(\.\d+)+$", "", path)) is not None

    for span in evaluation.spans:
        lengths: dict[tuple[str, str], int] = {}
        for path, text in texts_anywhere(span):
            for rule, length in find_secrets(text):
                lengths.setdefault((rule, path), length)
            if text and names_secret(path) and not redacted.fullmatch(text):
                lengths.setdefault(("secrets.keys", path), len(text))
        for (rule, path), length in lengths.items():
            yield evaluation.violation(
                rule, span, f"no secret in {path}", f"a text of {length} characters, not shown"
            )
