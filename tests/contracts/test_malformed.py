"""A contract that says nonsense is refused in one sentence that names the file and the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.contract import load_contract
from contracts.selectors import ContractError

GOOD = "description: A contract.\n"

MALFORMED = [
    ("", "the contract: None is not of type 'object'"),
    ("- a\n- list", "the contract: ['a', 'list'] is not of type 'object'"),
    ("counts: {LLM: 1}", "the contract: 'description' is a required property"),
    (
        GOOD + "count: {LLM: 1}",
        "the contract: Additional properties are not allowed ('count' was unexpected)",
    ),
    (GOOD + "roots: {number: 1}", "roots: Additional properties are not allowed ('number' was unexpected)"),
    (GOOD + "counts: {LLM: {least: 1}}", "counts.LLM: "),
    (GOOD + "counts: {LLM: -1}", "counts.LLM: "),
    (GOOD + "counts: {LLM: $many}", "counts.LLM: "),
    (GOOD + "counts: {llm: 1}", "counts: "),
    (GOOD + "tree: {a-rule: LLM below CHAIN}", "tree.a-rule: 'LLM below CHAIN' does not match"),
    (
        GOOD + "tree: {a-rule: each llm below CHAIN}",
        "'each llm below CHAIN' is not a sentence that contracts know",
    ),
    (GOOD + "tree: {A Rule: each LLM below CHAIN}", "tree: "),
    (GOOD + "order: {a-rule: TOOL after LLM}", "order.a-rule: 'TOOL after LLM' does not match"),
    (
        GOOD + "causality: {a-rule: {text: $answer, in: any LLM input}}",
        "causality.a-rule.text: '$answer' does not match",
    ),
    (GOOD + "causality: {a-rule: {text: $question}}", "causality.a-rule: 'in' is a required property"),
    (
        GOOD + "attributes: {LLM: {required: {a: {type: text}}}}",
        "attributes.LLM.required.a.type: 'text' is not one of",
    ),
    (
        GOOD + "attributes: {LLM: {required: {a: {pattern: '('}}}}",
        "attributes.LLM.required.a.pattern: '(' is not a 'regex'",
    ),
    (GOOD + "identity: {session: {}}", "identity.session: "),
    (GOOD + "status: {TOOL: FAILED}", "status.TOOL: "),
    (GOOD + "state: DONE", "state: 'DONE' is not one of"),
    (GOOD + "tokens: {add_up: false}", "tokens.add_up: True was expected"),
    (GOOD + "counts: {LLM: 1, LLM: 2}", "is not YAML: key 'LLM' stands twice in one map"),
    (GOOD + "counts: {LLM: 1", "is not YAML: "),
    (GOOD + "counts: {[LLM]: 1}", "is not YAML: unhashable type: 'list'"),
    (GOOD + "since: 2026-13-45", "is not YAML: month must be in 1..12"),
    (GOOD + "extends: missing.yaml", "There is no contract missing.yaml, neither in "),
    (GOOD + "extends: contract.yaml", "contract.yaml extends itself"),
    (GOOD + f"extends: {'a' * 256}", "is too long"),
    (
        GOOD + "extends: base.yaml\nwithout: [counts.TOOL]",
        "without: 'counts.TOOL' is no rule of the extended contract",
    ),
    (GOOD + "extends: base.yaml\nwithout: [attributes.LLM.b]", "without: 'attributes.LLM.b' is no rule"),
]


def test_a_contract_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_bytes("description: Über den Agenten".encode("latin-1"))
    with pytest.raises(
        ContractError, match=r"contract\.yaml is not YAML: 'utf-8' codec can't decode byte 0xdc"
    ):
        load_contract(path)


@pytest.mark.parametrize(("text", "message"), MALFORMED, ids=[message for _, message in MALFORMED])
def test_a_malformed_contract_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "base.yaml").write_text(GOOD + "counts: {LLM: 1}\nattributes: {LLM: {required: {a: {}}}}\n")
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    with pytest.raises(ContractError) as error:
        load_contract(path)
    assert message in str(error.value)
    assert "contract.yaml" in str(error.value) or "missing.yaml" in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_extending_merges_maps_and_drops_rules(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        GOOD + "state: OK\ncounts: {LLM: 1, TOOL: 1}\nattributes: {LLM: {required: {a: {}, b: {}}}}\n"
    )
    path = tmp_path / "own.yaml"
    path.write_text(
        "description: Mine.\nextends: base.yaml\ncounts: {LLM: 2}\n"
        "without: [state, counts.TOOL, attributes.LLM.a]\n"
    )
    assert load_contract(path).sections == {
        "description": "Mine.",
        "counts": {"LLM": 2},
        "attributes": {"LLM": {"required": {"b": {}}}},
    }
