"""The Gateway API: where its Gateway is reached, and whether Gateway and HTTPRoutes are accepted."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from robot.api.deco import keyword, library

from connection_failures import describe_failure
from entry.addresses import entry_point_at, format_address, parse_address, read_address
from entry.conditions import unmet_conditions
from entry.entry_point import EntryError, EntryPoint
from kube.model import Object

CONNECTION_LIMIT = 3  # seconds


@library(scope="GLOBAL")
class GatewayApi:
    """Finds the gateway, and judges the status of Gateways."""

    @keyword
    def find_gateway_address(self, gateway: Object | None, listener: str, port: int) -> str:
        """Return `host:port` of the gateway: the first address that accepts a TCP connection.

        The addresses: the environment's GATEWAY_ADDRESS alone where it is set, else those in the Gateway's
        status with the listener's port, else this machine at `port` (kind maps it there). Raises EntryError,
        which names each address tried and the failure there.
        """
        tried = []
        for host, number, source in _addresses(gateway, listener, port):
            address = format_address(host, number)
            try:
                socket.create_connection((host, number), timeout=CONNECTION_LIMIT).close()
            except OSError as error:
                tried.append(f"{address} from {source} ({describe_failure(error)})")
                continue
            return address
        raise EntryError(
            f"No gateway accepts a connection, tried {', '.join(tried)}; "
            "set GATEWAY_ADDRESS=host:port if it is elsewhere."
        )

    @keyword(name="Get Entry Point Of HTTPRoute")
    def entry_point_of_http_route(self, route: Object, address: str) -> EntryPoint:
        """Return how to reach an HTTPRoute's first host name through the gateway at `host:port`.

        A route without host names is for every host: it is reached by the address itself.
        """
        host, port = parse_address(address)
        names = route["spec"].get("hostnames") or [host]
        return entry_point_at(f"http://{format_address(names[0], port)}", (host, port))

    @keyword
    def find_gateway_problems(self, gateway: Object) -> list[str]:
        """Return which of a Gateway's conditions do not hold for its current generation."""
        conditions = gateway.get("status", {}).get("conditions", ())
        return unmet_conditions(gateway, "Gateway", conditions, ("Accepted", "Programmed"))


def http_route_problems(route: Object) -> list[str]:
    """Return which conditions of an HTTPRoute do not hold, for each of its Gateways."""
    parents = route.get("status", {}).get("parents", ())
    if not parents:
        return ["no Gateway has accepted it"]
    return [
        problem
        for parent in parents
        for problem in unmet_conditions(
            route,
            f"Gateway {parent['parentRef']['name']}",
            parent.get("conditions", ()),
            ("Accepted", "ResolvedRefs"),
        )
    ]


def _addresses(gateway: Object | None, listener: str, port: int) -> Iterable[tuple[str, int, str]]:
    """Yield host and port of each place where the gateway may be, and who says so."""
    given = read_address(os.environ, "GATEWAY_ADDRESS")
    if given:
        yield *given, "GATEWAY_ADDRESS"
        return
    ports = {entry["name"]: entry["port"] for entry in (gateway or {}).get("spec", {}).get("listeners", ())}
    for entry in (gateway or {}).get("status", {}).get("addresses", ()):
        yield entry["value"], ports.get(listener, port), "the Gateway's status"
    yield "127.0.0.1", port, "this machine"
