"""OpenShift's Routes: where their router is reached, and whether it admits them."""

from __future__ import annotations

import os

from robot.api.deco import keyword, library

from entry.addresses import entry_point_at, make_url, read_address
from entry.conditions import unmet_conditions
from entry.entry_point import EntryError, EntryPoint
from kube.model import Object

ADDRESS_VARIABLES = {"https": "ROUTER_ADDRESS", "http": "ROUTER_HTTP_ADDRESS"}


@library(scope="GLOBAL")
class OpenshiftRoutes:
    """Says how an OpenShift Route is reached."""

    @keyword(name="Get Entry Point Of OpenShift Route")
    def entry_point_of_openshift_route(self, route: Object) -> EntryPoint:
        """Return how to reach an OpenShift Route: by its host, at ROUTER_ADDRESS where that is set.

        A Route without TLS is reached by plain HTTP, at ROUTER_HTTP_ADDRESS. Raises EntryError while the
        Route has no host.
        """
        return _entry_point(route, "https" if "tls" in route["spec"] else "http")

    @keyword(name="Get HTTP Entry Point Of OpenShift Route")
    def http_entry_point_of_openshift_route(self, route: Object) -> EntryPoint:
        """Return how to reach an OpenShift Route without TLS, at ROUTER_HTTP_ADDRESS where that is set."""
        return _entry_point(route, "http")


def openshift_route_prefix(route: Object, namespace: str, service: str) -> str | None:
    """Return the path below which a Route leads to a Service, None where it does not lead there.

    Without a slash at its end, so empty for all paths.
    """
    targets = [route["spec"]["to"], *(route["spec"].get("alternateBackends") or ())]
    names = {target["name"] for target in targets if target.get("kind", "Service") == "Service"}
    leads_there = route["metadata"]["namespace"] == namespace and service in names
    return str(route["spec"].get("path", "")).rstrip("/") if leads_there else None


def openshift_route_problems(route: Object) -> list[str]:
    """Return why a Route is not admitted, or is admitted with another host, by each of its routers."""
    admissions = route.get("status", {}).get("ingress", ())
    if not admissions:
        return ["no router has admitted it"]
    host, problems = route["spec"].get("host"), []
    for admission in admissions:
        router = f"router {admission.get('routerName', 'without a name')}"
        problems += unmet_conditions(route, router, admission.get("conditions", ()), ["Admitted"])
        if admission.get("host") != host:
            problems.append(f"{router}: serves {admission.get('host')}, not {host}")
    return problems


def _entry_point(route: Object, scheme: str) -> EntryPoint:
    host = route["spec"].get("host")
    if not host:
        metadata = route["metadata"]
        raise EntryError(f"Route {metadata['namespace']}/{metadata['name']} has no host yet.")
    url = make_url(scheme, host, None, route["spec"].get("path", ""))
    address = read_address(os.environ, ADDRESS_VARIABLES[scheme])
    return entry_point_at(url, address) if address else EntryPoint(url)
