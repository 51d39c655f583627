"""Plain Ingress: where its controller serves a Service.

Its rules are those of https://kubernetes.io/docs/concepts/services-networking/ingress/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from robot.api.deco import keyword, library

from entry.addresses import DEFAULT_PORTS
from entry.entry_point import EntryPoint
from entry.listeners import Listener, find_entry_point, name_below
from kube.model import Object

# What a path of type ImplementationSpecific may have of a regular expression, as ingress-nginx takes it.
EXPRESSION = re.compile(r"[\\^$.|?*+()\[{].*")


@library(scope="GLOBAL")
class Ingresses:
    """Says how a Service is reached by an Ingress."""

    @keyword
    def get_entry_point_of_ingress(
        self, ingress: Object, place: Mapping[str, str], own_port: int
    ) -> EntryPoint:
        """Return how to reach a Service by an Ingress: by HTTPS where its `tls` has the host.

        `place` has the Service's `namespace` and `service`; `own_port` is where this machine may reach the
        controller by plain HTTP. Raises EntryError where no place accepts a connection.
        """
        path, host = min(_paths_to(place["service"], ingress), key=lambda found: len(found[0]))
        scheme = "https" if _has_tls(ingress, host) else "http"
        reported = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
        addresses = tuple(each.get("ip") or each["hostname"] for each in reported)
        listener = Listener(scheme, name_below(host, place["service"]), DEFAULT_PORTS[scheme], addresses)
        return find_entry_point([listener], path, own_port)


def ingress_prefix(ingress: Object, namespace: str, service: str) -> str | None:
    """Return the shortest path below which an Ingress leads to a Service, None where there is none.

    Without a slash at its end, so empty for all paths.
    """
    if ingress["metadata"]["namespace"] != namespace:
        return None
    return min((path for path, _ in _paths_to(service, ingress)), key=len, default=None)


def _paths_to(service: str, ingress: Object) -> Iterator[tuple[str, str]]:
    """Yield path and host of each rule that leads to a Service; an empty host is every host."""
    spec = ingress["spec"]
    for rule in spec.get("rules") or ():
        for entry in (rule.get("http") or {}).get("paths") or ():
            if _is_service(entry["backend"], service) and entry["pathType"] != "Exact":
                path = str(entry.get("path", "/"))
                if entry["pathType"] == "ImplementationSpecific":
                    path = EXPRESSION.sub("", path)
                yield path.rstrip("/"), rule.get("host", "")
    if _is_service(spec.get("defaultBackend") or {}, service):
        yield "", ""


def _is_service(backend: Object, service: str) -> bool:
    return bool(backend.get("service", {}).get("name") == service)


def _has_tls(ingress: Object, host: str) -> bool:
    """Return whether an Ingress has a certificate for a host; an entry without hosts is for all of them."""
    return any(
        not entry.get("hosts") or host in entry["hosts"] or f"*.{host.partition('.')[2]}" in entry["hosts"]
        for entry in ingress["spec"].get("tls") or ()
    )
