"""Every form of an answer that A2A has is understood, and what is none is a failure of one sentence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from robot.api.types import Secret
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from agent.asker import Asker
from agent.card import Interface
from agent.client import AgentClient, Question
from entry.addresses import entry_point_at, parse_address
from entry.entry_point import BearerToken, EntryPoint
from tests.libraries.a2a_agent import ANSWER, PREFIX, SLOW, Served, a2a_agent, serving

RECORDED = Path(__file__).parents[1] / "recorded" / "a2a-sdk-0.3.26"
TEXT = " ".join(ANSWER)
LIMIT = 5.0
# The ways to ask an agent, each with the path that is asked for then: as one answer, and as a stream.
WAYS = {
    ("JSONRPC", "0.3"): ("/", "/"),
    ("JSONRPC", "1.0"): ("/", "/"),
    ("HTTP+JSON", "0.3"): ("/rest/v1/message:send", "/rest/v1/message:stream"),
    ("HTTP+JSON", "1.0"): ("/rest/message:send", "/rest/message:stream"),
}


def interface(binding: str, version: str) -> Interface:
    path = "/rest" if binding == "HTTP+JSON" else "/"
    return Interface("a test", binding, version, path, streaming=True)


def at(served: Served) -> EntryPoint:
    return EntryPoint(f"http://{served.address}")


def asked(agent: EntryPoint, text: str, context: str = "c-1", limit: float = LIMIT) -> Question:
    return AgentClient().ask_the_agent(agent, text, context, limit)


@pytest.fixture(scope="module")
def agent() -> Iterator[Served]:
    with a2a_agent() as served:
        yield served


def ask_by(binding: str, version: str, served: Served, text: str, *, stream: bool) -> Question:
    """Ask an agent without a card in a way of one's own."""
    client = AgentClient()
    client._interfaces[at(served).url] = interface(binding, version)
    return client.ask_the_agent(at(served), text, "c-1", LIMIT, stream)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("binding", "version"), WAYS)
@pytest.mark.parametrize(
    ("form", "answer", "failure"),
    [
        ("artifact", None, ""),
        ("message", TEXT, ""),
        ("status", TEXT, ""),
        ("slow", None, ""),
        ("nothing", "", "a completed task without any text"),
        ("ask back", "", "the agent asks back instead of answering (input-required): Which Paris?"),
        (
            "log in",
            "",
            "the agent waits until somebody logs in for it (auth-required): Log in at the weather service.",
        ),
        ("reject", "", "the agent rejected the question: I know no weather."),
        ("fail", "", "the agent failed: No station answers."),
        ("fail in silence", "", "the agent failed, and does not say why"),
        ("cancel", "", "the agent canceled the task: Stopped."),
    ],
)
def test_every_form_of_an_answer_is_understood(  # noqa: PLR0913, PLR0917 - every form in every way
    agent: Served, binding: str, version: str, stream: bool, form: str, answer: str | None, failure: str
) -> None:
    question = ask_by(binding, version, agent, form, stream=stream)
    assert question.failure == failure
    if answer is None:  # an artifact that came in two parts: a stream's are pieces of one text
        assert question.answer.split() == TEXT.split()
        assert (question.answer == TEXT) is stream
    else:
        assert question.answer == answer
    assert question.context_id == "c-1"
    assert agent.asked[-1] == WAYS[binding, version][stream]
    assert bool(question.events) is stream
    if form == "slow":
        assert question.seconds >= SLOW


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("binding", "version"), WAYS)
def test_the_context_is_the_agents_where_it_answers_in_another(
    binding: str, version: str, stream: bool
) -> None:
    with a2a_agent(contexts="ignored") as served:
        question = ask_by(binding, version, served, "artifact", stream=stream)
    assert question.failure == ""
    assert question.context_id.startswith(PREFIX)
    assert len(served.asked) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("binding", "version"), list(WAYS)[:2])
def test_an_agent_that_rejects_our_context_is_asked_without_one(
    binding: str, version: str, stream: bool
) -> None:
    with a2a_agent(contexts="rejected") as served:
        question = ask_by(binding, version, served, "artifact", stream=stream)
    assert question.failure == ""
    assert question.context_id.startswith(PREFIX)
    assert len(served.asked) == 2


