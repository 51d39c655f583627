"""Where the stack is reached from outside: the gateway's address, the routes' host names."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from robot.api.deco import keyword, library
from urllib3.util import connection

from entry.entry_point import EntryPoint, Login

Object = dict[str, Any]
TCP_LIMIT = 3
# Where to connect instead of a host and port: what `_pin` has put there.
_PINS: dict[tuple[str, int], tuple[str, int]] = {}
_connect = connection.create_connection


class GatewayError(Exception):
    """The stack cannot be reached from outside; the message names every address that was tried."""

    ROBOT_SUPPRESS_NAME = True


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
        """Return how to reach an OpenShift Route: by its host, at ROUTER_ADDRESS where that is set.

        Raises GatewayError while it has no host.
        """
        if "tls" not in route["spec"]:
            return self.plain_entry_point_of_openshift_route(route)
        return _entry_point_by_router("https", route, "ROUTER_ADDRESS")

    @keyword
    def plain_entry_point_of_openshift_route(self, route: Object) -> EntryPoint:
        """Return how to reach an OpenShift Route without TLS, at ROUTER_HTTP_ADDRESS where that is set."""
        return _entry_point_by_router("http", route, "ROUTER_HTTP_ADDRESS")

    @keyword
    def certificate_should_be_trusted(self, entry: EntryPoint) -> None:
        """Fail unless an https entry point presents a certificate for its host from an authority we trust."""
        verified_certificate(entry)

    @keyword
    def entry_point_of_url(self, url: str) -> EntryPoint:
        """Return a URL that the user gave, to be used as it is."""
        return EntryPoint(url.rstrip("/"))

    @keyword
    def entry_point_with_login(self, entry: EntryPoint, login: Login | None) -> EntryPoint:
        """Return the same entry point, asked with a login from now on, or without one."""
        return replace(entry, login=login)

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
            names = [f"router {entry.get('routerName', 'without a name')}" for entry in entries]
        else:
            entries = status.get("parents", ())
            names = [f"Gateway {entry['parentRef']['name']}" for entry in entries]
        if not entries:
            return [f"no {'router' if route['kind'] == 'Route' else 'gateway'} has taken it up"]
        return [
            problem
            for name, entry in zip(names, entries, strict=True)
            for problem in _unmet(route, name, entry.get("conditions", ()), wanted)
            + _of_another_host(route, name, entry)
        ]


def verified_certificate(entry: EntryPoint) -> bytes:
    """Return the certificate (DER) that an https entry point presents, verified as requests verifies it.

    Raises GatewayError, with what to do, where it cannot be reached or is not to be trusted.
    """
    parts = urlsplit(entry.url)
    host, port = parts.hostname or "", parts.port or 443
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = Path(named or DEFAULT_CA_BUNDLE_PATH)
    context = (
        ssl.create_default_context(capath=bundle)
        if bundle.is_dir()
        else ssl.create_default_context(cafile=bundle)
    )
    try:
        with (
            socket.create_connection(_PINS.get((host, port), (host, port)), timeout=TCP_LIMIT) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError as error:
        raise GatewayError(
            f"The certificate at {entry} is not trusted ({error.verify_message}); where the cluster's own "
            "authority signs it, name a file with that authority's certificate in REQUESTS_CA_BUNDLE."
        ) from error
    except OSError as error:
        raise GatewayError(
            f"No TLS connection to {entry}: {error.strerror or error}; "
            "where its name does not resolve, set ROUTER_ADDRESS=host:port."
        ) from error


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
    given = _address_in(environment, "GATEWAY_ADDRESS")
    if given:
        yield *given, "GATEWAY_ADDRESS"
        return
    ports = {entry["name"]: entry["port"] for entry in (gateway or {}).get("spec", {}).get("listeners", ())}
    for entry in (gateway or {}).get("status", {}).get("addresses", ()):
        yield entry["value"], ports.get(listener, port), "the Gateway's status"
    yield "127.0.0.1", port, "this machine"


def _address_in(environment: Mapping[str, str], variable: str) -> tuple[str, int] | None:
    """Return host and port of a variable, None where it is not set."""
    given = environment.get(variable)
    if not given:
        return None
    host, _, number = given.rpartition(":")
    if not host or not number.isdecimal():
        raise GatewayError(f"{variable} is {given!r}; it must be host:port, as in 192.0.2.7:8080.")
    return host, int(number)


def _entry_point_by_router(scheme: str, route: Object, variable: str) -> EntryPoint:
    host = route["spec"].get("host")
    if not host:
        metadata = route["metadata"]
        raise GatewayError(f"Route {metadata['namespace']}/{metadata['name']} has no host yet.")
    address = _address_in(os.environ, variable)
    if address:
        _pin(host, {"https": 443, "http": 80}[scheme], address)
    return EntryPoint(f"{scheme}://{host}", address=address and f"{address[0]}:{address[1]}")


def _pin(host: str, port: int, address: tuple[str, int]) -> None:
    """Let urllib3, and so requests and mlflow's client, connect to `address` for a host and port.

    TLS and HTTP still name the host. (An adapter of requests would not reach mlflow's own sessions.)
    """
    _PINS[host, port] = address
    connection.create_connection = _connect_to_pinned
    _spare_from_proxies(host)


def _connect_to_pinned(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:  # noqa: ANN401
    return _connect(_PINS.get(address, address), *arguments, **options)


def _of_another_host(route: Object, where: str, entry: Object) -> list[str]:
    """Return whether a router serves another host than the Route has now."""
    if route["kind"] != "Route" or entry.get("host") == route["spec"].get("host"):
        return []
    return [f"{where}: serves {entry.get('host')}, not {route['spec'].get('host')}"]


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
