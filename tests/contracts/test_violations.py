"""Violations are one line each, in a stable order, cut where they are long, and never show a secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.judgement import evaluate
from tests.contracts.mutations import KEY, attribute, both, changed, edited, everywhere, lost
from tests.contracts.recordings import recorded, shared_contract
from traces.model import Trace


def test_a_violation_is_one_line_and_never_shows_a_secret() -> None:
    recording = recorded("one-tool")[0]
    leaked = attribute("AGENT", "output.value", f"Your key\nis {KEY}")(recording.trace)
    lines = [
        str(violation)
        for violation in evaluate(shared_contract(recording.contract), leaked, recording.expectation)
    ]
    assert any(line.startswith("secrets.api-key: invoke_agent weather-assistant [") for line in lines)
    assert any(line.startswith("causality.model-output-is-the-answer: ") for line in lines)
    assert not [line for line in lines if "\n" in line or KEY in line]


@pytest.mark.parametrize("place", range(150, 215, 8))
def test_a_violation_that_cuts_a_long_value_shows_no_piece_of_a_secret(place: int) -> None:
    recording = recorded("one-tool")[0]
    leaked = attribute("AGENT", "output.value", f"{'x' * place} {KEY} {'x' * 200}")(recording.trace)
    found = evaluate(shared_contract(recording.contract), leaked, recording.expectation)
    (line,) = (str(each) for each in found if each.rule == "causality.model-output-is-the-answer")
    assert "sk-proj" not in line
    assert "characters)" in line


@pytest.mark.parametrize("place", range(120, 200, 8))
def test_a_long_path_shows_no_piece_of_a_secret(place: int) -> None:
    recording = recorded("one-tool")[0]
    named = both(
        lost("CHAIN:LangGraph", "input.value"), changed("CHAIN:LangGraph", name=f"{'x' * place} {KEY}")
    )(recording.trace)
    found = evaluate(shared_contract(recording.contract), named, recording.expectation)
    assert any(violation.rule == "attributes.CHAIN.input.value" for violation in found)
    assert not [line for line in map(str, found) if "sk-proj" in line]


def test_a_text_that_is_missing_is_shown_beside_what_is_there_instead() -> None:
    recording = recorded("one-tool")[0]
    content = "llm.input_messages.3.message.contents.0.message_content.text"
    changed = edited("LLM 2", content, lambda _: "no weather today")(recording.trace)
    found = evaluate(shared_contract(recording.contract), changed, recording.expectation)
    (line,) = (str(each) for each in found if each.rule == "causality.canary-reaches-model")
    (canary,) = recording.expectation.canaries
    assert line.endswith(
        f'expected the canary in the input of the last LLM: "{canary}", '
        'seen "no weather today", the last of 3 texts'
    )


def test_a_long_value_is_cut_and_its_length_is_named() -> None:
    recording = recorded("one-tool")[0]
    long = attribute("AGENT", "gen_ai.agent.name", "x" * 5000)(recording.trace)
    (line,) = map(str, evaluate(shared_contract(recording.contract), long, recording.expectation))
    assert line.endswith("x… (5002 characters)")
    assert len(line) < 500


def test_a_token_count_that_is_no_number_is_a_violation() -> None:
    recording = recorded("one-tool")[0]
    broken = attribute("LLM 1", "llm.token_count.total", "many")(recording.trace)
    (found,) = evaluate(shared_contract(recording.contract), broken, recording.expectation)
    assert found.rule == "attributes.LLM.llm.token_count.total"


def test_the_order_of_violations_does_not_depend_on_the_order_of_spans() -> None:
    recording = recorded("several-tools")[0]
    rules = shared_contract(recording.contract)
    broken = everywhere(lambda span: replace(span, status="ERROR", scope="x", attributes={}))(recording.trace)
    found = evaluate(rules, broken, recording.expectation)
    turned = evaluate(rules, replace(broken, spans=broken.spans[::-1]), recording.expectation)
    assert found == turned
    assert len(found) > 50


def test_an_empty_trace_breaks_the_counts() -> None:
    recording = recorded("one-tool")[0]
    nothing = Trace(recording.trace.trace_id, (), "mlflow", "IN_PROGRESS")
    found = {
        rule.rule for rule in evaluate(shared_contract(recording.contract), nothing, recording.expectation)
    }
    assert {"roots.count", "counts.AGENT", "counts.LLM", "counts.TOOL", "state.trace"} <= found
