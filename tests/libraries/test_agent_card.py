"""How an agent is asked follows from its card, whatever the card leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from agent.card import CARD_PATHS, Interface, choose_interface, read_interface
from agent.client import AgentClient
from entry.entry_point import EntryError, EntryPoint
from tests.libraries.a2a_agent import Served, a2a_agent, serving

NEW, OLD = CARD_PATHS
AGENT = EntryPoint("http://weather.localtest.me:8080")
LIMIT = 5.0
INSIDE = "http://weather-service.team1.svc.cluster.local:8000"  # nobody outside of the cluster reaches it


def offered(binding: str, version: str, path: str = "/", **more: str) -> dict[str, str]:
    return {"url": INSIDE + path, "protocolBinding": binding, "protocolVersion": version, **more}


def chosen(card: Any, agent: EntryPoint = AGENT) -> tuple[str, str, str]:  # noqa: ANN401 - JSON
    interface = choose_interface(card, agent, NEW)
    assert interface.problem == ""
    return interface.version, interface.binding, interface.path


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        # A2A 1.0: the first that is spoken here
        ({"supportedInterfaces": [offered("JSONRPC", "1.0")]}, ("1.0", "JSONRPC", "/")),
        ({"supportedInterfaces": [offered("JSONRPC", "1.0.1")]}, ("1.0", "JSONRPC", "/")),
        (
            {"supportedInterfaces": [offered("JSONRPC", "0.3"), offered("JSONRPC", "1.0")]},
            ("0.3", "JSONRPC", "/"),
        ),
        (
            {"supportedInterfaces": [offered("GRPC", "1.0"), offered("HTTP+JSON", "1.0", "/rest")]},
            ("1.0", "HTTP+JSON", "/rest"),
        ),
        (
            {"supportedInterfaces": [offered("JSONRPC", "2.0"), offered("JSONRPC", "1.0", "/v1")]},
            ("1.0", "JSONRPC", "/v1"),
        ),
        ({"supportedInterfaces": [{"url": INSIDE}]}, ("1.0", "JSONRPC", "/")),
        # An interface without a version, as agents of a2a-sdk 1.x serve it to clients of 0.3 too
        (
            {
                "supportedInterfaces": [{"url": f"{INSIDE}/", "protocolBinding": "JSONRPC"}],
                "preferredTransport": "JSONRPC",
                "protocolVersion": "0.3",
                "url": f"{INSIDE}/",
            },
            ("0.3", "JSONRPC", "/"),
        ),
        # A2A 0.3 and 0.2
        (
            {"url": INSIDE, "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC"},
            ("0.3", "JSONRPC", "/"),
        ),
        ({"url": f"{INSIDE}/a2a/v1", "protocolVersion": "0.2.5"}, ("0.3", "JSONRPC", "/a2a/v1")),
        ({"url": INSIDE}, ("0.3", "JSONRPC", "/")),
        ({"url": "weather-service:8000/a2a"}, ("0.3", "JSONRPC", "/a2a")),
        (
            {
                "url": f"{INSIDE}/grpc",
                "preferredTransport": "GRPC",
                "additionalInterfaces": [
                    {"url": f"{INSIDE}/grpc", "transport": "GRPC"},
                    {"url": f"{INSIDE}/rest", "transport": "HTTP+JSON"},
                ],
            },
            ("0.3", "HTTP+JSON", "/rest"),
        ),
        # None at all
        ({}, ("0.3", "JSONRPC", "/")),
        ({"name": "Weather", "capabilities": None, "skills": None}, ("0.3", "JSONRPC", "/")),
    ],
)
def test_the_first_interface_that_is_spoken_is_taken(
    card: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert chosen(card) == expected


@pytest.mark.parametrize(
    ("url", "card_url", "path"),
    [
        ("https://agents.example/weather", "https://agents.example/weather/", "/"),
        ("https://agents.example/weather", "https://agents.example/weather", "/"),
        ("https://agents.example/weather", "https://agents.example/weather/a2a", "/a2a"),
        ("https://agents.example/weather", "http://weather-service:8000/a2a", "/a2a"),
        ("https://agents.example/weather", "http://weather-service:8000/weather-v2", "/weather-v2"),
    ],
)
def test_the_path_is_below_the_entry_points(url: str, card_url: str, path: str) -> None:
    assert chosen({"url": card_url}, EntryPoint(url))[2] == path


@pytest.mark.parametrize(
    ("capabilities", "streaming"),
    [({"streaming": True}, True), ({"streaming": False}, False), ({}, False), (None, False)],
)
def test_streaming_is_a_capability_of_the_card(capabilities: object, streaming: bool) -> None:
    card = {"url": INSIDE, "capabilities": capabilities}
    assert choose_interface(card, AGENT, NEW).streaming is streaming


def test_an_agent_that_offers_nothing_that_is_spoken_says_what_it_offers() -> None:
    card = {"supportedInterfaces": [offered("GRPC", "1.0"), offered("JSONRPC", "2.1")]}
    with a2a_agent({NEW: card}) as served:
        client = AgentClient()
        problem = (
            f"its card {NEW} offers A2A 1.0 over GRPC, A2A 2.1 over JSONRPC alone; "
            "the suites speak A2A 0.3 and 1.0 over JSONRPC and HTTP+JSON"
        )
        assert client.ask_the_agent(at(served), "artifact", "c-1", LIMIT).failure == problem
        with pytest.raises(EntryError, match=r"offers A2A 1\.0 over GRPC"):
            client.read_agent_card(at(served), LIMIT)
        assert served.asked == []


def at(served: Served) -> EntryPoint:
    return EntryPoint(f"http://{served.address}")


@pytest.mark.parametrize("where", CARD_PATHS)
@pytest.mark.parametrize(
    ("binding", "version", "path", "asked"),
    [
        ("JSONRPC", "1.0", "/", "/"),
        ("JSONRPC", "0.3", "/below/", "/below/"),
        ("HTTP+JSON", "1.0", "/rest", "/rest/message:send"),
        ("HTTP+JSON", "0.3", "/rest/", "/rest/v1/message:send"),
    ],
)
def test_the_agent_is_asked_where_it_is_reached_not_at_the_cards_url(
    where: str, binding: str, version: str, path: str, asked: str
) -> None:
    card = {"supportedInterfaces": [offered(binding, version, path, tenant="")]}
    with a2a_agent({where: card}) as served:
        client = AgentClient()
        for _ in range(3):
            assert client.ask_the_agent(at(served), "artifact", "c-1", LIMIT).failure == ""
        interface = client.read_agent_card(at(served), LIMIT)
    assert (
        str(interface)
        == f"A2A {version} over {binding} at {path}, without streaming: its card {where} says so"
    )
    assert served.asked == [asked] * 3
    assert [each.path for each in served.requests].count(where) == 1, "the card is read once a run"
    assert served.requests[-1].headers["a2a-version"] == version


def test_an_entry_point_with_a_path_is_asked_below_it() -> None:
    card = {"url": f"{INSIDE}/", "protocolVersion": "0.3.0"}
    with a2a_agent({f"/below{NEW}": card}) as served:
        agent = EntryPoint(f"http://{served.address}/below")
        assert AgentClient().ask_the_agent(agent, "artifact", "c-1", LIMIT).failure == ""
    assert served.asked == ["/below/"]


def test_an_agent_without_a_card_is_asked_by_a2a_0_3() -> None:
    with a2a_agent() as served:
        assert AgentClient().ask_the_agent(at(served), "artifact", "c-1", LIMIT).failure == ""
        interface = read_interface(at(served), LIMIT)
    assert served.requests[-3].headers["a2a-version"] == "0.3"
    assert str(interface) == (
        "A2A 0.3 over JSONRPC at /, without streaming: it has no card "
        f"(GET {NEW} answers 404, GET {OLD} answers 404)"
    )


@pytest.mark.parametrize(
    "body", ["<html>", "", "[1]", "null", '"card"', '{"capabilities": 1}', '{"skills": [1]}']
)
def test_a_page_that_is_no_card_is_none(body: str) -> None:
    with serving(Starlette(routes=[Route(NEW, lambda _: Response(body))])) as served:
        assert read_interface(at(served), LIMIT) == Interface(
            f"it has no card (GET {NEW} answers no card, GET {OLD} answers 404)"
        )


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_card_that_cannot_be_read_now_is_looked_for_again(status: int) -> None:
    answers = [
        Response("", status),
        Response(json.dumps({"url": INSIDE, "capabilities": {"streaming": True}})),
    ]
    with serving(Starlette(routes=[Route(NEW, lambda _: answers.pop(0))])) as served:
        client = AgentClient()
        with pytest.raises(EntryError, match=rf"its card cannot be read \(GET {NEW} answers {status}\)\.$"):
            client.read_agent_card(at(served), LIMIT)
        assert client.read_agent_card(at(served), LIMIT).streaming
        assert client.read_agent_card(at(served), LIMIT).streaming


def test_an_agent_that_does_not_answer_for_its_card_is_a_failure(closed_port: int) -> None:
    agent = EntryPoint(f"http://127.0.0.1:{closed_port}")
    question = AgentClient().ask_the_agent(agent, "?", "c-1", LIMIT)
    assert question.failure == "the request failed: connection refused"
    with pytest.raises(EntryError, match="the request failed: connection refused"):
        AgentClient().read_agent_card(agent, LIMIT)
