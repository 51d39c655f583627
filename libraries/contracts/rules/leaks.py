"""No secret leaks into a trace: secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contracts.evaluation import Evaluation, Violations
from contracts.search import NO_TEXT
from traces.text import leaves


def secrets(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that no text looks like a secret, and that what is named as one is redacted."""
    search, redacted = evaluation.search, re.compile(section.get("redacted", NO_TEXT))
    for span, found in evaluation.found:
        lengths: dict[tuple[str, str], int] = {}
        for path, text in (
            leaf for each in found if each.has_secret for leaf in leaves(each.value, each.where)
        ):
            for name, pattern in search.secrets.items():
                if (match := pattern.search(text)) is not None:
                    lengths.setdefault((f"secrets.{name}", path), len(match[0]))
            if text and search.names_secret(path) and not redacted.fullmatch(text):
                lengths.setdefault(("secrets.keys", path), len(text))
        for (rule, path), length in lengths.items():
            yield evaluation.violation(
                rule, span, f"no secret in {path}", f"a text of {length} characters, not shown"
            )
