"""The texts of a span: what went in and what came out, without the JSON wrapped around them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from traces.model import Span

_JSON = ("{", "[")  # how a list or a dict begins
# Where a span's input and output stand: the first of these prefixes that the span has an attribute for.
# GenAI's messages come first: Phoenix makes OpenInference's from them, and leaves out what a tool answered.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "input": ("gen_ai.input.messages", "llm.input_messages.", "input.value", "gen_ai.tool.call.arguments"),
    "output": ("gen_ai.output.messages", "llm.output_messages.", "output.value", "gen_ai.tool.call.result"),
}


def decode(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the list or dict that a text holds as JSON or in Python's notation, None where it holds none."""
    if not text.lstrip().startswith(_JSON):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict | list) else None


def leaves(value: object, path: str = "") -> list[tuple[str, str]]:
    """Return (path, text) for each text in a value: the text itself, and where it is JSON those inside it.

    A value is a text, a number, bytes, or what JSON has: a list, a tuple or a dict of such values.
    """
    found: list[tuple[str, str]] = []
    _add_leaves(value, path, found)
    return found


def _add_leaves(value: object, path: str, found: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        found.append((path, value))
        value = decode(value)
    items: Iterable[tuple[object, object]]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    elif value is None or isinstance(value, bool):
        return
    else:
        found.append((path, value.decode(errors="replace") if isinstance(value, bytes) else str(value)))
        return
    for key, item in items:
        # Most are plain texts: a call for each would take longer than all else.
        if isinstance(item, str) and not item.lstrip().startswith(_JSON):
            found.append((f"{path}.{key}", item))
        elif item is not None:
            _add_leaves(item, f"{path}.{key}", found)


def texts_in(span: Span, part: str) -> list[str]:
    """Return all texts of a span's `input` or `output`, at every level of decoding."""
    return [
        text for key, value in sorted(_of_part(span, part).items()) for _, text in leaves(value, key) if text
    ]


def values_anywhere(span: Span) -> Iterator[tuple[str, object]]:
    """Yield (where, value) for all values of a span that are or hold texts."""
    yield "name", span.name
    yield "status message", span.status_message
    for where, attributes in (
        ("attribute", span.attributes),
        ("resource", span.resource),
        *((f"event {event.name}", event.attributes) for event in span.events),
    ):
        for key, value in attributes.items():
            yield f"{where} {key}", value


def content(span: Span, part: str) -> list[str]:
    """Return what a span's `input` or `output` says, unwrapped; `error` is its exceptions' messages.

    A message's content may be one text or several parts, hence a list; empty where the span has none.
    """
    if part == "error":
        messages = [
            event.attributes.get("exception.message") for event in span.events if event.name == "exception"
        ]
        return [str(message) for message in messages if message]
    found: list[str] = []
    for key, value in sorted(_of_part(span, part).items()):
        if "_messages." not in key:
            found += _content(value)
        elif key.endswith((".message.content", ".message_content.text")):
            found.append(str(value))
    return [text for text in found if text.strip()]


class Texts:
    """Texts in which others are looked for."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the texts over."""
        self._texts = tuple(texts)
        self.whole = frozenset(self._texts)

    @cached_property
    def _canonical(self) -> Sequence[str]:
        return [_canonical(text) for text in self._texts]

    def contain(self, wanted: str) -> bool:
        """Return whether one of the texts contains the wanted one, however their JSON is spaced."""
        wanted = wanted.strip()
        if wanted in self.whole or any(wanted in text for text in self._texts):
            return True
        if decode(wanted) is None:
            return False
        wanted = _canonical(wanted)
        return any(wanted in text for text in self._canonical)


def contains(texts: Iterable[str], wanted: str) -> bool:
    """Return what `Texts.contain` describes, of texts in which nothing else is looked for."""
    return Texts(texts).contain(wanted)


def _of_part(span: Span, part: str) -> dict[str, Any]:
    held = [(key, value) for key, value in span.attributes.items() if key.startswith(_PARTS[part])]
    for prefix in _PARTS[part]:
        found = {key: value for key, value in held if key.startswith(prefix)}
        if found:
            return found
    return {}


def _content(value: object) -> list[str]:
    """Return the texts of a message: LangChain's dump of one, GenAI's list of them, or just a text."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    decoded = decode(value) if isinstance(value, str) else value
    match decoded:
        case {"data": {"content": inner}} | {"kwargs": {"content": inner}} | {"content": inner, "type": _}:
            return _content(inner)
        case {"parts": list(parts)} | [{"parts": list(parts)}]:
            return [text for part in parts for text in _content(part)]
        case {"text": str(text), "type": "text"} | {"content": str(text)}:
            return [text]
        case list(items) if items and all(isinstance(item, dict) and "type" in item for item in items):
            return [text for item in items for text in _content(item)]
    return [value if isinstance(value, str) else json.dumps(value, default=str)]


def _canonical(text: str) -> str:
    value = decode(text)
    return text if value is None else json.dumps(value, sort_keys=True)
