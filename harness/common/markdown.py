"""Tables of Markdown: written for the pages of docs/, and read again where a page keeps rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()) -> str:
    """Return a table that ends with a newline; the columns of `numbers` are aligned right."""
    rule = "|".join("---:" if column in numbers else "---" for column in columns)
    return "\n".join([_line(columns), f"|{rule}|", *map(_line, rows), ""])


def read_rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of all tables of a page; a table's first row is its columns."""
    for line in re.findall(r"^\|(.*)\|$", text, re.MULTILINE):
        if not re.fullmatch(r"[ |:]*(-{3,}[ |:]*)+", line):
            yield [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)]


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
