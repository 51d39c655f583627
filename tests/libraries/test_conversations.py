"""Conversations that mix are found: on recorded traces, each mistake by what should find it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.client import Question
from contracts.conversations import Conversations, judge, strangers
from tests.contracts.recordings import CONTRACTS, recordings
from traces.mlflow_reader import Sighting

CONTRACT = CONTRACTS / "weather-one-tool.yaml"
GOOD = next(found for found in recordings() if found.name == "own/one-tool.mlflow.json")
ASKED = Question(
    GOOD.expectation.question,
    GOOD.expectation.session,
    f"It is sunny (station {GOOD.expectation.canaries[0]}).",
    "",
    100.0,
    101.0,
)
SEEN = Sighting(GOOD.trace, 103.5)
CANARIES = {ASKED.context_id: list(GOOD.expectation.canaries), "other": ["WX-00000000"]}


def problems(question: Question = ASKED, *sightings: Sighting) -> str:
    found = judge([question], sightings or [SEEN], CANARIES, CONTRACT)[0].problems
    return "\n".join(problem.text for problem in found)


def test_a_good_conversation_has_no_problem_and_the_seconds_from_its_answer() -> None:
    judged = judge([ASKED], [SEEN], CANARIES, CONTRACT)[0]
    assert not judged.problems
    assert judged.seconds == 2.5
    said = Conversations().judge_conversations([ASKED], [SEEN], CANARIES, CONTRACT)
    assert "median 2.50 s" in said


def test_an_answer_with_another_canary_is_found() -> None:
    mixed = replace(ASKED, answer="It is rainy (station WX-00000000).")
    assert "without its canary" in problems(mixed)
    assert "another question's canary WX-00000000" in problems(mixed)


def test_a_missing_a_second_and_an_unfinished_trace_are_found() -> None:
    assert "has 0 traces" in judge([ASKED], [], CANARIES, CONTRACT)[0].problems[0].text
    assert "has 2 traces" in problems(ASKED, SEEN, SEEN)
    assert "never seen whole" in problems(ASKED, replace(SEEN, whole_at=None))


def test_a_trace_that_mixes_sessions_is_found() -> None:
    spans = list(GOOD.trace.spans)
    spans[3] = replace(spans[3], attributes={**spans[3].attributes, "session.id": "other"})
    mixed = replace(SEEN, trace=replace(GOOD.trace, spans=tuple(spans)))
    assert "other (1 spans)" in "\n".join(strangers([ASKED], [mixed]))
    assert not strangers([ASKED], [SEEN])
    assert "session" in problems(ASKED, mixed)


def test_a_foreign_canary_in_the_trace_is_found() -> None:
    spans = list(GOOD.trace.spans)
    spans[0] = replace(spans[0], attributes={**spans[0].attributes, "note": "WX-0000ABCD"})
    assert "canaries.foreign" in problems(ASKED, replace(SEEN, trace=replace(GOOD.trace, spans=tuple(spans))))


def test_turns_must_be_one_trace_each_in_order() -> None:
    keywords = Conversations()
    keywords.turns_should_be_traces([ASKED], [SEEN], list(GOOD.expectation.canaries), CONTRACT)
    with pytest.raises(AssertionError, match="made 0 traces"):
        keywords.turns_should_be_traces([ASKED], [], ["x"], CONTRACT)
    with pytest.raises(AssertionError, match="turn 1: causality"):
        keywords.turns_should_be_traces([ASKED], [SEEN], ["WX-00000000"], CONTRACT)


def test_the_message_begins_with_how_many_have_which_problem_and_stays_short() -> None:
    other = replace(ASKED, context_id="other", answer="It is rainy (station WX-00000000).")
    nameless = tuple(replace(span, name="x", kind=None) for span in GOOD.trace.spans)
    broken = replace(SEEN, trace=replace(GOOD.trace, spans=nameless))
    with pytest.raises(AssertionError) as failure:
        Conversations().judge_conversations([ASKED, other], [broken], CANARIES, CONTRACT)
    lines = str(failure.value).splitlines()
    assert lines[0].startswith("2 of 2 conversations are not good: ")
    assert "no trace of its session 1" in lines[0]
    assert "counts.AGENT 1" in lines[0]
    assert "more problems, see the log" in lines[4]
    assert len(lines) == 6
