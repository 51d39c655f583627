"""Evaluates the conditions by which the collector's filter processor drops spans.

They are written in OTTL (pkg/ottl/LANGUAGE.md of open-telemetry/opentelemetry-collector-contrib). Of it this
reads what filters of spans use: comparisons, IsMatch, `and`, `or`, `not`. Whatever else stands there makes
the answer unknown: None. An `or` with a true side is true, whatever the other side is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|==|!=|[()\[\],]|[\w.]+|\S)')
_SCOPE, _NAME = "instrumentation_scope.name", "name"
_WORDS: Mapping[str, object] = {"nil": None, "true": True, "false": False}


class _Unknown:
    """What this does not evaluate."""


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class ProbedSpan:
    """What conditions ask of a span."""

    scope: str
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def is_met(condition: str, span: ProbedSpan) -> bool | None:
    """Return whether a span meets a condition, None where that is not known.

    A condition that takes a text from elsewhere (`${env:NAME}`) is not known.
    """
    if "${" in condition:
        return None
    parser = _Parser(_TOKEN.findall(condition), span)
    try:
        found = parser.disjunction()
    except (IndexError, ValueError, re.error):
        return None
    return found if parser.at_end else None


class _Parser:
    """Reads tokens from left to right and evaluates them for one span."""

    def __init__(self, tokens: Sequence[str], span: ProbedSpan) -> None:
        self._tokens = list(tokens)
        self._span = span

    @property
    def at_end(self) -> bool:
        return not self._tokens

    def disjunction(self) -> bool | None:
        sides = [self._conjunction()]
        while self._takes("or"):
            sides.append(self._conjunction())
        return True if True in sides else None if None in sides else False

    def _conjunction(self) -> bool | None:
        sides = [self._negation()]
        while self._takes("and"):
            sides.append(self._negation())
        return False if False in sides else None if None in sides else True

    def _negation(self) -> bool | None:
        if self._takes("not"):
            inner = self._negation()
            return None if inner is None else not inner
        if self._takes("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> bool | None:
        left = self._operand()
        operator = self._tokens[0] if self._tokens else ""
        if operator not in {"==", "!="}:
            return left if isinstance(left, bool) else None
        self._tokens.pop(0)
        right = self._operand()
        if isinstance(left, _Unknown) or isinstance(right, _Unknown):
            return None
        return bool(left == right) == (operator == "==")

    def _operand(self) -> Any:  # noqa: ANN401 - a text, a truth value, nothing, or unknown
        token = self._tokens.pop(0)
        if token.startswith('"'):
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        if token in _WORDS:
            return _WORDS[token]
        if self._takes("("):
            return self._call(token)
        keys = []
        while self._takes("["):
            keys.append(self._operand())
            self._expect("]")
        return self._value(token.removeprefix("span."), keys)

    def _call(self, function: str) -> Any:  # noqa: ANN401 - as _operand
        arguments = [] if self._tokens[0] == ")" else [self._operand()]
        while self._takes(","):
            arguments.append(self._operand())
        self._expect(")")
        if function != "IsMatch" or any(isinstance(each, _Unknown) for each in arguments):
            return UNKNOWN
        text, pattern = arguments
        return text is not None and re.search(pattern, str(text)) is not None

    def _value(self, path: str, keys: Sequence[Any]) -> Any:  # noqa: ANN401 - as _operand
        if path == "attributes" and len(keys) == 1:
            return self._span.attributes.get(keys[0])
        if keys:
            return UNKNOWN
        return {_SCOPE: self._span.scope, _NAME: self._span.name}.get(path, UNKNOWN)

    def _takes(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise ValueError(f"no {token}")
