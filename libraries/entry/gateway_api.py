"""The Gateway API: where a Gateway serves an HTTPRoute, and whether Gateways and HTTPRoutes are accepted.

Its rules are those of https://gateway-api.sigs.k8s.io/reference/spec/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from robot.api.deco import keyword, library

from entry.conditions import unmet_conditions
from entry.entry_point import EntryError, EntryPoint
from entry.listeners import Listener, find_entry_point, name_below
from kube.model import Object

SCHEMES = {"HTTP": "http", "HTTPS": "https"}  # of the protocols that take HTTPRoutes


@library(scope="GLOBAL")
class GatewayApi:
    """Finds where Gateways serve HTTPRoutes, and judges the status of Gateways."""

    @keyword(name="Get Gateways Of HTTPRoutes")
    def gateways_of_http_routes(self, *routes: Object) -> list[dict[str, str]]:
        """Return `namespace` and `name` of the Gateways that have accepted HTTPRoutes, each once.

        Where none has accepted any of them, of those that they name.
        """
        pairs = [(route, parent) for route in routes for parent in _parents_that_accepted(route)]
        pairs = pairs or [(route, parent) for route in routes for parent in _parents(route)]
        names = dict.fromkeys(_gateway_of(*pair) for pair in pairs)
        return [{"namespace": namespace, "name": name} for namespace, name in names]

    @keyword(name="Get Entry Point Of HTTPRoute")
    def entry_point_of_http_route(
        self, route: Object, gateways: Sequence[Object], place: Mapping[str, str], own_port: int
    ) -> EntryPoint:
        """Return how to reach a Service by an HTTPRoute, through those of its Gateways that could be read.

        `place` has the Service's `namespace` and `service`; `own_port` is where this machine may reach a
        Gateway by plain HTTP. Raises EntryError where no listener takes the route, and where none accepts a
        connection.
        """
        name = place["service"]
        listeners = list(
            _listeners(route, gateways, name) if gateways else _usual_listeners(route, name, own_port)
        )
        if not listeners:
            known = " and ".join(_name(gateway) for gateway in gateways)
            raise EntryError(
                f"No HTTP or HTTPS listener of {known} takes {_name(route)} with its host names."
            )
        return find_entry_point(listeners, http_route_prefix(route, place["namespace"], name) or "", own_port)

    @keyword(name="Find HTTPRoutes For Every Host")
    def http_routes_for_every_host(self, routes: Sequence[Object], gateways: Sequence[Object]) -> list[str]:
        """Return which HTTPRoutes a listener serves for every host name, as `HTTPRoute namespace/name`."""
        return [
            _name(route) for route in routes if any(not each.host for each in _listeners(route, gateways, ""))
        ]

    @keyword
    def find_gateway_problems(self, gateway: Object) -> list[str]:
        """Return which of a Gateway's conditions do not hold for its current generation."""
        conditions = gateway.get("status", {}).get("conditions", ())
        return unmet_conditions(gateway, "Gateway", conditions, ("Accepted", "Programmed"))


def http_route_problems(route: Object) -> list[str]:
    """Return which conditions of an HTTPRoute do not hold, for each Gateway; none where one serves it."""
    problems = [_problems_at(route, report) for report in _reports(route)]
    if not problems:
        named = " and ".join(parent["name"] for parent in _parents(route))
        return [f"no Gateway has accepted it, it names {named or 'none'}"]
    return [] if [] in problems else [problem for each in problems for problem in each]


def http_route_prefix(route: Object, namespace: str, service: str) -> str | None:
    """Return the shortest path below which an HTTPRoute leads to a Service, whatever else a request has.

    Without a slash at its end, so empty for all paths; None where there is no such path.
    """
    own = route["metadata"]["namespace"]
    prefixes = [
        _prefix(match)
        for rule in route["spec"].get("rules") or ()
        for target in rule.get("backendRefs") or ()
        if target.get("kind", "Service") == "Service"
        and (target.get("namespace", own), target["name"]) == (namespace, service)
        for match in rule.get("matches") or [{}]
    ]
    return min((each for each in prefixes if each is not None), key=len, default=None)


