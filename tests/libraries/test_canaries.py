"""Canaries of a tool without a seed are values of its output that nobody else can know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.client import Question
from contracts.canaries import distinctive_values, is_said, pick_canaries, pick_canaries_of_conversations
from tests.contracts.mutations import attribute, removed
from tests.contracts.recordings import Recording, recordings
from traces.model import Arrival, Trace

NAMED = {recording.name: recording for recording in recordings()}
PUBLIC = NAMED["public/01-send-v03.otlp.jsonl"]
OWN = NAMED["own/several-tools.mlflow.json"]
SAID = "Paris has 54.3 degrees and wind of 7.1 km/h."


def asked(recording: Recording, answer: str) -> Question:
    known = recording.expectation
    return Question(known.question, known.session, answer, "", 0.0, 1.0)


@pytest.mark.parametrize(
    ("output", "values"),
    [
        ('{"temperature": 54.3, "wind": 7.1, "code": 30, "interval": 900}', ["54.3"]),
        ('{"population": 2102650, "year": 2026}', ["2102650"]),
        ('{"station": "WX-1A2B3C4D", "time": "2026-11-26T02:00"}', ["WX-1A2B3C4D", "2026-11-26T02:00"]),
        ('{"place": "Roland Garros", "sky": "cloudy", "short": "Rue"}', ["Roland Garros"]),
        ('[{"data": {"mean": -12.75}}]', ["-12.75"]),
        ("It is 21.50 degrees at station LFPB1.", ["21.50", "LFPB1"]),
        ("City Atlantis not found", []),
        ("", []),
    ],
)
def test_numbers_codes_and_names_are_distinctive(output: str, values: list[str]) -> None:
    assert distinctive_values([output], []) == values


def test_what_stands_in_the_question_or_the_prompt_is_not_distinctive() -> None:
    output = '{"station": "WX-1A2B3C4D", "limit": 10.25, "temperature": 10.2}'
    known = ["Is it above 10.25 degrees at wx-1a2b3c4d?", "Say 110.2 never."]
    assert distinctive_values([output], known) == ["10.2"]


@pytest.mark.parametrize(
    ("value", "text", "said"),
    [
        ("10.6", "It is 10.6.", True),
        ("10.6", "It is 10.68", False),
        ("10.6", "It is 110.6", False),
        ("-5.25", "It is -5.25 °C", True),
        ("WX-1A", "(station WX-1A)", True),
        ("WX-1A", "(station WX-1A2)", False),
    ],
)
def test_a_value_stands_in_a_text_as_a_whole_only(value: str, text: str, said: bool) -> None:
    assert is_said(value, text) == said


@pytest.mark.parametrize("trace", [PUBLIC.trace, PUBLIC.unfiltered], ids=["filtered", "unfiltered"])
def test_the_canaries_are_the_tools_values_that_the_answer_says(trace: Trace) -> None:
    assert pick_canaries(asked(PUBLIC, SAID), trace) == ["54.3"]


def test_the_tool_servers_span_does_where_the_agent_makes_none() -> None:
    trace = removed("TOOL")(PUBLIC.unfiltered)
    assert not trace.of_kind("TOOL")
    assert pick_canaries(asked(PUBLIC, SAID), trace) == ["54.3"]


def test_a_call_that_only_the_genai_conventions_name_is_followed_too() -> None:
    recording = NAMED["climate/genai.mlflow.json"]
    answer = str(recording.trace.roots[0].attributes["output.value"])
    assert {span.kind for span in recording.trace.spans} == {None}
    assert pick_canaries(asked(recording, answer), recording.trace) == recording.expectation.canaries


@pytest.mark.parametrize(
    "trace", [PUBLIC.trace, removed("TOOL")(PUBLIC.trace)], ids=["tool called", "no tool called"]
)
def test_a_model_that_answers_from_memory_did_not_use_its_tool(trace: Trace) -> None:
    with pytest.raises(AssertionError, match=r"^The model did not use its tool: .*: It is mild in Paris\."):
        pick_canaries(asked(PUBLIC, "It is mild in Paris."), trace)


def test_each_tool_calls_answer_must_be_used() -> None:
    stations = OWN.expectation.canaries
    assert set(stations) <= set(pick_canaries(asked(OWN, " and ".join(stations)), OWN.trace))
    with pytest.raises(AssertionError, match="The model did not use its tool: the answer says none of the"):
        pick_canaries(asked(OWN, " and ".join(stations[:2])), OWN.trace)


def test_without_an_answer_all_values_of_the_tool_are_canaries() -> None:
    question = replace(asked(PUBLIC, ""), failure="task state 'failed'")
    assert pick_canaries(question, PUBLIC.trace)[0] == "54.3"


def test_an_output_without_a_distinctive_value_has_no_canary() -> None:
    trace = attribute("TOOL", "output.value", "sunny")(PUBLIC.trace)
    assert pick_canaries(asked(PUBLIC, "It is sunny."), trace) == []


def conversation(session: str, temperature: str, text: str = "") -> tuple[Question, Arrival]:
    """Return a question of that session and its trace, whose tool answers a time that all others have too."""
    output = f'{{"time": "2026-11-26T02:00", "temperature": {temperature}}}'
    trace = attribute("AGENT", "session.id", session)(PUBLIC.trace)
    trace = attribute("TOOL", "output.value", output)(trace)
    question = replace(
        asked(PUBLIC, f"At 2026-11-26T02:00 it was {temperature} degrees."), context_id=session
    )
    question = replace(question, text=text or question.text)
    return question, Arrival(trace, 1.0)


def test_a_value_that_two_conversations_have_is_no_canary() -> None:
    questions, arrivals = map(list, zip(conversation("a", "10.25"), conversation("b", "11.75"), strict=True))
    found = pick_canaries_of_conversations(questions, arrivals)  # type: ignore[arg-type] # zip has no pairs
    assert found == {"a": ["10.25"], "b": ["11.75"]}


def test_a_conversation_can_be_without_a_value_of_its_own() -> None:
    both = conversation("a", "10.25"), conversation("b", "10.25", "And in Rome?")
    questions, arrivals = map(list, zip(*both, strict=True))
    found = pick_canaries_of_conversations(questions, arrivals)  # type: ignore[arg-type] # zip has no pairs
    assert found == {"a": [], "b": []}


def test_a_conversation_whose_model_did_not_use_its_tool_is_a_problem() -> None:
    question, arrival = conversation("a", "10.25")
    with pytest.raises(AssertionError, match=r"^1 of 1 conversation cannot be followed"):
        pick_canaries_of_conversations([replace(question, answer="It is mild.")], [arrival])


def test_conversations_that_ask_the_same_may_be_answered_with_the_same_values() -> None:
    questions, arrivals = map(list, zip(conversation("a", "10.25"), conversation("b", "10.25"), strict=True))
    found = pick_canaries_of_conversations(questions, arrivals)  # type: ignore[arg-type] # zip has no pairs
    assert found == {session: ["10.25", "2026-11-26T02:00"] for session in "ab"}


def test_a_conversation_without_a_trace_has_no_canary_yet() -> None:
    question, _ = conversation("a", "10.25")
    assert pick_canaries_of_conversations([question], []) == {"a": []}