def test_the_next_turn_is_in_the_agents_context() -> None:
    with a2a_agent(contexts="rejected") as served:
        first = asked(at(served), "artifact")
        second = asked(at(served), "artifact", first.context_id)
        assert second.context_id == first.context_id
        assert len(served.asked) == 3


@pytest.mark.parametrize(("binding", "version"), WAYS)
def test_a_task_that_goes_on_after_the_answer_is_looked_at_until_it_is_done(
    binding: str, version: str
) -> None:
    with a2a_agent(waits=False) as served:
        question = ask_by(binding, version, served, "slow", stream=False)
    assert (question.failure, question.answer.split()) == ("", TEXT.split())
    assert SLOW <= question.seconds < LIMIT


def test_a_task_that_is_not_done_in_time_is_a_failure() -> None:
    with a2a_agent(waits=False) as served:
        question = asked(at(served), "endless", limit=1)
    assert question.failure in {
        "the task is still submitted after 1 s",
        "the task is still working after 1 s",
    }


@pytest.mark.parametrize(("binding", "version"), WAYS)
def test_an_agent_that_goes_on_and_does_not_say_how_it_stands_is_asked_once(
    binding: str, version: str
) -> None:
    with a2a_agent(waits=False, hides=True) as served:
        question = ask_by(binding, version, served, "slow", stream=False)
        sent = [request for request in served.requests if "tasks" not in request.path]
    assert "This agent shows no task." in question.failure
    assert len(sent) == (2 if binding == "JSONRPC" else 1)  # JSON-RPC looks at tasks at the same path


def test_an_agent_that_offers_no_streaming_is_not_asked_for_it(agent: Served) -> None:
    before = len(agent.asked)
    question = AgentClient().ask_the_agent(at(agent), "artifact", "c-1", LIMIT, stream=True)
    assert question.failure.startswith(
        "the agent offers no streaming; it is asked by A2A 0.3 over JSONRPC at /"
    )
    assert len(agent.asked) == before


def test_it_is_asked_by_the_host_name_and_with_the_login_but_without_a_trace_context(agent: Served) -> None:
    entry = entry_point_at("http://weather.localtest.me:8080", parse_address(agent.address))
    with_login = EntryPoint(entry.url, entry.address, BearerToken(Secret("s3cret")))
    assert asked(with_login, "artifact").failure == ""
    headers = agent.requests[-1].headers
    assert headers["host"] == "weather.localtest.me:8080"
    assert headers["authorization"] == "Bearer s3cret"
    assert not {"traceparent", "tracestate", "baggage"} & headers.keys()


def test_it_is_asked_through_a_proxy_that_the_environment_names(
    agent: Served, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    answer = Asker(at(agent), interface("JSONRPC", "1.0"), LIMIT)
    with pytest.raises(Exception, match="the request failed: the proxy gave no connection"):
        answer.ask("artifact", "c-1")


def answering(status: int, body: str, form: str = "application/json") -> ASGIApp:
    """Return an agent without a card that answers every question so."""

    def answer(_: Request) -> Response:
        return Response(body, status, media_type=form)

    return Starlette(routes=[Route("/", answer, methods=["POST"])])


TASK = '{"jsonrpc":"2.0","id":"1","result":{"kind":"task","id":"t","contextId":"c","status":{"state":%s}}}'


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (503, "no available server\n", "HTTP status 503: no available server"),
        (200, "<html>", "an answer that is not A2A 0.3: <html>"),
        (200, "", "an answer that is not A2A 0.3: nothing"),
        (200, "[1]", "an answer that is not A2A 0.3: [1]"),
        (200, '{"result": null}', 'an answer that is not A2A 0.3: {"result": null}'),
        (200, '{"result": {"kind": "task"}}', 'an answer that is not A2A 0.3: {"result": {"kind": "task"}}'),
        (200, '{"result": {"kind": "message", "parts": []}}', "an answer that is not A2A 0.3: "),
        (200, TASK % '"resting"', "an answer that is not A2A 0.3: "),
        (200, TASK % '"unknown"', "the agent ended with the task unspecified, and does not say why"),
        (
            200,
            '{"jsonrpc":"2.0","id":"1","error":{"code":-32601,"message":"Method not found"}}',
            "A2A error -32601: Method not found; the agent was asked by A2A 0.3 over JSONRPC at /, without "
            "streaming: it has no card (GET /.well-known/agent-card.json answers 404, "
            "GET /.well-known/agent.json answers 404)",
        ),
        (
            200,
            '{"jsonrpc":"2.0","id":"1","error":{"code":-31000,"message":"Too many questions"}}',
            "an A2A error: Too many questions; ",
        ),
    ],
)
def test_what_is_no_answer_is_a_failure(status: int, body: str, failure: str) -> None:
    with serving(answering(status, body)) as served:
        question = asked(at(served), "?")
    assert question.answer == ""
    assert question.failure.startswith(failure)


