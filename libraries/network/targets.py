"""Whom connections are tried from and to: components, cluster DNS, the API server, and what is outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robot.api.deco import keyword, library

from kube.model import Labels, Object
from network.policies import End

NAMESPACE_LABEL = "kubernetes.io/metadata.name"  # every namespace has it
LOOK_UP = 0  # in place of a port: only look the name up
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - of a pod that has none yet: no rule by address is about it


@dataclass(frozen=True)
class Component:
    """A component, by one of its pods and its Service. A visitor has no Service."""

    end: End
    pod: Object
    service: Object | None

    @property
    def container(self) -> tuple[Object, str]:
        """The pod and the name of its main container, where connections are tried from."""
        return self.pod, self.pod["spec"]["containers"][0]["name"]


@dataclass(frozen=True)
class Target:
    """What can be reached at one port.

    `port` is a pod's own, as policies see it. `addresses` has the host and port of each way to reach it, by a
    text such as `at its pod`. Where `has_policies` is false, the stack's policies are not about its ingress.
    """

    end: End
    port: int
    addresses: Mapping[str, tuple[str, int]]
    protocol: str = "TCP"
    has_policies: bool = True

    def __str__(self) -> str:
        """Return it as the suites name it."""
        return f"{self.end.name}:{self.port}"


@library(scope="GLOBAL")
class Targets:
    """Makes components and targets of what the cluster's API returns."""

    @keyword
    def make_component(
        self, name: str, pod: Object, service: Object | None, namespaces: Mapping[str, Labels]
    ) -> Component:
        """Return a component as an end of connections; `namespaces` has the labels of each namespace."""
        namespace = pod["metadata"]["namespace"]
        end = End(
            name,
            pod["status"].get("podIP", NO_ADDRESS),
            namespace,
            pod["metadata"].get("labels", {}),
            namespaces.get(namespace, {NAMESPACE_LABEL: namespace}),
            {port["name"]: port["containerPort"] for port in _ports(pod) if "name" in port},
        )
        return Component(end, pod, service)

    @keyword
    def select_components(self, components: Sequence[Component], names: Sequence[str]) -> list[Component]:
        """Return the components with one of these names."""
        return [component for component in components if component.end.name in names]

    @keyword
    def get_targets_of_components(self, components: Sequence[Component]) -> list[Target]:
        """Return the TCP ports of components as targets, each at its pod and by its Service."""
        return targets_of(components)

    @keyword
    def get_target_at_service(self, name: str, service: Object, port: int) -> Target:
        """Return a Service whose pods no label selects (the API server) as a target."""
        address = service["spec"]["clusterIP"]
        return Target(End(name, address), port, {f"at {address}": (address, port)}, has_policies=False)

    @keyword(name="Get DNS Target")
    def dns_target(
        self, name: str, service: Object, namespaces: Mapping[str, Labels], port: int, looked_up: str
    ) -> Target:
        """Return cluster DNS behind a Service as a target: it is reached when it resolves a name."""
        namespace = service["metadata"]["namespace"]
        labels = namespaces.get(namespace, {NAMESPACE_LABEL: namespace})
        end = End(name, service["spec"]["clusterIP"], namespace, service["spec"].get("selector", {}), labels)
        addresses = {f"for the name {looked_up}": (looked_up, LOOK_UP)}
        return Target(end, port, addresses, "UDP", has_policies=False)

    @keyword
    def get_target_outside(self, name: str, places: Sequence[tuple[str, int]]) -> Target:
        """Return addresses outside of the cluster, each with its port, as one target."""
        address, port = places[0]
        addresses = {f"at {host}:{number}": (host, number) for host, number in places}
        return Target(End(name, address), port, addresses, has_policies=False)

    @keyword
    def get_addresses_to_try(self, targets: Sequence[Target]) -> list[tuple[str, int]]:
        """Return all addresses of all targets, in order: host and port, port 0 to look a name up."""
        return [address for target in targets for address in target.addresses.values()]


def targets_of(components: Sequence[Component]) -> list[Target]:
    """Return the TCP ports of components as targets, each at its pod and by its Service."""
    return [
        _target_at_port(component, port)
        for component in components
        for port in _ports(component.pod)
        if port.get("protocol", "TCP") == "TCP"
    ]


def _target_at_port(component: Component, port: Object) -> Target:
    number, service = port["containerPort"], component.service
    addresses = {"at its pod": (component.end.address, number)}
    if service and service["spec"].get("clusterIP") not in {None, "None"}:
        for entry in service["spec"]["ports"]:
            if entry.get("targetPort", entry["port"]) in {number, port.get("name")}:
                way = f"by Service {service['metadata']['name']}, port {entry['port']}"
                addresses[way] = (service["spec"]["clusterIP"], entry["port"])
    return Target(component.end, number, addresses)


def _ports(pod: Object) -> list[Object]:
    return [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
