"""Looks for secrets and canaries in all texts of a trace, and in each of them once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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


class _Shape:
    """What the texts inside some values are called: their paths, below whatever holds such a value."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Take the paths over."""
        self._paths = paths
        self._named: dict[str, bool] = {}  # by the place of a value, whether a path there names a secret

    def has_secret_name(self, where: str, names_secret: Callable[[str], bool]) -> bool:
        """Return whether one of the paths, in a place, names a secret."""
        if where not in self._named:
            self._named[where] = any(names_secret(f"{where}{path}") for path in self._paths)
        return self._named[where]


class _Content(NamedTuple):
    """What is inside a value, wherever it stands."""

    shape: _Shape
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
        self._contents: dict[str, _Content] = {}
        self._shapes: dict[Sequence[str], _Shape] = {}
        self._plain: set[str] = set()  # texts with neither a secret nor a canary

    def find(self, span: Span) -> list[Found]:
        """Return what was found in a span, value by value; a value with nothing is left out."""
        found = []
        for where, value in values_anywhere(span):
            content = self._contents.get(value) if isinstance(value, str) else None
            if content is None:
                content = self._look_into(value)
            has_secret = content.has_secret or content.shape.has_secret_name(where, self.names_secret)
            if has_secret or content.canaries:
                found.append(Found(where, value, has_secret, content.canaries))
        return found

    def names_secret(self, path: str) -> bool:
        """Return whether a path, of an attribute's name and of keys inside its JSON, names a secret."""
        return self._keys.search(re.sub(r"(\.\d+)+$", "", path)) is not None

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
        shape = self._shapes.setdefault(paths, _Shape(paths))
        content = _Content(shape, has_secret, frozenset(canaries))
        if isinstance(value, str):
            self._contents[value] = content
        return content

    def _has_secret(self, text: str) -> bool:
        lowered = text.lower()
        return self._needed.may_match(text, lowered) and any(
            _needed_texts(pattern.pattern).may_match(text, lowered) and pattern.search(text)
            for pattern in self.secrets.values()
        )
