"""Judges a trace by a trace contract: what a good trace is, as YAML that people can read.

A contract is a file of `resources/contracts`, checked against `schema.json` beside it, which describes every
key. `evaluate` returns all violations, in the order of the sections below and of the rules in the file.
The rules, by id:

- `spans.unique-id`, `spans.trace-id`: always; no span id twice, and every span is of this trace.
- `roots.count`, `roots.span`: how many spans have no parent, and what they are.
- `orphans.allowed`: no span's parent is missing, and every span's ancestors lead to a root.
- `counts.SELECTOR`: how many such spans there are; `counts.other` is for all spans that are not named.
- `tree.NAME`: which spans are below which.
- `time.duration`, `time.outside-parent`, `time.outside-root`: no span ends before it starts, or lies outside
  its parent or the root.
- `order.NAME`: which spans start only after others have ended.
- `attributes.SELECTOR.ATTRIBUTE`, `attributes.SELECTOR.forbidden`: what a span carries, and what not.
- `scopes.allowed`: which instrumentations the spans may come from.
- `identity.NAME`: one session, one user, one service in the whole trace.
- `causality.NAME`: the text of one span is contained in another's: the question in the model's input, the
  tool's output in the next model call's input, the model's last output in the agent's.
- `canaries.foreign`: no canary of another question anywhere.
- `tokens.counted-by`, `tokens.add-up`, `tokens.counted-once`, `tokens.trace-total`: token arithmetic.
- `status.SELECTOR`, `events.NAME`: which spans failed, and that failures say why.
- `state.trace`: MLflow's word for the whole trace.
- `secrets.NAME`, `secrets.keys`: no API key, bearer token or password anywhere; never shown in a violation.

What a backend does not keep is not judged there: `contract_rules.NOT_KEPT` is the one place that says what.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from contracts.rules import ContractError, Expectation, Judge, Violation, check_sentences
from traces.model import Trace

__all__ = [
    "Contract",
    "ContractError",
    "Expectation",
    "Violation",
    "evaluate",
    "load_contract",
    "spans_demanded",
]

CONTRACTS = Path(__file__).resolve().parents[2] / "resources" / "contracts"
SCHEMA = CONTRACTS / "schema.json"


@dataclass(frozen=True)
class Contract:
    """A checked contract: its file's name without the ending, and its sections, what it extends merged in."""

    name: str
    description: str
    sections: Mapping[str, Any] = field(repr=False)


def load_contract(path: Path | str) -> Contract:
    """Read a contract and what it extends.

    `path` is below `resources/contracts` unless it is absolute. Raises ContractError, in one sentence, where
    a contract is malformed.
    """
    path = CONTRACTS / path
    sections = _load(path, ())
    try:
        check_sentences(sections)
    except ContractError as error:
        raise ContractError(f"{path.name}: {error}") from error
    return Contract(path.stem, sections["description"], sections)


def evaluate(contract: Contract, trace: Trace, expectation: Expectation) -> list[Violation]:
    """Return all violations of the contract, in a stable order; empty for a good trace.

    Raises ContractError where the contract asks for canaries and the expectation has none.
    """
    judge = Judge(contract.sections, trace, expectation)
    return [violation for rules in judge.rules() for violation in rules]


def spans_demanded(contract: Contract, expectation: Expectation) -> int:
    """Return how many spans a trace has that fulfils the contract: its counts of all kinds together.

    Raises ContractError where it leaves the number of a kind open.
    """
    total = 0
    for selector, wanted in contract.sections.get("counts", {}).items():
        if not selector.isalpha() or selector == "other":
            continue  # a part of a kind that has a count of its own
        number = expectation.value(wanted)
        if not isinstance(number, int):
            raise ContractError(
                f"Contract {contract.name!r} does not say how many {selector} spans there are, so its spans "
                "cannot be counted: use one that does."
            )
        total += number
    return total


def _load(path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in chain:
        raise ContractError(f"{path.name} extends itself: remove one `extends`.")
    try:
        own = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise ContractError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ContractError(f"{path.name} is not YAML: {' '.join(str(error).split())}.") from error
    wrong = best_match(_validator().iter_errors(own))
    if wrong is not None:
        where = ".".join(str(step) for step in wrong.absolute_path) or "the contract"
        raise ContractError(f"{path.name}: {where}: {wrong.message}.")
    sections: dict[str, Any] = {}
    if "extends" in own:
        sections = _load(path.parent / own["extends"], (*chain, path.resolve()))
        for rule in own.get("without", ()):
            _remove(sections, rule, path.name)
    return _merged(sections, {key: value for key, value in own.items() if key not in ("extends", "without")})


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


class _Loader(yaml.SafeLoader):
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
