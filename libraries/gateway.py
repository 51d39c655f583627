"""Where the stack is reached from outside: the gateway's address, the routes' host names."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from robot.api.deco import keyword, library

Object = dict[str, Any]
TCP_LIMIT = 3


class GatewayError(Exception):
    """The stack cannot be reached from outside; the message names every address that was tried."""

    ROBOT_SUPPRESS_NAME = True


@dataclass(frozen=True)
class EntryPoint:
    """Where to connect (`url`) and which Host header to send, None where the URL's own host is right."""

    url: str
    host: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that make a request to the URL reach this entry point."""
        return {"Host": self.host} if self.host else {}

    def __str__(self) -> str:
        """Return the entry point as people write it."""
        return f"http://{self.host} (at {self.url})" if self.host else self.url


@library(scope="GLOBAL")
class Gateway:
    """Finds the gateway and judges the status of Gateway API objects."""

    @keyword
    def find_gateway(self, gateway: Object | None, listener: str, port: int) -> str:
        """Return `host:port` of the gateway: the first place that accepts a TCP connection.

        The places: the environment's GATEWAY_ADDRESS alone where it is set, else the addresses in the
        Gateway's status with the listener's port, else this machine at `port` (kind maps it there).
        Raises GatewayError, naming each place tried and what was seen there.
        """
        tried = []
        for host, number, source in _places(gateway, listener, port, os.environ):
            try:
                socket.create_connection((host, number), timeout=TCP_LIMIT).close()
            except OSError as error:
                tried.append(f"{host}:{number} from {source} ({error.strerror or error})")
                continue
            _spare_from_proxies(host)
            return f"{host}:{number}"
        raise GatewayError(
            f"No gateway accepts a connection, tried {', '.join(tried)}; "
            "set GATEWAY_ADDRESS=host:port if it is elsewhere."
        )

    @keyword
    def entry_point_of_route(self, route: Object, address: str) -> EntryPoint:
        """Return how to reach an HTTPRoute's first host name by the gateway at `host:port`."""
        hostname = route["spec"]["hostnames"][0]
        return EntryPoint(f"http://{address}", f"{hostname}:{address.rpartition(':')[2]}")

    @keyword
    def entry_point_of_openshift_route(self, route: Object) -> EntryPoint:
        """Return how to reach an OpenShift Route: its host resolves there."""
        scheme = "https" if "tls" in route["spec"] else "http"
        return EntryPoint(f"{scheme}://{route['spec']['host']}")

    @keyword
    def entry_point_of_url(self, url: str) -> EntryPoint:
        """Return a URL that the user gave, to be used as it is."""
        return EntryPoint(url.rstrip("/"))

    @keyword
    def find_route_to(self, routes: list[Object], namespace: str, service: str) -> Object | None:
        """Return the HTTPRoute or OpenShift Route whose backend is that Service, None when there is none.

        Raises GatewayError when several lead there.
        """
        found = [route for route in routes if (namespace, service) in _backends(route)]
        if len(found) > 1:
            names = " and ".join(
                f"{route['kind']} {route['metadata']['namespace']}/{route['metadata']['name']}"
                for route in found
            )
            raise GatewayError(
                f"{names} lead to Service {service} in namespace {namespace}: which of them is meant cannot "
                "be told."
            )
        return found[0] if found else None

    @keyword
    def gateway_problems(self, gateway: Object) -> list[str]:
        """Return which of a Gateway's conditions do not hold for its current generation."""
        return _unmet(
            gateway, "Gateway", gateway.get("status", {}).get("conditions", ()), ("Accepted", "Programmed")
        )

    @keyword
    def route_problems(self, route: Object) -> list[str]:
        """Return which conditions of an HTTPRoute or OpenShift Route do not hold, for each of its parents."""
        status = route.get("status", {})
        wanted = ["Admitted"] if route["kind"] == "Route" else ["Accepted", "ResolvedRefs"]
        if route["kind"] == "Route":
            entries = status.get("ingress", ())
            names = [entry.get("routerName", "router") for entry in entries]
        else:
            entries = status.get("parents", ())
            names = [f"Gateway {entry['parentRef']['name']}" for entry in entries]
        if not entries:
            return ["no gateway has taken it up: its status names no parent"]
        return [
            problem
            for name, entry in zip(names, entries, strict=True)
            for problem in _unmet(route, name, entry.get("conditions", ()), wanted)
        ]


def _backends(route: Object) -> set[tuple[str, str]]:
    """Return the namespaces and names of the Services that a route leads to."""
    own = route["metadata"]["namespace"]
    if route["kind"] == "Route":
        targets = [route["spec"]["to"], *route["spec"].get("alternateBackends", ())]
    else:
        targets = [
            target for rule in route["spec"].get("rules", ()) for target in rule.get("backendRefs", ())
        ]
    return {
        (target.get("namespace", own), target["name"])
        for target in targets
        if target.get("kind", "Service") == "Service"
    }


def _places(
    gateway: Object | None, listener: str, port: int, environment: Mapping[str, str]
) -> Iterable[tuple[str, int, str]]:
    given = environment.get("GATEWAY_ADDRESS")
    if given:
        host, _, number = given.rpartition(":")
        if not host or not number.isdecimal():
            raise GatewayError(f"GATEWAY_ADDRESS is {given!r}; it must be host:port, as in 192.0.2.7:8080.")
        yield host, int(number), "GATEWAY_ADDRESS"
        return
    ports = {entry["name"]: entry["port"] for entry in (gateway or {}).get("spec", {}).get("listeners", ())}
    for entry in (gateway or {}).get("status", {}).get("addresses", ()):
        yield entry["value"], ports.get(listener, port), "the Gateway's status"
    yield "127.0.0.1", port, "this machine"


def _spare_from_proxies(host: str) -> None:
    """Keep requests to the gateway away from a proxy that the environment names for the internet."""
    for variable in ("NO_PROXY", "no_proxy"):
        spared = os.environ.get(variable, "")
        if host not in spared.split(","):
            os.environ[variable] = f"{spared},{host}".strip(",")


def _unmet(item: Object, where: str, conditions: Iterable[Object], wanted: Iterable[str]) -> list[str]:
    found = {entry["type"]: entry for entry in conditions}
    problems = []
    for name in wanted:
        entry = found.get(name)
        if entry is None:
            problems.append(f"{where}: {name} is not reported")
        elif entry["status"] != "True":
            problems.append(
                f"{where}: {name} is {entry['status']}, {entry.get('reason')}: {entry.get('message')}"
            )
        elif entry.get("observedGeneration", item["metadata"]["generation"]) < item["metadata"]["generation"]:
            problems.append(f"{where}: {name} is about an older generation")
    return problems
