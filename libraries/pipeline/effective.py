"""The configuration that a collector runs with, put together from its sources as the collector does it.

The rules are those of confmap, a package of the collector. tests/recorded/effective-configurations.yaml has
what the command `print-initial-config` of collector 0.122.1 printed for each of them. A running collector is
not asked: that command is a second process in its pod, which takes of its memory and prints secrets.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from yaml_errors import NOT_YAML

APPEND = "confmap.enableMergeAppendOption"  # a feature gate: lists are appended
MOST_EXPANSIONS = 100  # of one text, as in confmap
# The innermost reference, as ${env:NAME:-default}, ${NAME} or ${file:/path}. A doubled $ is a plain one.
_REFERENCE = re.compile(r"(?<!\$)(?P<plain>(?:\$\$)*)\$\{(?P<location>[^${}]*)\}")
_LOCATION = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<rest>.*)", re.DOTALL)
_KEPT = re.compile("\0(\\d+)\0")  # stands for a reference that stays


class UnreadError(Exception):
    """A source that cannot be read. Its message is a clause that says what it is, and why not."""


class Configuration(dict[str, Any]):
    """A collector's configuration. `unknown` has, by reference that stays in it, why that is not read."""

    def __init__(self, content: Mapping[str, Any], unknown: Mapping[str, str] | None = None) -> None:
        """Take the sections and what is unknown."""
        super().__init__(content)
        self.unknown = dict(unknown or {})

    def __repr__(self) -> str:
        """Return its sections: Robot Framework logs this text, and a configuration can have passwords."""
        return f"Configuration({', '.join(map(str, self))})"


def type_of(component: str) -> str:
    """Return the type that a component's or pipeline's name begins with, as `filter` of `filter/scopes`."""
    return component.partition("/")[0]


def make_configuration(command: Sequence[str], read: Callable[[str, str], str | None]) -> Configuration:
    """Return the configuration that a collector with this command runs with.

    `read` returns the text of a scheme's source, such as of `file` and a path, or of `env` and a name: None
    where there is no such variable. It raises UnreadError where a source cannot be read. Where it is all of a
    --config, this raises AssertionError; a reference inside stays as it is.
    """
    locations, texts = _options(command, "--config"), []
    if not locations:
        raise AssertionError(
            "The collector's configuration is unknown: its command names none, so the image's own holds."
        )
    for location in locations:
        scheme, rest = _split(location, otherwise="file")
        texts.append((location, rest if scheme == "yaml" else _read_source(scheme, rest, read)))
    # A --set comes after every --config, wherever it stands.
    for option in _options(command, "--set"):
        path, _, value = option.partition("=")
        texts.append((f"--set={path}", f"{path.strip().replace('.', '::')}: {value.strip()}"))
    merged: dict[str, Any] = {}
    for name, text in texts:
        _merge(merged, _nested(_load(name, text)), append=_appends(command))
    references = _References(read)
    return Configuration(references.expand(merged), references.unknown)


def _options(command: Sequence[str], name: str) -> list[str]:
    """Return the values of an option: `--name=value`, or `--name` and `value` after it."""
    following = [*command, ""][1:]
    return [
        each.removeprefix(f"{name}=") if each != name else after
        for each, after in zip(command, following, strict=True)
        if each == name or each.startswith(f"{name}=")
    ]


def _appends(command: Sequence[str]) -> bool:
    gates = [gate for option in _options(command, "--feature-gates") for gate in option.split(",")]
    return APPEND in {gate.removeprefix("+") for gate in gates}


def _split(location: str, otherwise: str) -> tuple[str, str]:
    """Return the scheme of a location and the rest; `otherwise` is that of one without."""
    found = _LOCATION.fullmatch(location)
    return (found["scheme"], found["rest"]) if found else (otherwise, location)


def _read_source(scheme: str, rest: str, read: Callable[[str, str], str | None]) -> str:
    try:
        return read(scheme, posixpath.normpath(rest) if scheme == "file" else rest) or ""
    except UnreadError as error:
        raise AssertionError(f"The collector's configuration is unknown: {error}.") from error


def _load(name: str, text: str) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(text)
    except NOT_YAML as error:  # its text quotes the line, which can have a password
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise AssertionError(f"The collector's configuration {name} is no YAML{where}.") from None
    if isinstance(content, Mapping | None):
        return content or {}
    raise AssertionError(f"The collector's configuration {name} has no sections.")


def _nested(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which no key is a path any more: `a::b` is b in a."""
    nested: dict[str, Any] = {}
    for path, value in content.items():
        found = _nested(value) if isinstance(value, dict) else value
        for key in reversed(str(path).split("::")):
            found = {key: found}
        _merge(nested, found)
    return nested


def _merge(into: dict[str, Any], more: Mapping[str, Any], *, append: bool = False) -> None:
    """Put more into a configuration: maps are merged; whatever else is replaced, lists unless they append."""
    for key, value in more.items():
        present = into.get(key)
        if isinstance(value, dict) and isinstance(present, dict):
            _merge(present, value, append=append)
        elif append and isinstance(value, list) and isinstance(present, list):
            into[key] = [*present, *(each for each in value if each not in present)]
        else:
            into[key] = value


class _References:
    """Puts values in place of references, and keeps why others stay."""

    def __init__(self, read: Callable[[str, str], str | None]) -> None:
        self._read = read
        self._kept: list[str] = []
        self.unknown: dict[str, str] = {}

    def expand(self, value: Any) -> Any:  # noqa: ANN401 - any part of a configuration
        """Return a part of a configuration with values in place of references."""
        if isinstance(value, dict):
            return {key: self.expand(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.expand(inner) for inner in value]
        return self._expand_text(value) if isinstance(value, str) else value

    def _expand_text(self, text: str) -> Any:  # noqa: ANN401
        is_value = False  # whether all of the text comes from one reference, which is YAML then
        for _ in range(MOST_EXPANSIONS):
            found = _REFERENCE.search(text)
            if found is None:
                break
            put = self._look_up(f"${{{found['location']}}}", found["location"])
            if found[0] == text and not found["plain"]:
                is_value = True
                content = _yaml_or_text(put)
                if isinstance(content, dict | list):
                    return self.expand(content)
            text = f"{text[: found.start()]}{found['plain']}{put}{text[found.end() :]}"
        text = _KEPT.sub(lambda kept: self._kept[int(kept[1])], text.replace("$$", "$"))
        return _yaml_or_text(text) if is_value else text

    def _look_up(self, reference: str, location: str) -> str:
        scheme, rest = _split(location, otherwise="env")
        name, default = rest, None
        if scheme == "env":
            name, separator, after = rest.partition(":-")
            default = after if separator else None
        try:
            text = rest if scheme == "yaml" else self._read(scheme, name)
        except UnreadError as error:
            self.unknown[reference] = str(error)
            self._kept.append(reference)
            return f"\0{len(self._kept) - 1}\0"
        return (default or "") if text is None else text


def _yaml_or_text(text: str) -> Any:  # noqa: ANN401 - whatever YAML has
    """Return what a text is as YAML. It stays a text where it is another form of a number: 0123 is no 83.

    The collector gives both to its components: they take the text where they want one.
    """
    try:
        content = yaml.safe_load(text)
    except NOT_YAML:
        return text
    if content is None or isinstance(content, dict | list):
        return content
    return content if json.dumps(content, default=str) == text else text
