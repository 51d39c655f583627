"""How values and numbers are written in messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

LONGEST = 200  # characters of a value
MOST_NAMED = 20  # names in a message
MOST_PROBLEMS = 3  # in its first line


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as `1 trace` and `2 traces`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def named(names: Iterable[str], number: int | None = None) -> str:
    """Return names in a row; of many the first ones, and how many there are: `number` where that is given."""
    found = list(names)
    number = len(found) if number is None else number
    shown = ", ".join(found[:MOST_NAMED])
    return f"{shown}, … ({number} in all)" if number > MOST_NAMED else shown


def in_a_row(problems: Sequence[str]) -> str:
    """Return what is wrong in one line: of many problems the first ones, and how many there are."""
    shown = "; ".join(problems[:MOST_PROBLEMS])
    return f"{shown}; … ({len(problems)} in all)" if len(problems) > MOST_PROBLEMS else shown


def in_lines(what: str, problems: Sequence[str]) -> str:
    """Return what is wrong: the first problem in the first line, each other in a line of its own."""
    return "\n".join([f"{what}: {problems[0]}", *(f"- {problem}" for problem in problems[1:])])


def listed(what: str, ways: Sequence[str]) -> str:
    """Return what is wrong in so many ways, as `in_lines`."""
    return in_lines(f"{what} in {len(ways)} ways" if len(ways) > 1 else what, ways)


def quoted(value: object) -> str:
    """Return a text in quotes and any other value as JSON, so that a message shows which of them it is."""
    return f'"{value}"' if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def excerpt(text: str, start: int = 0) -> str:
    """Return a text; of a long one what begins at `start`, and how long it is."""
    if len(text) <= LONGEST:
        return text
    before, after = "…" if start else "", "…" if start + LONGEST < len(text) else ""
    return f"{before}{text[start : start + LONGEST]}{after} ({len(text)} characters)"


def excerpts(one: object, other: object) -> tuple[str, str]:
    """Return two values, texts in quotes; of long ones the place where they begin to differ."""
    texts = quoted(one), quoted(other)
    common = next((place for place, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
    start = max(0, common - LONGEST // 2)
    return excerpt(texts[0], start), excerpt(texts[1], start)