def common_host(listener: str | None, names: Sequence[str]) -> str | None:
    """Return a name that a listener's host and a route's host names have in common.

    One without a wildcard comes first. Empty where both are for every name, None where none is common.
    """
    if not names:
        return listener or ""
    common = [_narrower(listener, name) for name in names] if listener else names
    found = sorted(filter(None, common), key=lambda name: name.startswith("*."))
    return found[0] if found else None


def _narrower(one: str, other: str) -> str | None:
    """Return which of two host names, each perhaps with a wildcard, is within the other."""
    if one == other or (other.startswith("*.") and one.removeprefix("*").endswith(other[1:])):
        return one
    if one.startswith("*.") and other.removeprefix("*").endswith(one[1:]):
        return other
    return None


def _prefix(match: Object) -> str | None:
    """Return the path of a match that is for every request below it, None where it is for some only."""
    path = match.get("path") or {}
    if {"headers", "queryParams", "method"} & match.keys() or path.get("type", "PathPrefix") != "PathPrefix":
        return None
    return str(path.get("value", "/")).rstrip("/")


def _listeners(route: Object, gateways: Sequence[Object], service: str) -> Iterator[Listener]:
    """Yield the listeners of Gateways at which a route is served."""
    parents = _parents_that_accepted(route) or _parents(route)
    for gateway in gateways:
        name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
        addresses = tuple(each["value"] for each in gateway.get("status", {}).get("addresses") or ())
        for listener in gateway["spec"]["listeners"]:
            host = common_host(listener.get("hostname"), route["spec"].get("hostnames") or ())
            scheme = SCHEMES.get(listener["protocol"])
            meant = any(_gateway_of(route, each) == name and _is_meant(each, listener) for each in parents)
            if scheme and meant and host is not None:
                yield Listener(scheme, name_below(host, service), listener["port"], addresses)


def _usual_listeners(route: Object, service: str, own_port: int) -> Iterator[Listener]:
    """Yield the listeners that a Gateway has which cannot be read, most likely."""
    host = name_below(common_host(None, route["spec"].get("hostnames") or ()) or "", service)
    yield Listener("http", host, own_port)
    yield Listener("https", host, 443)


def _is_meant(parent: Object, listener: Object) -> bool:
    """Return whether a route's reference to a Gateway is to this listener, or to any."""
    return bool(
        parent.get("sectionName", listener["name"]) == listener["name"]
        and parent.get("port", listener["port"]) == listener["port"]
    )


def _parents(route: Object) -> list[Object]:
    """Return a route's references to Gateways."""
    return [each for each in route["spec"].get("parentRefs") or () if _is_gateway(each)]


def _parents_that_accepted(route: Object) -> list[Object]:
    """Return the references to Gateways that have accepted a route."""
    return [report["parentRef"] for report in _reports(route) if not _problems_at(route, report)]


def _reports(route: Object) -> list[Object]:
    """Return what the Gateways that a route names report about it; a mesh reports about a Service.

    A Gateway that the route does not name any more may leave its last report.
    """
    named = [_gateway_of(route, parent) for parent in _parents(route)]
    reports = route.get("status", {}).get("parents") or ()
    return [
        each
        for each in reports
        if _is_gateway(each["parentRef"]) and _gateway_of(route, each["parentRef"]) in named
    ]


def _is_gateway(parent: Object) -> bool:
    return bool(parent.get("kind", "Gateway") == "Gateway")


def _gateway_of(route: Object, parent: Object) -> tuple[str, str]:
    """Return namespace and name of the Gateway that a reference of a route is to."""
    return parent.get("namespace", route["metadata"]["namespace"]), parent["name"]


def _problems_at(route: Object, report: Object) -> list[str]:
    gateway = f"Gateway {report['parentRef']['name']}"
    return unmet_conditions(route, gateway, report.get("conditions", ()), ("Accepted", "ResolvedRefs"))


def _name(item: Object) -> str:
    kind = "HTTPRoute" if "rules" in item["spec"] else "Gateway"
    return f"{kind} {item['metadata']['namespace']}/{item['metadata']['name']}"
