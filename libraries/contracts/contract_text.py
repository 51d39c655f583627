"""Writes a contract as YAML that people read: sections with comments, one rule a line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

WIDTH = 118  # characters of a comment's line, without its `# `


@dataclass(frozen=True)
class Section:
    """A section of a contract: its rules, what is said of it, and of some of its keys."""

    name: str
    rules: Any
    comment: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)


def write_contract(heading: Sequence[str], description: str, base: str, sections: Sequence[Section]) -> str:
    """Return a contract's text: the heading as comments, a paragraph each, then what it says."""
    lines = [*_paragraphs(heading), f"description: {_flow(description)}", f"extends: {base}"]
    for section in sections:
        lines += ["", *_commented(section.comment, 0)]
        if isinstance(section.rules, Mapping):
            lines += [f"{section.name}:", *_block(section.rules, section.comments, 1)]
        else:
            lines.append(f"{section.name}: {_flow(section.rules)}")
    return "\n".join(lines) + "\n"


def _paragraphs(paragraphs: Sequence[str]) -> Iterator[str]:
    """Yield comments; one that is indented is kept as it is."""
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield "#"
        if paragraph.startswith(" "):
            yield from (f"# {line}" for line in paragraph.splitlines())
        else:
            yield from _commented(paragraph, 0)


def _commented(text: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield from (
        f"{indent}# {line}" for line in textwrap.wrap(text, WIDTH - len(indent), break_long_words=False)
    )


def _block(value: Mapping[str, Any], comments: Mapping[str, str], depth: int) -> Iterator[str]:
    """Yield a map, a key a line; what is no map of maps stands on its key's line."""
    for key, inner in value.items():
        yield from _commented(comments.get(key, ""), depth)
        place = f"{'  ' * depth}{_flow(key)}:"
        if isinstance(inner, Mapping) and inner and all(isinstance(each, Mapping) for each in inner.values()):
            yield place
            yield from _block(inner, {}, depth + 1)
        else:
            yield f"{place} {_flow(inner)}"


def _flow(value: object) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
