"""Reads trace contracts: what a good trace is, as YAML that people can read.

A contract is a file of `resources/contracts`, checked against `schema.json` beside it, which describes every
key. What the rules are and how a trace is evaluated by them: see `contracts.rules`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from contracts.evaluation import Facts
from contracts.selectors import ContractError, check_sentences
from yaml_errors import NOT_YAML

try:
    from yaml import CSafeLoader as SafeLoader  # ten times as fast, where it was built
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

CONTRACTS = Path(__file__).resolve().parents[2] / "resources" / "contracts"
SCHEMA = CONTRACTS / "schema.json"


@dataclass(frozen=True)
class Contract:
    """A checked contract: its sections, with what it extends merged in.

    `name` is its file's name without the ending, and those of its layers. `reason` says why it was chosen.
    `tolerated` are the names of violations that are reported and do not fail, each with the reason. `facts`
    are what was found of the agent and the cluster.
    """

    name: str
    description: str
    sections: Mapping[str, Any] = field(repr=False)
    reason: str = ""
    tolerated: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)

    @property
    def needs_canaries(self) -> bool:
        """Whether one of its rules asks for the question's canaries."""
        return any(rule["text"] == "$canaries" for rule in self.sections.get("causality", {}).values())


def load_contract(path: Path | str, layers: Sequence[str] = ()) -> Contract:
    """Read a contract and what it extends, then layers, each of which changes what is there.

    `path` is a file, or one of `resources/contracts`; a layer is a name of a file in
    `resources/contracts/layers`. Raises ContractError, in one sentence, where one is malformed.
    """
    path = _find(Path(path), Path())
    sections = _load(path, ())
    for layer in layers:
        file = CONTRACTS / "layers" / f"{layer}.yaml"
        own = _read(file)
        description = f"{sections['description']} {own['description']}"
        sections = {**_changed(sections, own, file.name), "description": description}
    try:
        check_sentences(sections)
    except ContractError as error:
        raise ContractError(f"{path.name}: {error}") from error
    return Contract(" + ".join([path.stem, *layers]), sections["description"], sections)


def _load(path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    own = _read(path, chain)
    base = (
        _load(_find(Path(own["extends"]), path.parent), (*chain, path.resolve())) if "extends" in own else {}
    )
    return _changed(base, own, path.name)


def _find(path: Path, folder: Path) -> Path:
    """Return a contract's file: relative to a folder, or where there is none to `resources/contracts`."""
    for file in (folder / path, CONTRACTS / path):
        if file.is_file():
            return file
    raise ContractError(f"There is no contract {path}, neither in {folder.resolve()} nor in {CONTRACTS}.")


def _changed(base: dict[str, Any], own: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Return the sections of `base` without what `own` takes away, with what it adds."""
    sections = deepcopy(base)
    for rule in own.get("without", ()):
        _remove(sections, rule, file)
    return _merged(sections, {key: value for key, value in own.items() if key not in ("extends", "without")})


def _read(path: Path, chain: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path.resolve() in chain:
        raise ContractError(f"{path.name} extends itself: remove one `extends`.")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ContractError(f"{path.name} is not YAML: {error}.") from error
    return deepcopy(_parse(text, path.name))


@lru_cache(maxsize=128)  # of each kind of question and backend much the same files are read
def _parse(text: str, file: str) -> dict[str, Any]:
    """Return a contract file's content."""
    try:
        own = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except NOT_YAML as error:
        raise ContractError(f"{file} is not YAML: {' '.join(str(error).split())}.") from error
    wrong = best_match(_validator().iter_errors(own))
    if wrong is not None:
        where = ".".join(str(step) for step in wrong.absolute_path) or "the contract"
        raise ContractError(f"{file}: {where}: {wrong.message}.")
    found: dict[str, Any] = own
    return found


def _remove(sections: dict[str, Any], rule: str, file: str) -> None:
    section, _, name = rule.partition(".")
    held, key = sections, section
    if name:
        held, key = sections.get(section, {}), name
    if section == "attributes" and name:
        selector, _, key = name.partition(".")
        held = held.get(selector, {}).get("required", {})
    if key not in held:
        raise ContractError(f"{file}: without: {rule!r} is no rule of the extended contract.")
    del held[key]


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged


class _Loader(SafeLoader):
    """Refuses a key that stands twice in one map; YAML itself would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        for key, times in keys.items():
            if times > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} stands twice in one map", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