@pytest.mark.parametrize("code", [-32602, 400])
def test_a_question_that_is_rejected_in_any_context_is_asked_twice(code: int) -> None:
    status = code if code > 0 else 200
    body = '{"jsonrpc":"2.0","id":"1","error":{"code":CODE,"message":"No such skill"}}'.replace(
        "CODE", str(code)
    )
    with serving(answering(status, body)) as served:
        question = asked(at(served), "?")
    assert "No such skill" in question.failure
    assert len(served.asked) == 2


def recorded(send: str = "send.json", events: int = 4) -> ASGIApp:
    """Return an agent that answers as a server of a2a-sdk 0.3.26 did, with so many events of its stream."""
    stream = (RECORDED / "stream.txt").read_text(encoding="utf-8").split("\n\n")[:events]

    async def answer(request: Request) -> Response:
        if (await request.json())["method"] == "message/stream":
            return Response("".join(f"{event}\n\n" for event in stream), media_type="text/event-stream")
        return Response((RECORDED / send).read_bytes(), media_type="application/json")

    def card(_: Request) -> Response:
        return Response((RECORDED / "card.json").read_bytes(), media_type="application/json")

    return Starlette(
        routes=[Route("/", answer, methods=["POST"]), Route("/.well-known/agent-card.json", card)]
    )


@pytest.mark.parametrize(
    ("send", "answer", "failure"),
    [
        ("send.json", "It is sunny, station WX-1.", ""),
        ("message.json", "It is sunny, station WX-1.", ""),
        ("ask-back.json", "", "the agent asks back instead of answering (input-required): Which Paris?"),
    ],
)
def test_answers_of_a_server_of_a2a_0_3_are_understood(send: str, answer: str, failure: str) -> None:
    with serving(recorded(send)) as served:
        question = asked(at(served), "?", "acceptance-1")
    assert (question.answer, question.failure) == (answer, failure)
    assert served.requests[-1].headers["a2a-version"] == "0.3"


def test_a_stream_of_a_server_of_a2a_0_3_is_understood() -> None:
    with serving(recorded()) as served:
        question = AgentClient().ask_the_agent(at(served), "?", "acceptance-1", LIMIT, stream=True)
    assert (question.answer, question.failure, question.events) == ("It is sunny, station WX-1.", "", 4)


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        (0, "no event came"),
        (1, "the stream ended, and the task is still submitted (events: 1)"),
        (3, "the stream ended, and the task is still working (events: 3)"),
    ],
)
def test_a_stream_that_ends_too_early_is_a_failure(events: int, failure: str) -> None:
    with serving(recorded(events=events)) as served:
        question = AgentClient().ask_the_agent(at(served), "?", "acceptance-1", LIMIT, stream=True)
    assert (question.answer, question.failure) == ("", failure)


def test_a_stream_that_has_no_end_is_a_failure() -> None:
    event = (RECORDED / "stream.txt").read_text(encoding="utf-8").split("\n\n")[1]

    async def events() -> AsyncIterator[str]:
        while True:
            yield f"{event}\n\n"
            await asyncio.sleep(0.2)

    def answer(_: Request) -> Response:
        return StreamingResponse(events(), media_type="text/event-stream")

    with serving(Starlette(routes=[Route("/", answer, methods=["POST"])])) as served:
        client = AgentClient()
        client._interfaces[at(served).url] = interface("JSONRPC", "0.3")
        question = client.ask_the_agent(at(served), "?", "c-1", 1, stream=True)
    assert question.failure.startswith('no end of the answer after 1 s: data: {"id":"1"')
    assert question.seconds < LIMIT


