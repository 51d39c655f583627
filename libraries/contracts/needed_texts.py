"""Which texts a pattern needs: a text without any of them is not searched, as it cannot match.

Searching for plain texts is some fifty times as fast as searching by a pattern (measured with the contracts'
patterns for secrets), and most texts hold none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from re import _parser  # type: ignore[attr-defined] # what `re` itself reads patterns by has no public name
from typing import Any

MOST = 64  # texts that are worth looking for, one after the other
# Letters that match an ASCII letter where case is ignored (Python's documentation of re.IGNORECASE).
_ODD_LETTERS = "\u0130\u0131\u017f\u212a"
Texts = frozenset[str]
_NONE: Texts = frozenset()
_EMPTY: Texts = frozenset({""})


class NeededTexts:
    """The texts of which patterns need one each, in lower case; an empty one where that is not known."""

    def __init__(self, *patterns: str) -> None:
        """Read the patterns."""
        self.texts, self._beginnings = set[str](), set[str]()
        for pattern in patterns:
            needed = _needed(_parser.parse(pattern)) or _EMPTY
            self.texts |= needed
            # Most texts hold none, and these are fewer to look for.
            self._beginnings |= {text[: _worth(needed)] for text in needed}

    def may_match(self, text: str, lowered: str) -> bool:
        """Return whether a text may match a pattern; `lowered` is the same text in lower case."""
        if any(map(text.__contains__, _ODD_LETTERS)):
            return True
        is_there = lowered.__contains__
        return any(map(is_there, self._beginnings)) and any(map(is_there, self.texts))


def _needed(items: Iterable[tuple[Any, Any]]) -> Texts:
    """Return the best texts of which one stands in whatever the items of a parsed pattern match."""
    best, run = _NONE, _EMPTY  # a run is all texts that the last items can match
    for kind, value in items:
        own = _language(kind, value)
        if own and len(run) * len(own) <= MOST:
            run = _joined(run, own)
        else:
            best = max(best, run, _inside(kind, value), key=_worth)
            run = own or _EMPTY
    return max(best, run, key=_worth)


def _inside(kind: object, value: Any) -> Texts:  # noqa: ANN401 - what the parser gives with a kind of item
    """Return what an item needs that can match many texts."""
    match str(kind):
        case "SUBPATTERN":
            return _needed(value[-1])
        case "BRANCH":
            ways = [_needed(way) for way in value[1]]
            return _NONE.union(*ways) if all(map(_worth, ways)) else _NONE
        case "MAX_REPEAT" | "MIN_REPEAT" if value[0] > 0:
            return _needed(value[2])
    return _NONE


def _language(kind: object, value: Any) -> Texts:  # noqa: ANN401
    """Return all texts that an item can match, in lower case; none where they are too many or not known."""
    found = _NONE
    match str(kind):
        case "LITERAL" if chr(value).isascii():
            found = frozenset({chr(value).lower()})
        case "AT":  # such as the beginning of a word, which is no text
            found = _EMPTY
        case "IN":
            found = _any_of([_language(*one) if str(one[0]) == "LITERAL" else _NONE for one in value])
        case "SUBPATTERN":
            found = _language_of_all(value[-1])
        case "BRANCH":
            found = _any_of([_language_of_all(way) for way in value[1]])
        case "MAX_REPEAT" if value[:2] == (0, 1):
            found = _any_of([_language_of_all(value[2]), _EMPTY])
    return found


def _any_of(ways: Sequence[Texts]) -> Texts:
    """Return the texts of all ways; none where those of one are not known."""
    return _NONE.union(*ways) if all(ways) else _NONE


def _language_of_all(items: Iterable[tuple[Any, Any]]) -> Texts:
    found = _EMPTY
    for kind, value in items:
        own = _language(kind, value)
        if len(found) * len(own) > MOST:
            return _NONE
        found = _joined(found, own)
    return found


def _joined(ones: Texts, others: Texts) -> Texts:
    return frozenset(one + other for one in ones for other in others)


def _worth(texts: Texts) -> int:
    """Return how many characters the shortest text has: the longer, the rarer."""
    return min(map(len, texts), default=0)
