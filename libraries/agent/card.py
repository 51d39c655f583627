"""Reads an agent's card, and picks from it how the agent is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from a2a.client.card_resolver import parse_agent_card
from a2a.types import AgentCapabilities, AgentCard, AgentInterface
from google.protobuf.json_format import ParseError

from entry.entry_point import EntryPoint
from entry.http_requests import send_request

# Where a card is: since A2A 0.3 (RFC 8615), and before.
CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")
BINDINGS = ("JSONRPC", "HTTP+JSON")  # those of A2A that are asked; the third one is GRPC
VERSIONS = {"0": "0.3", "1": "1.0"}  # the version that is spoken, by the major version that a card offers
MISSING = {requests.codes.not_found, requests.codes.method_not_allowed, requests.codes.gone}


@dataclass(frozen=True)
class Interface:
    """How an agent is asked: what its card offers first of all that is spoken here.

    `path` is below the agent's entry point, for a card's own URL may be the cluster's. `reason` says where
    this was read, or why it is assumed. `problem` says why the agent cannot be asked at all. `lasts` is
    False where the next look may find something else.
    """

    reason: str
    binding: str = "JSONRPC"
    version: str = "0.3"
    path: str = "/"
    tenant: str = field(default="", repr=False)
    streaming: bool = False
    problem: str = ""
    lasts: bool = True

    def __str__(self) -> str:
        """Return it as people say it, for the report."""
        streaming = "with" if self.streaming else "without"
        return f"A2A {self.version} over {self.binding} at {self.path}, {streaming} streaming: {self.reason}"

    def as_card(self, url: str) -> AgentCard:
        """Return the card of an agent at a URL that has this interface alone."""
        offered = AgentInterface(
            url=url + self.path,
            protocol_binding=self.binding,
            protocol_version=self.version,
            tenant=self.tenant,
        )
        return AgentCard(
            supported_interfaces=[offered], capabilities=AgentCapabilities(streaming=self.streaming)
        )


def read_interface(agent: EntryPoint, limit: float) -> Interface:
    """Return how an agent is asked by its card; without one by A2A 0.3, as agents without a card are.

    Sends one GET, and a second one to the card's old place where the new one has none. An agent that traces
    its HTTP server makes a span of each; the A2A SDK makes none. Raises RequestError where there is no
    answer within `limit` seconds.
    """
    seen = []
    for path in CARD_PATHS:
        answer = send_request(agent, "GET", path, limit)
        if answer.status_code == requests.codes.ok:
            try:
                return choose_interface(answer.json(), agent, path)
            except (ParseError, ValueError):
                seen.append(f"GET {path} answers no card")
                continue
        seen.append(f"GET {path} answers {answer.status_code}")
        if answer.status_code not in MISSING:
            return Interface(f"its card cannot be read ({seen[-1]})", lasts=False)
    return Interface(f"it has no card ({', '.join(seen)})")


def choose_interface(card: object, agent: EntryPoint, path: str) -> Interface:
    """Return the first interface of a card of A2A 0.2 to 1.0 that is spoken here.

    `path` is where the card was. An interface without a version has that of the card, which A2A 0.3 has.
    Raises ParseError where this is no card.
    """
    if not isinstance(card, dict):
        raise ParseError("A card is a JSON object.")
    version_of_card = card.get("protocolVersion")
    read = parse_agent_card({key: value for key, value in card.items() if value is not None})
    reason = f"its card {path} says so"
    streaming = bool(read.capabilities.streaming)
    if not read.supported_interfaces:
        return Interface(f"its card {path} names no interface", streaming=streaming)
    offered = []
    for each in read.supported_interfaces:
        version = each.protocol_version or version_of_card or "1.0"
        spoken = VERSIONS.get(version.partition(".")[0])
        binding = each.protocol_binding or "JSONRPC"
        if spoken and binding in BINDINGS:
            where = _path_below(agent, each.url)
            return Interface(reason, binding, spoken, where, each.tenant, streaming)
        offered.append(f"A2A {version} over {binding}")
    problem = (
        f"its card {path} offers {', '.join(offered)} alone; the suites speak A2A "
        f"{' and '.join(VERSIONS.values())} over {' and '.join(BINDINGS)}"
    )
    return Interface(reason, problem=problem)


def _path_below(agent: EntryPoint, url: str) -> str:
    """Return the path of a card's URL, below the agent's entry point where that has a path of its own."""
    path = urlsplit(url if "//" in url else f"//{url}").path
    own = urlsplit(agent.url).path.rstrip("/")
    if own and (path == own or path.startswith(f"{own}/")):
        path = path.removeprefix(own)
    return path or "/"
