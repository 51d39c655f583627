"""Good recordings break no rule, and show what the filter and the agent's settings are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.contract import load_contract
from contracts.evaluation import Violation
from contracts.judgement import evaluate, judge
from contracts.rules.structure import demanded_spans
from contracts.rules.tokens import sum_tokens
from contracts.selectors import ContractError
from tests.contracts.mutations import changed
from tests.contracts.recordings import CONTRACTS, Recording, recordings, shared_contract

ALL = recordings()
BY_NAME = {recording.name: recording for recording in ALL}
PUBLIC = BY_NAME["public/01-send-v03.otlp.jsonl"]
UNFILTERED = [replace(each, trace=each.unfiltered) for each in ALL if each.unfiltered is not each.trace]


def violations(
    recording: Recording, contract_name: str | None = None, layers: tuple[str, ...] | None = None
) -> list[Violation]:
    path = CONTRACTS / f"{contract_name}.yaml" if contract_name else recording.contract
    layers = recording.layers if layers is None else layers
    return evaluate(shared_contract(path, layers), recording.trace, recording.expectation)


@pytest.mark.parametrize("recording", ALL, ids=lambda recording: recording.name)
def test_a_good_recording_breaks_no_rule(recording: Recording) -> None:
    assert [str(violation) for violation in violations(recording)] == []


def test_every_contract_has_a_recording() -> None:
    written = {path.stem for path in CONTRACTS.glob("*.yaml")}
    assert written == {recording.contract.stem for recording in ALL}


def test_the_filter_alone_leaves_the_public_agent_an_orphan() -> None:
    found = violations(PUBLIC, layers=("whole-tree",))
    assert {violation.rule for violation in found} == {
        "orphans.allowed",
        "tree.graph-below-agent",
        "tree.chain-below-agent",
    }


@pytest.mark.parametrize("layers", [("unfiltered",), ("unfiltered", "tool-server")])
def test_without_the_filter_doubled_tokens_are_the_one_violation(layers: tuple[str, ...]) -> None:
    for recording in UNFILTERED:
        found = violations(recording, layers=layers)
        billed = sum_tokens(recording.trace.of_kind("LLM"))["total"]
        assert [violation.rule for violation in found] == ["tokens.doubled"] * bool(billed)


def test_doubled_tokens_say_what_is_shown_and_what_was_billed() -> None:
    (found,) = violations(replace(PUBLIC, trace=PUBLIC.unfiltered), layers=("unfiltered",))
    assert found.name == "tokens-doubled"
    assert found.seen == (
        "OTLP shows 422 + 188 tokens, the model billed 211 + 94: two instrumentations count each call "
        "(ChatOpenAI, openai.chat)"
    )


def test_what_is_tolerated_is_no_violation_and_nothing_else_is_tolerated() -> None:
    contract = shared_contract(PUBLIC.contract, ("unfiltered",))
    tolerant = replace(contract, tolerated={"tokens-doubled": "both are on"})
    broken = changed("TOOL", kind="CHAIN")(PUBLIC.unfiltered)
    judgement = judge(tolerant, PUBLIC.unfiltered, PUBLIC.expectation)
    assert not judgement.violations
    assert [violation.name for violation in judgement.tolerated] == ["tokens-doubled"]
    assert "counts.TOOL" in {rule.rule for rule in judge(tolerant, broken, PUBLIC.expectation).violations}


@pytest.mark.parametrize("recording", ALL, ids=lambda recording: recording.name)
def test_any_agents_contract_holds_for_every_recording(recording: Recording) -> None:
    allowed = {"orphans.allowed"} if recording.trace.orphans else set()
    if "model-fails" in recording.contract.stem:
        allowed.add(
            "attributes.ROOT.output.value|mlflow.spanOutputs|gen_ai.completion|gen_ai.output.messages"
        )
    if "many-tools" in recording.contract.stem:
        allowed.add("patterns.attributes-dropped")
    assert {violation.rule for violation in violations(recording, "any-agent", ())} <= allowed


def test_attributes_that_the_sdk_dropped_are_one_finding_by_name() -> None:
    recording = BY_NAME["likeness/many-tools.otlp.jsonl"]
    contract = shared_contract(CONTRACTS / "public-weather-several-tools.yaml")
    found = judge(contract, recording.trace, recording.expectation).findings[0]
    assert found.rule == "patterns.attributes-dropped"
    assert found.violations[0].name == "attributes-dropped"
    assert found.violations[0].seen == (
        "128 attributes, its SDK's limit (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT): it dropped others "
        "(input.mime_type, input.value, output.mime_type, …)"
    )
    assert {violation.rule.split(".")[0] for violation in found.consequences} == {"attributes", "causality"}


def test_an_oddity_explains_only_what_it_is_about() -> None:
    recording = BY_NAME["replayed/11-model-500.mlflow.json"]
    contract = shared_contract(recording.contract)
    good = judge(contract, recording.trace, recording.expectation)
    assert {each.rule for each in good.oddities["root-ok-though-model-failed"]} == {
        "status.AGENT",
        "state.trace",
    }
    failed = changed("AGENT", status="UNSET")(recording.trace)
    rules = {violation.rule for violation in judge(contract, failed, recording.expectation).violations}
    assert {"status.AGENT", "state.trace"} <= rules


def test_oddities_are_reported_by_name() -> None:
    seen = {
        name
        for recording in UNFILTERED
        for name in judge(
            shared_contract(recording.contract, ("unfiltered", "tool-server")),
            recording.trace,
            recording.expectation,
        ).oddities
    }
    assert seen == {
        "http-error-without-exception",
        "queue-shut-down",
        "root-ok-though-model-failed",
        "sdk-drops-the-oldest-attributes",
        "tool-error-on-the-servers-span-only",
    }


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


@pytest.mark.parametrize(
    "recording",
    [recording for recording in ALL if recording.contract.stem != "any-agent"],
    ids=lambda recording: recording.name,
)
def test_a_contract_says_how_many_spans_its_traces_have(recording: Recording) -> None:
    demanded = demanded_spans(load_contract(recording.contract), recording.expectation)
    assert demanded == len(recording.trace.spans)


def test_a_contract_that_leaves_a_number_open_cannot_be_counted() -> None:
    rules = load_contract(CONTRACTS / "shared" / "agent.yaml")
    with pytest.raises(ContractError, match="does not say how many CHAIN spans there are"):
        demanded_spans(rules, PUBLIC.expectation)
