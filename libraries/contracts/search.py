"""Looks for secrets and canaries in all texts of a trace, and in each of them once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from contracts.needed_texts import NeededTexts
from traces.text import leaves

NO_TEXT = "(?!)"  # the pattern that matches nothing
_REMEMBERED = 10_000  # texts: a span repeats its own texts, and those of its neighbours
_needed_texts = cache(NeededTexts)  # each pattern is read once


class Found(NamedTuple):
    """What was found in a value and in the texts inside its JSON.

    `paths` are those of all these texts, as `traces.text.leaves` gives them.
    """

    paths: Sequence[str]
    has_secret: bool
    canaries: frozenset[str]


class TextSearch:
    """Searches values by the patterns of a contract."""

    def __init__(self, sections: Mapping[str, Any]) -> None:
        """Take the patterns over."""
        secrets = sections.get("secrets", {}).get("texts", {})
        self.secrets = {str(name): re.compile(pattern) for name, pattern in secrets.items()}
        self._needed = [_needed_texts(pattern.pattern) for pattern in self.secrets.values()]
        self._canary = re.compile(sections.get("canaries", {}).get("pattern", NO_TEXT))
        self._found: dict[str, Found] = {}
        self._paths: dict[Sequence[str], Sequence[str]] = {}  # of which most values have the same
        self._has_secret = lru_cache(_REMEMBERED)(self._search_secrets)

    def find(self, value: object) -> Found:
        """Return what is found in a value of a span."""
        if not isinstance(value, str):
            return self._find(value)
        if value not in self._found:
            self._found[value] = self._find(value)
        return self._found[value]

    def _find(self, value: object) -> Found:
        inside = leaves(value)
        paths = tuple([path for path, _ in inside])
        texts = [text for _, text in inside]
        return Found(
            self._paths.setdefault(paths, paths),
            any(map(self._has_secret, texts)),
            frozenset(self._canary.findall("\n".join(texts))),
        )

    def _search_secrets(self, text: str) -> bool:
        lowered = text.lower()
        return any(
            needed.may_match(text, lowered) and pattern.search(text)
            for needed, pattern in zip(self._needed, self.secrets.values(), strict=True)
        )
