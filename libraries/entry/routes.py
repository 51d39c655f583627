"""Routes to a Service, be they the Gateway API's HTTPRoutes, OpenShift's Routes or Ingresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from robot.api.deco import keyword, library

from entry.gateway_api import http_route_prefix, http_route_problems
from entry.ingress import ingress_prefix
from entry.openshift import openshift_route_prefix, openshift_route_problems
from kube.model import Object

# Of each kind: the path below which one leads to a Service, and why it does not.
PREFIXES: Mapping[str, Callable[[Object, str, str], str | None]] = {
    "HTTPRoute": http_route_prefix,
    "Ingress": ingress_prefix,
    "Route": openshift_route_prefix,
}
PROBLEMS: Mapping[str, Callable[[Object], list[str]]] = {
    "HTTPRoute": http_route_problems,
    "Ingress": lambda _: [],  # an Ingress has no conditions
    "Route": openshift_route_problems,
}


@library(scope="GLOBAL")
class Routes:
    """Finds the route to a Service, and judges its status."""

    @keyword
    def find_route_to_service(self, routes: list[Object], namespace: str, service: str) -> Object | None:
        """Return the route that leads to a Service, None where there is none.

        Of several it is an accepted one, and of these the one with the shortest path. A route for some
        requests only, such as those with a header or of one path, is none.
        """
        found = [
            (bool(self.find_route_problems(route)), len(prefix), number)
            for number, route in enumerate(routes)
            if (prefix := PREFIXES[route["kind"]](route, namespace, service)) is not None
        ]
        return routes[min(found)[2]] if found else None

    @keyword
    def find_route_problems(self, route: Object) -> list[str]:
        """Return why a route is not accepted: the conditions that do not hold, for each Gateway or router."""
        return PROBLEMS[route["kind"]](route)
