"""Where a Gateway or an Ingress controller listens, and which of these places accepts a connection."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from connection_failures import describe_failure
from entry.addresses import entry_point_at, format_address, make_url, read_address
from entry.entry_point import EntryError, EntryPoint

CONNECTION_LIMIT = 3  # seconds
GIVEN = "GATEWAY_ADDRESS"
NAME_SERVER = "a name server"
THIS_MACHINE = "localhost"


@dataclass(frozen=True)
class Listener:
    """A port at which a route is served.

    `host` is a name that the route has there, empty where it is served for every name. `addresses` are the
    hosts that listen, as a status reports them.
    """

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    """A host and a port where a listener may be reached, and who says so."""

    listener: Listener
    host: str
    port: int
    source: str

    def __str__(self) -> str:
        return f"{format_address(self.host, self.port)} from {self.source}"


def find_entry_point(listeners: Sequence[Listener], path: str, own_port: int) -> EntryPoint:
    """Return how to reach what the listeners serve under a path: by the first that accepts a connection.

    The places where they may be: the environment's GATEWAY_ADDRESS alone where it is set; else the addresses
    of their statuses; else where a name server knows the host; else this machine, for plain HTTP also at
    `own_port`. HTTPS comes before HTTP. Raises EntryError, which names each place and the failure there.
    """
    ordered = sorted(listeners, key=lambda listener: listener.scheme != "https")
    given = read_address(os.environ, GIVEN)
    place = _first_open(tuple(_given(ordered, *given) if given else _places(ordered, own_port)))
    listener = place.listener
    url = make_url(listener.scheme, listener.host or place.host, place.port, path)
    if place.source == NAME_SERVER:
        return EntryPoint(url)
    return entry_point_at(url, (place.host, place.port))


def name_below(host: str, name: str) -> str:
    """Return a host name; of one that begins with a wildcard, the name below it."""
    return host.replace("*", name, 1) if host.startswith("*.") else host


def _given(listeners: Sequence[Listener], host: str, port: int) -> Iterator[_Place]:
    """Yield the place of GATEWAY_ADDRESS, for the listener that it most likely leads to."""

    def unlikeliness(listener: Listener) -> tuple[bool, bool]:
        # A port that is mapped to another number mostly keeps its end, as 8443 and 30443 do.
        return listener.port != port, (listener.scheme == "https") != str(port).endswith("443")

    for listener in sorted(listeners, key=unlikeliness)[:1]:
        yield _Place(listener, host, port, GIVEN)


def _places(listeners: Sequence[Listener], own_port: int) -> Iterator[_Place]:
    for listener in listeners:
        for address in listener.addresses:
            yield _Place(listener, address, listener.port, "the status")
    for listener in listeners:
        if listener.host:
            yield _Place(listener, listener.host, listener.port, NAME_SERVER)
    for listener in listeners:
        for port in dict.fromkeys(
            [own_port, listener.port] if listener.scheme == "http" else [listener.port]
        ):
            yield _Place(listener, THIS_MACHINE, port, "this machine")


@lru_cache  # an address that does not answer takes all of the time limit
def _first_open(places: tuple[_Place, ...]) -> _Place:
    """Return the first place that accepts a TCP connection; raise EntryError where none does."""
    tried = []
    for place in places:
        try:
            socket.create_connection((place.host, place.port), timeout=CONNECTION_LIMIT).close()
        except OSError as error:
            tried.append(f"{place} ({describe_failure(error)})")
            continue
        return place
    raise EntryError(
        f"No gateway accepts a connection, tried {', '.join(tried)}; "
        f"set {GIVEN}=host:port if it is elsewhere."
    )