def test_every_context_is_new() -> None:
    assert len({AgentClient().make_context_id() for _ in range(100)}) == 100


def test_the_canary_depends_on_the_city_and_the_seed() -> None:
    agent = AgentClient()
    assert agent.compute_weather("Paris", "acceptance") == agent.compute_weather("Paris", "acceptance")
    stations = {
        agent.compute_weather(*key)["station"] for key in (("Paris", "a"), ("Paris", "b"), ("Rome", "a"))
    }
    assert len(stations) == 3


def wait_for(served: Served, questions: int) -> None:
    """Wait, for 10 seconds at most, until there were so many."""
    end = time.monotonic() + 10
    while len(served.asked) < questions and time.monotonic() < end:
        time.sleep(0.001)


def test_questions_at_the_same_time_read_the_card_once() -> None:
    with a2a_agent() as served:
        questions = AgentClient().ask_at_once(at(served), ["artifact"] * 8, "batch", LIMIT)
        assert [each.context_id for each in questions] == [f"batch-{number:03d}" for number in range(1, 9)]
        assert [each.failure for each in questions] == [""] * 8
        assert len(served.requests) - len(served.asked) == 2  # for the card, and for one at its old place


def test_conversations_in_the_background_are_held_beside_each_other_each_in_its_own_context() -> None:
    with a2a_agent() as served:
        asked = AgentClient().start_conversations(
            at(served), [["slow", "message"], ["slow", "artifact"]], "batch", LIMIT
        )
        assert not asked.done()
        questions = asked.result()
    assert [(each.text, each.context_id, each.failure) for each in questions] == [
        ("slow", "batch-001", ""),
        ("message", "batch-001", ""),
        ("slow", "batch-002", ""),
        ("artifact", "batch-002", ""),
    ]
    assert questions[0].answered_at <= questions[1].asked_at
    assert questions[2].asked_at < questions[0].answered_at


def test_a_conversation_goes_on_in_the_context_that_the_agent_made() -> None:
    with a2a_agent(contexts="ignored") as served:
        asked = AgentClient().start_conversations(at(served), [["artifact", "artifact"]], "batch", LIMIT)
        first, second = asked.result()
    assert first.context_id.startswith(PREFIX)
    assert second.context_id == first.context_id


def test_a_conversation_ends_where_there_is_no_answer() -> None:
    with a2a_agent() as served:
        asked = AgentClient().start_conversations(
            at(served), [["fail", "artifact"], ["artifact"]], "batch", LIMIT
        )
        questions = asked.result()
    assert [(each.text, bool(each.failure)) for each in questions] == [("fail", True), ("artifact", False)]


def test_questions_in_the_background_go_on_until_they_are_stopped() -> None:
    asker = AgentClient()
    with a2a_agent() as served:
        asking = asker.ask_in_background(at(served), ["artifact", "status", "message"], "batch", LIMIT, 2)
        wait_for(served, 30)
        questions = asker.stop_asking(asking)
        assert len(questions) == len(served.asked) >= 30
        asker.stop_all_asking()
        assert len(served.asked) == len(questions)
    assert [each.context_id for each in questions] == [
        f"batch-{number:03d}" for number in range(len(questions))
    ]
    assert [each.text for each in questions[:4]] == ["artifact", "status", "message", "artifact"]


def test_an_agent_that_is_down_is_not_flooded_with_questions() -> None:
    asker = AgentClient()
    with serving(answering(503, "")) as served:
        asking = asker.ask_in_background(at(served), ["a"], "batch", LIMIT, 2)
        wait_for(served, 2)
        time.sleep(0.05)
        assert len(served.asked) == 2
        (first, second) = asker.stop_asking(asking)
    assert first.failure
    assert second.failure
