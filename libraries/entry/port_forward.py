"""Reaches a Service that no route leads to: through the API server, as `kubectl port-forward` does.

Unlike the API server's Service proxy, this passes on the header Authorization, and a page's absolute paths.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

from robot.api.deco import keyword, library

from entry.addresses import entry_point_at, host_and_port, make_url
from entry.entry_point import EntryError, EntryPoint
from entry.relay import Relay, Streams
from kube.model import Object, containers_of, is_ready
from kube.objects import Objects
from kube.pods import Pods


@library(scope="GLOBAL")
class PortForward:
    """Makes entry points of Services that no route leads to."""

    def __init__(self, objects: Objects, pods: Pods) -> None:
        """Find the pods, and connect to them, by these."""
        self._objects, self._pods = objects, pods
        self._relays: dict[tuple[str, int], Relay] = {}

    @keyword
    def get_entry_point_of_service(self, service: Object) -> EntryPoint:
        """Return how to reach a Service, by its name in the cluster, through a port of this machine.

        Each connection goes on to one of its Ready pods: to the first port whose name, or appProtocol, begins
        with http, or to the first of all. Raises EntryError where there is no such pod or port, and
        ClusterError where the API server forwards none.
        """
        port = _http_port(service)
        scheme = "https" if _protocol(port).startswith("https") else "http"
        host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
        entry = self._forward(make_url(scheme, host, port["port"]), service, port)
        return replace(entry, through="by port-forward: no route leads there")

    def get_entry_point_of_url(self, url: str, namespace: str, name: str) -> EntryPoint:
        """Return how to reach a URL with a Service's name in the cluster; raises as above."""
        service = self._objects.read_object("v1", "Service", name, namespace)
        number = host_and_port(url)[1]
        for port in service["spec"].get("ports") or ():
            if port["port"] == number:
                return replace(self._forward(url, service, port), through="by port-forward")
        raise EntryError(f"Service {namespace}/{name} has no port {number}, which {url} names.")

    def _forward(self, url: str, service: Object, port: Object) -> EntryPoint:
        """Return the entry point of a URL whose host and port are those of a Service."""
        self._connect(service, port).close()

        async def connect() -> Streams:
            return await asyncio.open_connection(sock=await asyncio.to_thread(self._connect, service, port))

        place = host_and_port(url)
        if place not in self._relays:
            self._relays[place] = Relay(connect)
        return entry_point_at(url, self._relays[place].address)

    def _connect(self, service: Object, port: Object) -> socket.socket:
        """Return a connection to a Ready pod of a Service."""
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        labels = service["spec"].get("selector") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = self._objects.read_objects("v1", "Pod", namespace, selector) if selector else []
        for pod in pods:
            if is_ready(pod) and not pod["metadata"].get("deletionTimestamp"):
                return self._pods.connect_to_pod(pod, _target_port(port, pod))
        raise EntryError(f"Service {namespace}/{name} has no Ready pod to forward a port to.")


FORWARD = PortForward(Objects(), Pods())


def _protocol(port: Object) -> str:
    return str(port.get("appProtocol") or port.get("name", ""))


def _http_port(service: Object) -> Object:
    """Return the port of a Service that speaks HTTP by its name, or else its first."""
    ports: list[Object] = service["spec"].get("ports") or []
    if not ports:
        raise EntryError(
            f"Service {service['metadata']['namespace']}/{service['metadata']['name']} has no port."
        )
    return next((port for port in ports if _protocol(port).startswith("http")), ports[0])


def _target_port(port: Object, pod: Object) -> int:
    """Return the number of the port of a pod that a Service's port leads to."""
    target = port.get("targetPort", port["port"])
    numbers = {
        entry.get("name"): entry["containerPort"]
        for container in containers_of(pod["spec"])
        for entry in container.get("ports") or ()
    }
    number = numbers.get(target, target)
    if not isinstance(number, int):
        raise EntryError(f"Pod {pod['metadata']['name']} has no port {target}, which its Service leads to.")
    return number
