"""Looks for secrets and canaries in all texts of a trace, and in each of them once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from contracts.needed_texts import NeededTexts
from traces.model import Span
from traces.text import leaves, values_anywhere

NO_TEXT = "(?!)"  # the pattern that matches nothing
_needed_texts = cache(NeededTexts)  # each pattern is read once


class Found(NamedTuple):
    """What was found in a value of a span, and in the texts inside its JSON.

    `where` is the value's place. `has_secret` is whether a text looks like a secret or is named as one.
    """

    where: str
    value: object
    has_secret: bool
    canaries: frozenset[str]


class _Content(NamedTuple):
    """What is inside a value, wherever it stands: the paths of its texts, and what is in them."""

    paths: Sequence[str]
    has_secret: bool
    canaries: frozenset[str]


class TextSearch:
    """Searches spans by the patterns of a contract."""

    def __init__(self, sections: Mapping[str, Any]) -> None:
        """Take the patterns over."""
        section = sections.get("secrets", {})
        self.secrets = {str(name): re.compile(text) for name, text in section.get("texts", {}).items()}
        self._keys = re.compile(section.get("keys", NO_TEXT))
        self._canary = re.compile(sections.get("canaries", {}).get("pattern", NO_TEXT))
        self._needed = _needed_texts(*(pattern.pattern for pattern in self.secrets.values()))
        # A span repeats its own texts, and those of its neighbours.
        self._found: dict[tuple[str, str], Found | None] = {}
        self._contents: dict[str, _Content] = {}
        self._named: dict[tuple[str, Sequence[str]], bool] = {}
        self._paths: dict[Sequence[str], Sequence[str]] = {}  # of which most values have the same
        self._plain: set[str] = set()  # texts with neither a secret nor a canary

    def find(self, span: Span) -> list[Found]:
        """Return what was found in a span, value by value; a value with nothing is left out."""
        found = []
        for where, value in values_anywhere(span):
            if not isinstance(value, str):
                here = self._find(where, value)
            elif (where, value) in self._found:
                here = self._found[where, value]
            else:
                here = self._found[where, value] = self._find(where, value)
            if here is not None:
                found.append(here)
        return found

    def names_secret(self, path: str) -> bool:
        """Return whether a path, of an attribute's name and of keys inside its JSON, names a secret."""
        return self._keys.search(re.sub(r"(\.\d+)+$", "", path)) is not None

    def _find(self, where: str, value: object) -> Found | None:
        if not isinstance(value, str):
            content = self._look_into(value)
        elif value in self._contents:
            content = self._contents[value]
        else:
            content = self._contents[value] = self._look_into(value)
        key = where, content.paths
        if key not in self._named:
            self._named[key] = any(self.names_secret(f"{where}{path}") for path in content.paths)
        has_secret = content.has_secret or self._named[key]
        return Found(where, value, has_secret, content.canaries) if has_secret or content.canaries else None

    def _look_into(self, value: object) -> _Content:
        inside = leaves(value)
        has_secret, canaries = False, set[str]()
        for text in {text for _, text in inside} - self._plain:
            is_secret, own = self._has_secret(text), self._canary.findall(text)
            has_secret |= is_secret
            canaries.update(own)
            if not is_secret and not own:
                self._plain.add(text)
        paths = tuple([path for path, _ in inside])
        return _Content(self._paths.setdefault(paths, paths), has_secret, frozenset(canaries))

    def _has_secret(self, text: str) -> bool:
        lowered = text.lower()
        return self._needed.may_match(text, lowered) and any(
            _needed_texts(pattern.pattern).may_match(text, lowered) and pattern.search(text)
            for pattern in self.secrets.values()
        )
