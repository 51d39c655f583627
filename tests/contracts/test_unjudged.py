"""What cannot be known is said, and fails nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.evaluation import Facts
from contracts.judgement import Judgement, judge
from tests.contracts.mutations import Mutation, attribute, both, edited, lost
from tests.contracts.recordings import FACTS, recorded, shared_contract
from traces.model_calls import Usage, billed_usages

ONE_TOOL = recorded("one-tool")[0]
NO_ANSWERS = both(*(lost(f"LLM {number}", "output.value") for number in (1, 2)))


def judged(facts: Facts = FACTS, mutate: Mutation | None = None, name: str = "one-tool") -> Judgement:
    recording = recorded(name)[0]
    contract = replace(shared_contract(recording.contract), facts=facts)
    trace = mutate(recording.trace) if mutate else recording.trace
    return judge(contract, trace, recording.expectation)


@pytest.mark.parametrize(
    ("rule", "judgement"),
    [
        ("time.now", judged(replace(FACTS, clock_ahead=None))),
        ("model.configured", judged(replace(FACTS, model=None))),
        ("tokens.billed", judged(name="genai/genai")),
    ],
)
def test_what_cannot_be_known_is_said_and_fails_nothing(rule: str, judgement: Judgement) -> None:
    assert not judgement.findings
    (unjudged,) = judgement.unjudged
    assert unjudged.rule == rule
    assert unjudged.reason


def test_without_a_canary_the_rules_about_it_are_not_judged() -> None:
    recording = recorded("one-tool")[0]
    expectation = replace(recording.expectation, canaries=(), tool_calls=1)
    contract = replace(shared_contract(recording.contract), facts=FACTS)
    contract = replace(
        contract, sections={name: rules for name, rules in contract.sections.items() if name != "canaries"}
    )
    judgement = judge(contract, recording.trace, expectation)
    assert not judgement.findings
    assert [each.rule for each in judgement.unjudged] == [
        "causality.canary-comes-from-tool",
        "causality.canary-reaches-model",
        "causality.canary-reaches-answer",
    ]


def test_all_is_judged_where_all_is_known() -> None:
    assert judged().unjudged == []


def test_a_gateways_other_name_is_not_held_against_a_call_without_its_answer() -> None:
    renamed = both(NO_ANSWERS, attribute("LLM 1", "llm.model_name", "gpt-9"))
    judgement = judged(mutate=renamed)
    assert "model.named" in {each.rule for each in judgement.unjudged}
    assert not [each for each in judgement.violations if each.rule.startswith("model.")]


@pytest.mark.parametrize(
    "name",
    ["scripted-1", "openai/scripted", "Scripted", "scripted-2026-11-26", "scripted:3b", "scripted-latest"],
)
def test_a_release_or_a_provider_is_the_same_model(name: str) -> None:
    assert not judged(replace(FACTS, model=name)).violations


@pytest.mark.parametrize("name", ["scripted-mini", "other", "script", "scripted/other"])
def test_another_model_is_another_one(name: str) -> None:
    rules = {each.rule for each in judged(replace(FACTS, model=name)).violations}
    assert rules == {"model.configured"}


def test_a_machine_with_a_wrong_clock_finds_nothing_wrong() -> None:
    recording, hour = ONE_TOOL, 3600
    assert recording.expectation.times
    times = replace(
        recording.expectation.times,
        **{name: getattr(recording.expectation.times, name) - hour for name in ("asked", "answered", "read")},
    )
    contract = shared_contract(recording.contract)
    for ahead, rules in ((hour, set()), (0, {"time.now"})):
        facts = replace(FACTS, clock_ahead=ahead)
        judgement = judge(
            replace(contract, facts=facts), recording.trace, replace(recording.expectation, times=times)
        )
        assert {each.rule for each in judgement.violations} == rules


@pytest.mark.parametrize(
    ("agent", "seen"),
    [
        (None, "1:00:00 too late"),
        (3600.4, "so is the clock that the agent dates its answers by: 1:00:00 too late"),
        (-0.8, "the clock that the agent dates its answers by is right"),
    ],
)
def test_times_that_are_not_now_say_whose_clock_is_wrong(agent: float | None, seen: str) -> None:
    times = ONE_TOOL.expectation.times
    assert times
    known = replace(times, asked=times.asked - 3600, answered=times.answered - 3600, read=times.read - 3600)
    contract = replace(shared_contract(ONE_TOOL.contract), facts=replace(FACTS, agent_clock_ahead=agent))
    (found,) = judge(contract, ONE_TOOL.trace, replace(ONE_TOOL.expectation, times=known)).findings
    assert found.rule == "time.now"
    assert "10 of 10 spans at other times" in str(found)
    assert str(found).endswith(seen)


def test_what_a_cache_gave_may_be_counted_or_not() -> None:
    usage = '{"usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100}}'
    span = attribute("LLM 1", "output.value", usage)(ONE_TOOL.trace).of_kind("LLM")[0]
    assert billed_usages(span) == [Usage(10, 5), Usage(110, 5)]


@pytest.mark.parametrize(
    "answer", ["", "It is sunny.", "[1]", '{"usage": {"prompt_tokens": 0, "completion_tokens": 0}}']
)
def test_an_answer_without_a_bill_has_none(answer: str) -> None:
    span = attribute("LLM 1", "output.value", answer)(ONE_TOOL.trace).of_kind("LLM")[0]
    assert billed_usages(span) == []


@pytest.mark.parametrize("name", ["one-tool", "genai/genai", "public/01-send-v03"])
def test_a_long_text_alone_is_not_cut(name: str) -> None:
    """One text that ends in the middle of its JSON is no pattern: others are longer."""
    cut_one = edited("LLM 1", "input.value", lambda text: text[:100])
    assert "patterns.attributes-cut" not in {
        each.rule for each in judged(mutate=cut_one, name=name).violations
    }
