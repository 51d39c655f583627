"""Conversations that mix are found: on recorded traces, each mistake by what should find it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.client import Question
from contracts.contract import load_contract
from contracts.conversations import ConversationResult, Conversations, evaluate_conversations, foreign_traces
from tests.contracts.recordings import recordings
from traces.model import Arrival

CONTRACT = load_contract("weather-one-tool.yaml")
GOOD = next(found for found in recordings() if found.name == "own/one-tool.mlflow.json")
ASKED = Question(
    GOOD.expectation.question,
    GOOD.expectation.session,
    f"It is sunny (station {GOOD.expectation.canaries[0]}).",
    "",
    100.0,
    101.0,
)
ARRIVED = Arrival(GOOD.trace, 103.5)
CANARIES = {ASKED.context_id: list(GOOD.expectation.canaries), "other": ["WX-00000000"]}


def result(question: Question = ASKED, *arrivals: Arrival) -> ConversationResult:
    return evaluate_conversations([question], arrivals, CANARIES, CONTRACT)[0]


def problems(question: Question = ASKED, *arrivals: Arrival) -> str:
    return "\n".join(problem.text for problem in result(question, *(arrivals or [ARRIVED])).problems)


def with_attribute(number: int, name: str, value: str) -> Arrival:
    """Return the good trace with an attribute of one of its spans changed."""
    spans = list(GOOD.trace.spans)
    spans[number] = replace(spans[number], attributes={**spans[number].attributes, name: value})
    return replace(ARRIVED, trace=replace(GOOD.trace, spans=tuple(spans)))


MIXED = with_attribute(3, "session.id", "other")


def test_a_good_conversation_has_no_problem_and_an_arrival_time() -> None:
    good = result(ASKED, ARRIVED)
    assert not good.problems
    assert good.arrival_seconds == 2.5
    message = Conversations().conversations_should_have_their_own_traces(
        [ASKED], [ARRIVED], CANARIES, CONTRACT
    )
    assert message == "1 trace, each with its own canary; arrival time: median 2.50 s, slowest 2.50 s."


def test_counts_whole_conversations_and_what_is_there_twice() -> None:
    again, lost = (
        replace(ARRIVED, trace=replace(GOOD.trace, trace_id="b" * 32)),
        replace(ARRIVED, whole_at=None),
    )
    count = Conversations().count_whole_conversations
    assert count([ASKED], [ARRIVED]) == (1, 0)
    assert count([ASKED], [ARRIVED, again]) == (1, 1)
    assert count([ASKED], [lost]) == (0, 0)
    assert count([replace(ASKED, context_id="of another")], [ARRIVED]) == (0, 0)


def test_only_traces_of_unanswered_questions_are_left_out() -> None:
    leave_out = Conversations().leave_out_traces_of
    unanswered = replace(ASKED, failure="no answer")
    nameless = replace(ARRIVED, trace=replace(GOOD.trace, spans=()))
    assert leave_out([], [ARRIVED]) == [ARRIVED]
    assert leave_out([replace(unanswered, context_id="other")], [ARRIVED]) == [ARRIVED]
    assert leave_out([unanswered], [ARRIVED, MIXED, nameless]) == [MIXED, nameless]


def test_no_question_is_no_success() -> None:
    with pytest.raises(AssertionError, match="No question was asked"):
        Conversations().conversations_should_have_their_own_traces([], [], {}, CONTRACT)


def test_an_answer_with_another_canary_is_found() -> None:
    mixed = replace(ASKED, answer="It is rainy (station WX-00000000).")
    assert "without its canary" in problems(mixed)
    assert "another question's canary WX-00000000" in problems(mixed)


def test_a_missing_a_second_and_an_unfinished_trace_are_found() -> None:
    missing = result(ASKED)
    assert f"has 0 traces of its session {ASKED.context_id}, expected 1" in missing.problems[0].text
    assert missing.trace_id is None
    assert "has 2 traces" in problems(ASKED, ARRIVED, ARRIVED)
    assert "never seen whole" in problems(ASKED, replace(ARRIVED, whole_at=None))


def test_the_conversation_without_a_whole_trace_is_found() -> None:
    find = Conversations().find_incomplete_conversation
    unfinished = replace(ARRIVED, whole_at=None)
    unanswered = replace(ASKED, failure="HTTP 502")
    assert find([ASKED], [ARRIVED]) == (None, None)
    assert find([ASKED], []) == (ASKED, None)
    assert find([ASKED], [unfinished]) == (ASKED, unfinished.trace)
    assert find([unanswered], []) == (None, None)
    assert find([ASKED, ASKED], [ARRIVED, ARRIVED]) == (None, None)
    assert find([ASKED, ASKED], [unfinished, ARRIVED]) == (ASKED, unfinished.trace)
    later = replace(ASKED, text="And in Rome?")
    assert find([ASKED, later], [ARRIVED]) == (later, None)
    assert find([ASKED, replace(ASKED, context_id="another")], [ARRIVED, ARRIVED]) == (None, None)


def test_the_verdict_about_an_incomplete_trace_comes_before_what_is_wrong() -> None:
    unfinished = replace(ARRIVED, whole_at=None)
    own, why = [list(GOOD.expectation.canaries)], "The trace is not whole: MLflow refused spans.\nHops: agent"
    with pytest.raises(AssertionError) as failure:
        Conversations().conversations_should_have_their_own_traces(
            [ASKED], [unfinished], CANARIES, CONTRACT, why
        )
    assert str(failure.value).startswith(f"{why}\n1 of 1 conversation failed: trace not whole 1.")
    with pytest.raises(AssertionError) as failure:
        Conversations().turns_should_have_their_own_traces([ASKED], [], own, CONTRACT, why)
    assert str(failure.value).startswith(f"{why}\nContext {ASKED.context_id} has 1 turn and 0 traces")


def test_a_trace_that_mixes_sessions_is_found() -> None:
    (mixed,) = foreign_traces([ASKED], [MIXED])
    assert mixed.text.startswith(f"Trace {GOOD.trace.trace_id} mixes 2 sessions: ")
    assert "other (1 span)" in mixed.text
    assert not foreign_traces([ASKED], [ARRIVED])
    assert "session" in problems(ASKED, MIXED)


def test_a_trace_of_no_question_is_foreign() -> None:
    spans = tuple(replace(span, attributes={}) for span in GOOD.trace.spans)
    sessionless = replace(ARRIVED, trace=replace(GOOD.trace, spans=spans))
    (foreign,) = foreign_traces([ASKED], [sessionless])
    assert foreign.text == f"Trace {GOOD.trace.trace_id} is foreign, its session is missing"
    (foreign,) = foreign_traces([replace(ASKED, context_id="another")], [ARRIVED])
    assert f"its session is {ASKED.context_id} (10 spans)" in foreign.text


def test_what_is_foreign_is_counted_beside_conversations_that_passed() -> None:
    spans = tuple(replace(span, attributes={"session.id": "x"}) for span in GOOD.trace.spans)
    foreign = replace(ARRIVED, trace=replace(GOOD.trace, trace_id="f" * 32, spans=spans))
    with pytest.raises(AssertionError) as failure:
        Conversations().conversations_should_have_their_own_traces(
            [ASKED], [ARRIVED, foreign], CANARIES, CONTRACT
        )
    assert str(failure.value) == (
        "1 trace is foreign; the conversation passed on its own. "
        f"First: Trace {'f' * 32} is foreign, its session is x (10 spans)"
    )


def test_a_foreign_canary_in_the_trace_is_found() -> None:
    assert "canaries.foreign" in problems(ASKED, with_attribute(0, "note", "WX-0000ABCD"))


def test_a_question_without_an_answer_needs_no_trace() -> None:
    unanswered = replace(ASKED, failure="HTTP 503")
    assert [problem.kind for problem in result(unanswered).problems] == ["no answer"]
    assert [problem.kind for problem in result(ASKED).problems] == ["no trace of its session"]


def test_turns_must_be_one_trace_each_in_order() -> None:
    turns_should_have_their_own_traces = Conversations().turns_should_have_their_own_traces
    turns_should_have_their_own_traces([ASKED], [ARRIVED], [list(GOOD.expectation.canaries)], CONTRACT)
    with pytest.raises(AssertionError, match=f"{ASKED.context_id} has 1 turn and 0 traces, expected one"):
        turns_should_have_their_own_traces([ASKED], [], [["x"]], CONTRACT)
    with pytest.raises(AssertionError) as failure:
        turns_should_have_their_own_traces([ASKED], [ARRIVED], [["WX-00000000"]], CONTRACT)
    assert str(failure.value).startswith(
        "The traces of 1 turn break contract weather-one-tool: turn 1 "
        f"(trace {GOOD.trace.trace_id}): canaries.foreign: "
    )
    with pytest.raises(AssertionError) as failure:
        turns_should_have_their_own_traces([ASKED] * 3, [ARRIVED] * 3, [["WX-00000000"]] * 3, CONTRACT)
    assert str(failure.value).startswith("The traces of 3 turns break contract weather-one-tool: turn 1 ")
    assert str(failure.value).endswith("; the same in 2 other turns")


def test_what_several_conversations_have_alike_is_one_line() -> None:
    names = [f"acceptance-{number}" for number in range(22)]
    asked = [replace(ASKED, context_id=name) for name in names]
    kindless = tuple(replace(span, kind=None) for span in GOOD.trace.spans)
    arrived = [
        Arrival(
            replace(
                GOOD.trace,
                trace_id=f"{number:032x}",
                spans=tuple(
                    replace(
                        span,
                        trace_id=f"{number:032x}",
                        attributes={**span.attributes, "session.id": name, "gen_ai.conversation.id": name},
                    )
                    for span in kindless
                ),
            ),
            103.5,
        )
        for number, name in enumerate(names)
    ]
    canaries = {name: list(GOOD.expectation.canaries) for name in names}
    with pytest.raises(AssertionError) as failure:
        Conversations().conversations_should_have_their_own_traces(asked, arrived, canaries, CONTRACT)
    (line,) = str(failure.value).splitlines()
    what = f"{ASKED.text} (trace {0:032x}) counts.other: expected 0 other spans, seen 10 ("
    assert line.startswith(f"22 of 22 conversations failed: counts.other 22. First: {what}")
    assert line.endswith("; the same in 21 other conversations")


def test_the_message_begins_with_how_many_have_which_problem_and_has_a_line_for_each() -> None:
    other = replace(ASKED, context_id="other", answer="It is rainy (station WX-00000000).")
    nameless = tuple(replace(span, name="x", kind=None) for span in GOOD.trace.spans)
    broken = replace(ARRIVED, trace=replace(GOOD.trace, spans=nameless))
    with pytest.raises(AssertionError) as failure:
        Conversations().conversations_should_have_their_own_traces(
            [ASKED, other], [broken], CANARIES, CONTRACT
        )
    first, *lines = str(failure.value).splitlines()
    assert first.startswith("2 of 2 conversations failed: counts.other 1, no trace of its session 1. First: ")
    assert len(lines) == 1
