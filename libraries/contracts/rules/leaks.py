"""No secret leaks into a trace: secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.evaluation import Evaluation, Violations
from contracts.search import NO_TEXT
from traces.text import leaves, values_anywhere


def secrets(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that no text looks like a secret, and that what is named as one is redacted."""
    keys = _Keys(section)
    for span in evaluation.spans:
        lengths: dict[tuple[str, str], int] = {}
        for where, value in values_anywhere(span):
            found = evaluation.search.find(value)
            if not found.has_secret and not keys.name_any(where, found.paths):
                continue
            for path, text in leaves(value, where):
                for name, pattern in evaluation.search.secrets.items():
                    if (match := pattern.search(text)) is not None:
                        lengths.setdefault((f"secrets.{name}", path), len(match[0]))
                if keys.name(path) and keys.is_shown(text):
                    lengths.setdefault(("secrets.keys", path), len(text))
        for (rule, path), length in lengths.items():
            yield evaluation.violation(
                rule, span, f"no secret in {path}", f"a text of {length} characters, not shown"
            )


class _Keys:
    """Knows by the names of attributes, and of keys inside their JSON, whose values are secrets."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Take the patterns over."""
        self._keys = re.compile(section.get("keys", NO_TEXT))
        self._redacted = re.compile(section.get("redacted", NO_TEXT))
        self._named: dict[tuple[str, Sequence[str]], bool] = {}  # spans of one kind have the same paths

    def name(self, path: str) -> bool:
        """Return whether a path names a secret."""
        return self._keys.search(re.sub(r"(\.\d+)+$", "", path)) is not None

    def name_any(self, where: str, paths: Sequence[str]) -> bool:
        """Return whether one of the paths inside a value names a secret."""
        if (where, paths) not in self._named:
            self._named[where, paths] = any(self.name(f"{where}{path}") for path in paths)
        return self._named[where, paths]

    def is_shown(self, text: str) -> bool:
        """Return whether a secret's text is neither empty nor redacted."""
        return bool(text) and not self._redacted.fullmatch(text)
