"""No secret leaks into a trace: secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contracts.evaluation import Evaluation, Violations
from traces.text import texts_anywhere

_NO_TEXT = "(?!)"  # the pattern that matches nothing


def secrets(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that no text looks like a secret, and that what is named as one is redacted."""
    keys = re.compile(section.get("keys", _NO_TEXT))
    redacted = re.compile(section.get("redacted", _NO_TEXT))
    for span in evaluation.spans:
        lengths: dict[tuple[str, str], int] = {}
        for path, text in texts_anywhere(span):
            for name, pattern in section.get("texts", {}).items():
                if (match := re.search(pattern, text)) is not None:
                    lengths.setdefault((f"secrets.{name}", path), len(match[0]))
            key = re.sub(r"(\.\d+)+$", "", path)
            if text and keys.search(key) and not redacted.fullmatch(text):
                lengths.setdefault(("secrets.keys", path), len(text))
        for (rule, path), length in lengths.items():
            yield evaluation.violation(
                rule, span, f"no secret in {path}", f"a text of {length} characters, not shown"
            )
