"""Whether what changed of a namespace is what runs, and what is reached."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.common.errors import HarnessError
from harness.common.kubectl import Object, find, is_ready, kubectl
from harness.faults.reference import Reference

WORKLOADS = "deployments,statefulsets"
NOT_REACHED = (502, 503, 504)  # what a gateway answers without the component behind it
GATEWAY_LIMIT = 3  # seconds
SERVICE_OF_SLICE = "kubernetes.io/service-name"


class Namespace:
    """The workloads, pods, Services and routes of a namespace, read at one moment."""

    def __init__(self, name: str) -> None:
        """Read them."""
        here = (f"--namespace={name}", "--output=json")
        kinds = f"{WORKLOADS},pods,services,endpointslices.discovery.k8s.io"
        self._objects: list[Object] = json.loads(kubectl("get", kinds, *here))["items"]
        self._routes = _routes(name)

    def problems(self, component: str, service_name: str, workload: Reference) -> list[str]:
        """Return why a component has not settled: its workload, its pods, who is behind its Service."""
        found = self._named(workload.kind, workload.name)
        service = self._named("service", service_name)
        if found is None or service is None:
            return [f"{component} has no workload or no Service"]
        wanted = found["spec"].get("replicas", 1)
        pods = list(self._pods(found["spec"]["selector"]["matchLabels"]))
        behind = list(self._pods(service["spec"].get("selector") or {}))
        problems = rollout_problems(component, found)
        if any("deletionTimestamp" in pod["metadata"] for pod in pods):
            problems.append(f"a pod of {component} is still ending")
        ready = {pod["status"]["podIP"] for pod in behind if is_ready(pod)}
        if self._addresses(service_name) != ready:
            problems.append(f"Service {service_name} does not lead to the Ready pods alone")
        if wanted and not problems:
            problems += self._unreached(service_name)
        return problems

    def _named(self, kind: str, name: str) -> Object | None:
        found = (thing for thing in self._objects if thing["kind"].lower() == kind)
        return next((thing for thing in found if thing["metadata"]["name"] == name), None)

    def _pods(self, labels: Mapping[str, str]) -> Iterator[Object]:
        for thing in self._objects:
            if thing["kind"] == "Pod" and labels.items() <= thing["metadata"].get("labels", {}).items():
                yield thing

    def _addresses(self, service: str) -> set[str]:
        return {
            address
            for thing in self._objects
            if thing["kind"] == "EndpointSlice"
            and thing["metadata"].get("labels", {}).get(SERVICE_OF_SLICE) == service
            for endpoint in thing.get("endpoints") or ()
            if endpoint.get("conditions", {}).get("ready")
            for address in endpoint["addresses"]
        }

    def _unreached(self, service: str) -> list[str]:
        """Return the routes to a Service that their Gateway has not taken over, or does not reach."""
        problems = []
        for route in self._routes:
            name = route["metadata"]["name"]
            if service not in _backends(route):
                continue
            if not _is_accepted(route):
                problems.append(f"HTTPRoute {name} is not accepted")
            elif (status := _ask_through_gateway(route)) in NOT_REACHED:
                problems.append(f"the Gateway answers {status} for HTTPRoute {name}")
        return problems


def rollout_problems(component: str, workload: Object) -> list[str]:
    """Return why the generation that is asked for is not the one that runs, with all pods available."""
    status, generation = workload.get("status", {}), workload["metadata"]["generation"]
    wanted = workload["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < generation:
        return [f"the controller has not seen the change of {component}"]
    numbers = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    if workload["kind"] == "StatefulSet" and status.get("currentRevision") == status.get("updateRevision"):
        numbers[1] = numbers[0]
    return [] if numbers == [wanted] * 3 else [f"{component} is not rolled out"]


def queue_problems(collector: Reference, port: int) -> list[str]:
    """Return what the collector's pods still have to send; empty where their metrics cannot be read."""
    waiting = queued_spans(collector, port)
    return [f"the collector still has {waiting:.0f} spans to send"] if waiting else []


def queued_spans(collector: Reference, port: int) -> float | None:
    """Return how many spans wait in the collector's pods; None where the metrics of none can be read."""
    workload = json.loads(kubectl("get", *collector.arguments, "--output=json"))
    labels = ",".join(f"{key}={value}" for key, value in workload["spec"]["selector"]["matchLabels"].items())
    names = kubectl(
        "get", "pods", f"--namespace={collector.namespace}", "--selector", labels, "--output=name"
    )
    waiting: list[float] = []
    for name in names.split():
        path = f"/api/v1/namespaces/{collector.namespace}/pods/{name.partition('/')[2]}:{port}/proxy/metrics"
        try:
            metrics = kubectl("get", "--raw", path)
        except HarnessError:
            continue
        sizes = re.findall(r"^otelcol_exporter_queue_size\{.*\} (\S+)$", metrics, re.MULTILINE)
        waiting.append(sum(map(float, sizes)))
    return sum(waiting) if waiting else None


def _routes(namespace: str) -> list[Object]:
    """Return a namespace's HTTPRoutes, none where the cluster knows no such kind."""
    try:
        found = kubectl(
            "get", "httproutes.gateway.networking.k8s.io", f"--namespace={namespace}", "--output=json"
        )
    except HarnessError:
        return []
    items: list[Object] = json.loads(found)["items"]
    return items


def _backends(route: Object) -> set[str]:
    rules: Iterable[Any] = route["spec"].get("rules") or ()
    return {backend["name"] for rule in rules for backend in rule.get("backendRefs") or ()}


def _is_accepted(route: Object) -> bool:
    """Return whether a Gateway accepted the route as it is now."""
    conditions = [
        condition
        for parent in route.get("status", {}).get("parents") or ()
        for condition in parent["conditions"]
        if condition["type"] == "Accepted"
    ]
    generation = route["metadata"]["generation"]
    return any(
        each["status"] == "True" and each.get("observedGeneration", generation) >= generation
        for each in conditions
    )


def _ask_through_gateway(route: Object) -> int:
    """Return the status that a route's Gateway answers for the route's first host name; 0 for no answer."""
    parent = route["spec"]["parentRefs"][0]
    place = Reference(
        "gateways.gateway.networking.k8s.io",
        parent["name"],
        parent.get("namespace", route["metadata"]["namespace"]),
    )
    gateway = find(kubectl, *place.arguments) or {}
    addresses = [each["value"] for each in gateway.get("status", {}).get("addresses") or ()]
    hosts = route["spec"].get("hostnames") or [""]
    address = os.environ.get("GATEWAY_ADDRESS")
    if not address and addresses:
        address = f"{addresses[0]}:{gateway['spec']['listeners'][0]['port']}"
    if not address:
        return 0
    request = urllib.request.Request(f"http://{address}/", headers={"Host": hosts[0]})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=GATEWAY_LIMIT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
