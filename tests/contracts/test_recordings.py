"""Good recordings break no rule, and show what the filter and the agent's settings are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.contract import load_contract
from contracts.evaluation import Violation
from contracts.rules import evaluate
from contracts.rules.structure import demanded_spans
from contracts.selectors import ContractError
from tests.contracts.recordings import CONTRACTS, Recording, recordings, shared_contract

ALL = recordings()
BY_NAME = {recording.name: recording for recording in ALL}
PUBLIC = BY_NAME["public/01-send-v03.otlp.jsonl"]


def violations(recording: Recording, contract_name: str | None = None) -> list[Violation]:
    path = CONTRACTS / f"{contract_name}.yaml" if contract_name else recording.contract
    return evaluate(shared_contract(path), recording.trace, recording.expectation)


@pytest.mark.parametrize("recording", ALL, ids=lambda recording: recording.name)
def test_a_good_recording_breaks_no_rule(recording: Recording) -> None:
    assert [str(violation) for violation in violations(recording)] == []


def test_every_contract_has_a_recording() -> None:
    written = {path.stem for path in CONTRACTS.glob("*.yaml")}
    assert written - {recording.contract.stem for recording in ALL} == set()


def test_the_filter_alone_leaves_the_public_agent_an_orphan() -> None:
    found = violations(PUBLIC, "public-weather-whole")
    assert {violation.rule for violation in found} == {
        "orphans.allowed",
        "tree.graph-below-agent",
        "tree.chain-below-agent",
    }


def test_without_the_filter_the_public_agents_tokens_count_twice() -> None:
    found = violations(replace(PUBLIC, trace=PUBLIC.unfiltered))
    rules = [violation.rule for violation in found]
    assert rules.count("tokens.counted-once") == 2
    assert rules.count("tokens.counted-by") == 2
    assert {"counts.other", "scopes.allowed", "identity.service"} <= set(rules)


def test_a_contract_of_another_question_does_not_hold() -> None:
    """No recording fulfils the contract of another kind of question."""
    names = ("one-tool", "no-tool", "tool-fails", "model-fails")
    for name in names:
        recording = BY_NAME[f"own/{name}.mlflow.json"]
        canaries = recording.expectation.canaries or ("WX-00000000",)
        known = replace(recording, expectation=replace(recording.expectation, canaries=canaries))
        for other in names:
            if other != name:
                assert violations(known, f"weather-{other}"), (name, other)


@pytest.mark.parametrize("recording", ALL, ids=lambda recording: recording.name)
def test_a_contract_says_how_many_spans_its_traces_have(recording: Recording) -> None:
    demanded = demanded_spans(load_contract(recording.contract), recording.expectation)
    assert demanded == len(recording.trace.spans)


def test_a_contract_that_leaves_a_number_open_cannot_be_counted() -> None:
    rules = load_contract(CONTRACTS / "shared" / "agent.yaml")
    with pytest.raises(ContractError, match="does not say how many CHAIN spans there are"):
        demanded_spans(rules, PUBLIC.expectation)
