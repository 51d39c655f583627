"""Routes to a Service, be they the Gateway API's HTTPRoutes or OpenShift's Routes."""

from __future__ import annotations

from robot.api.deco import keyword, library

from entry.entry_point import EntryError
from entry.gateway_api import http_route_problems
from entry.openshift import openshift_route_problems
from kube.model import Object


@library(scope="GLOBAL")
class Routes:
    """Finds the route to a Service, and judges its status."""

    @keyword
    def find_route_to_service(self, routes: list[Object], namespace: str, service: str) -> Object | None:
        """Return the HTTPRoute or OpenShift Route whose backend is that Service, None when there is none.

        Raises EntryError when several lead there.
        """
        found = [route for route in routes if (namespace, service) in _backends(route)]
        if len(found) > 1:
            names = " and ".join(
                f"{route['kind']} {route['metadata']['namespace']}/{route['metadata']['name']}"
                for route in found
            )
            raise EntryError(
                f"{len(found)} routes lead to Service {service} in namespace {namespace}: {names}. "
                "Delete all but one, or name another Service in COMPONENTS of resources/settings.yaml."
            )
        return found[0] if found else None

    @keyword
    def find_route_problems(self, route: Object) -> list[str]:
        """Return which conditions of a route do not hold, for each Gateway or router."""
        return openshift_route_problems(route) if route["kind"] == "Route" else http_route_problems(route)


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
