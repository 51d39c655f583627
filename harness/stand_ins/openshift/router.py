"""Plays OpenShift's router: configures Traefik as Routes say, and reports to Routes that they are admitted.

It runs in a pod, with Python's own library and kube_api.py beside it. Traefik polls it for configuration.
It plays edge termination with the router's own certificate, the redirect of plain HTTP, the timeout
annotation, the older Route's right to a host, and 503 for a host that no Route has.
"""

import json
import re
import signal
import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import kube_api

Object = dict[str, Any]
ROUTER = "stand-in"
ROUTES = "/apis/route.openshift.io/v1"
CONFIGURATION_PORT = 9000
POLL_SECONDS = 1.0
TIMEOUT = "haproxy.router.openshift.io/timeout"
DEFAULT_TIMEOUT = "30s"  # of OpenShift's router
# For a host that no Route has: Traefik would answer 404, OpenShift's router answers 503.
UNKNOWN_HOST = {"rule": "PathPrefix(`/`)", "priority": 1, "service": "unknown-host"}


def key(route: Object) -> str:
    """Return a name for what belongs to a Route."""
    return f"{route['metadata']['namespace']}-{route['metadata']['name']}"


def rejections(routes: Iterable[Object]) -> dict[str, tuple[str, str]]:
    """Return reason and message for each Route that is not admitted, by its key; the oldest keeps a host."""
    owners: dict[str, Object] = {}
    rejected = {}
    for route in sorted(routes, key=lambda r: (r["metadata"]["creationTimestamp"], r["metadata"]["uid"])):
        host = route["spec"].get("host", "")
        tls = route["spec"].get("tls")
        if not host:
            rejected[key(route)] = ("NoHost", "the Route has no host")
        elif tls and tls["termination"] != "edge":
            rejected[key(route)] = (
                "NotPlayed",
                f"this stand-in plays edge termination only, not {tls['termination']}",
            )
        elif host in owners:
            owner = owners[host]["metadata"]
            rejected[key(route)] = ("HostAlreadyClaimed", f"route {owner['name']} already exposes {host}")
        else:
            owners[host] = route
    return rejected


def server_of(route: Object, services: Iterable[Object]) -> str | None:
    """Return the URL of the Service's port that a Route leads to, None where there is none."""
    target, namespace = route["spec"]["to"]["name"], route["metadata"]["namespace"]
    port = route["spec"].get("port", {}).get("targetPort")
    for service in services:
        if (service["metadata"]["name"], service["metadata"]["namespace"]) != (target, namespace):
            continue
        for entry in service["spec"]["ports"]:
            if port in (None, entry.get("name"), entry.get("targetPort"), entry["port"]):
                return f"http://{target}.{namespace}.svc.cluster.local:{entry['port']}"
    return None


def timeout_of(route: Object) -> str:
    """Return how long the router waits for an answer, in Go's notation; the default for one that is none."""
    asked = route["metadata"].get("annotations", {}).get(TIMEOUT, "")
    return asked if re.fullmatch(r"\d+(us|ms|s|m|h)", asked) else DEFAULT_TIMEOUT


def configuration(routes: list[Object], services: list[Object]) -> Object:
    """Return Traefik's dynamic configuration for the Routes that are admitted."""
    routers: Object = {
        "unknown-host": {**UNKNOWN_HOST, "entryPoints": ["http"]},
        "unknown-host-tls": {**UNKNOWN_HOST, "entryPoints": ["https"], "tls": {}},
    }
    backends: Object = {"unknown-host": {"loadBalancer": {"servers": []}}}
    transports: Object = {}
    rejected = rejections(routes)
    for route in routes:
        name, tls = key(route), route["spec"].get("tls")
        if name in rejected:
            continue
        rule = {"rule": f"Host(`{route['spec']['host']}`)", "priority": 1000, "service": name}
        url = server_of(route, services)
        backends[name] = {
            "loadBalancer": {"servers": [{"url": url}] if url else [], "serversTransport": name}
        }
        transports[name] = {"forwardingTimeouts": {"responseHeaderTimeout": timeout_of(route)}}
        insecure = tls.get("insecureEdgeTerminationPolicy", "None") if tls else "Allow"
        if tls:
            routers[f"{name}-tls"] = {**rule, "entryPoints": ["https"], "tls": {}}
        if insecure != "None":
            redirect = {"middlewares": ["to-https"]} if insecure == "Redirect" else {}
            routers[name] = {**rule, "entryPoints": ["http"], **redirect}
    return {
        "http": {
            "routers": routers,
            "services": backends,
            **({"serversTransports": transports} if transports else {}),  # Traefik rejects an empty one
            "middlewares": {"to-https": {"redirectScheme": {"scheme": "https", "port": "443"}}},
        },
        "tls": {
            "stores": {
                "default": {
                    "defaultCertificate": {
                        "certFile": "/certificate/tls.crt",
                        "keyFile": "/certificate/tls.key",
                    }
                }
            }
        },
    }


def status_of(route: Object, rejection: tuple[str, str] | None, now: str) -> Object | None:
    """Return the status a Route should have, None where it has it; other routers' entries stay."""
    entries = route.get("status", {}).get("ingress") or []
    condition = {"type": "Admitted", "status": "True", "lastTransitionTime": now}
    if rejection:
        condition |= {"status": "False", "reason": rejection[0], "message": rejection[1]}
    own = {"host": route["spec"].get("host", ""), "routerName": ROUTER, "wildcardPolicy": "None"}
    for entry in entries:
        if entry.get("routerName") == ROUTER:
            (known,) = entry.get("conditions") or [{}]
            same = all(known.get(name) == condition.get(name) for name in ("status", "reason", "message"))
            if same and entry.get("host") == own["host"]:
                return None
    others = [entry for entry in entries if entry.get("routerName") != ROUTER]
    return {"ingress": [*others, {**own, "conditions": [condition]}]}


def serve(current: Object) -> None:
    """Answer every request with what `current` holds as Traefik's configuration."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(current).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: Traefik asks once a second."""

    server = ThreadingHTTPServer(("127.0.0.1", CONFIGURATION_PORT), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def renew(current: Object) -> None:
    """Read Routes and Services once, renew the configuration, and report to the Routes."""
    routes = (kube_api.find(f"{ROUTES}/routes") or {}).get("items", [])
    services = (kube_api.find("/api/v1/services") or {}).get("items", [])
    current.update(configuration(routes, services))
    rejected = rejections(routes)
    for route in routes:
        status = status_of(route, rejected.get(key(route)), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        if status:
            metadata = route["metadata"]
            path = f"{ROUTES}/namespaces/{metadata['namespace']}/routes/{metadata['name']}/status"
            kube_api.send("PATCH", path, {"status": status}, "application/merge-patch+json")
            print(f"{key(route)}: {status['ingress'][-1]['conditions'][0]}", flush=True)


def main() -> None:
    """Play the router until the pod ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    current = configuration([], [])
    serve(current)
    while True:
        try:
            renew(current)
        except SystemExit as failed:
            if not failed.code:
                raise
            print(failed.code, flush=True)  # a Route that went away meanwhile
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
