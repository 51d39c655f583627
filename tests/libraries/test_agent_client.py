"""The agent's answers are not mistaken for failures; the canary is computed as the tool computes it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from agent.client import AgentClient
from entry.entry_point import EntryPoint

AGENT = EntryPoint("http://weather.localtest.me:8080", "192.0.2.7:8080")
COMPLETED = {
    "contextId": "c-1",
    "kind": "task",
    "status": {"state": "completed"},
    "artifacts": [
        {"artifactId": "a", "parts": [{"kind": "text", "text": "WX-1"}, {"kind": "data", "data": {}}]}
    ],
}
FAILED = {**COMPLETED, "status": {"state": "failed"}, "artifacts": []}


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> list[dict[str, Any]]:
    requested: list[dict[str, Any]] = []

    def request(method: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401
        requested.append({"method": method, "url": url, **options})
        response = requests.Response()
        response.status_code = status
        response._content = body.encode()
        return response

    monkeypatch.setattr(requests, "request", request)
    return requested


def wait_for(requested: list[dict[str, Any]], number: int) -> None:
    """Wait, for 10 seconds at most, until there were so many requests."""
    end = time.monotonic() + 10
    while len(requested) < number and time.monotonic() < end:
        time.sleep(0.001)


def test_asks_by_the_host_name_in_the_context_given(monkeypatch: pytest.MonkeyPatch) -> None:
    requested = answering(monkeypatch, 200, json.dumps({"result": COMPLETED}))
    question = AgentClient().ask_the_agent(AGENT, "What is the weather in Paris?", "c-1", 5)
    assert (question.answer, question.failure, question.context_id) == ("WX-1", "", "c-1")
    (request,) = requested
    assert (request["method"], request["url"]) == ("POST", "http://weather.localtest.me:8080/")
    assert request["timeout"] == 5
    message = request["json"]["params"]["message"]
    assert message["contextId"] == "c-1"
    assert message["parts"] == [{"kind": "text", "text": "What is the weather in Paris?"}]


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (503, "no available server\n", "HTTP status 503: no available server"),
        (200, "<html>", "an answer that is not JSON: <html>"),
        (200, "[1]", "an answer without a task: [1]"),
        (200, '{"result": null}', 'an answer without a task: {"result": null}'),
        (200, {"result": {"kind": "message", "parts": []}}, "an answer without a task: "),
        (200, {"result": {**COMPLETED, "artifacts": [{"parts": None}]}}, "a completed task without any text"),
        (200, {"result": {**COMPLETED, "artifacts": [{"parts": [{"kind": "text"}]}]}}, "a completed task"),
        (200, {"error": {"code": -32601, "message": "Method not found"}}, "JSON-RPC error"),
        (200, {"result": FAILED}, "task state 'failed'"),
        (200, {"result": {**COMPLETED, "artifacts": []}}, "a completed task without any text"),
    ],
)
def test_a_failure_is_in_the_result(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str | Mapping[str, Any], failure: str
) -> None:
    answering(monkeypatch, status, body if isinstance(body, str) else json.dumps(body))
    question = AgentClient().ask_the_agent(AGENT, "?", "c-1", 5)
    assert question.answer == ""
    assert question.failure.startswith(failure)


def test_every_context_is_new() -> None:
    assert len({AgentClient().make_context_id() for _ in range(100)}) == 100


def test_the_canary_depends_on_the_city_and_the_seed() -> None:
    agent = AgentClient()
    assert agent.compute_weather("Paris", "acceptance") == agent.compute_weather("Paris", "acceptance")
    stations = {
        agent.compute_weather(*key)["station"] for key in (("Paris", "a"), ("Paris", "b"), ("Rome", "a"))
    }
    assert len(stations) == 3


def test_questions_in_the_background_go_on_until_they_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    requested = answering(monkeypatch, 200, json.dumps({"result": COMPLETED}))
    asker = AgentClient()
    asking = asker.ask_in_background(AGENT, ["a", "b", "c"], "batch", 5, 2)
    wait_for(requested, 600)
    questions = asker.stop_asking(asking)
    assert len(questions) == len(requested) >= 600
    asker.stop_all_asking()
    assert len(requested) == len(questions)
    assert [each.context_id for each in questions] == [
        f"batch-{number:03d}" for number in range(len(questions))
    ]
    assert [each.text for each in questions[:4]] == ["a", "b", "c", "a"]


def test_an_agent_that_is_down_is_not_flooded_with_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    requested = answering(monkeypatch, 503, "")
    asker = AgentClient()
    asking = asker.ask_in_background(AGENT, ["a"], "batch", 5, 2)
    wait_for(requested, 2)
    time.sleep(0.05)
    assert len(requested) == 2
    (first, second) = asker.stop_asking(asking)
    assert first.failure
    assert second.failure
