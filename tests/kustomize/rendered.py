"""A rendered overlay as objects, and the questions that rules ask of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.common.yaml_loader import load_objects

Object = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


class BuildError(Exception):
    """Kustomize does not build a folder; the message is its own."""


def name_of(thing: Object) -> str:
    """Return kind, namespace and name, as messages name an object."""
    metadata = thing["metadata"]
    return f"{thing['kind']} {metadata.get('namespace', '-')}/{metadata['name']}"


def pod_template(workload: Object) -> Object:
    """Return a workload's template of its pods; a CronJob has it in its template of jobs."""
    spec = workload["spec"]
    template: Object = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return template


@dataclass(frozen=True)
class Stack:
    """Every object of one rendered overlay."""

    objects: list[Object]

    @classmethod
    def parse(cls, text: str) -> "Stack":
        """Read what `kubectl kustomize` printed."""
        return cls(load_objects(text))

    def of(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects of these kinds."""
        return (thing for thing in self.objects if thing["kind"] in kinds)

    def get(self, kind: str, name: str, namespace: str) -> Object | None:
        """Return one object, or None."""
        for thing in self.of(kind):
            if thing["metadata"]["name"] == name and thing["metadata"].get("namespace") == namespace:
                return thing
        return None

    def pods(self) -> Iterator[tuple[Object, Object]]:
        """Yield every workload with its pod template's spec."""
        for workload in self.of(*WORKLOADS):
            yield workload, pod_template(workload)["spec"]

    def containers(self) -> Iterator[tuple[str, Object, Object]]:
        """Yield every container, init containers too: a name for messages, its workload, itself."""
        for workload, pod in self.pods():
            for container in all_containers(pod):
                yield f"{name_of(workload)} container {container['name']}", workload, container

    def container(self, name: str) -> tuple[str, Object] | None:
        """Return the namespace and the container of this name (they are unique where a rule asks)."""
        for _, workload, container in self.containers():
            if container["name"] == name:
                return workload["metadata"]["namespace"], container
        return None

    def service_target(self, service: str, namespace: str, port: int | str) -> int | None:
        """Return the container port that a Service's port leads to, or None where anything is missing."""
        found = self.get("Service", service, namespace)
        if found is None:
            return None
        for entry in found["spec"]["ports"]:
            if port in (entry["port"], entry.get("name")):
                return self._container_port(found, entry.get("targetPort", entry["port"]))
        return None

    def selected_by(self, service: Object) -> list[Object]:
        """Return the workloads whose pods a Service selects."""
        selector = service["spec"].get("selector", {}).items()
        return [
            workload
            for workload, _ in self.pods()
            if workload["metadata"]["namespace"] == service["metadata"]["namespace"]
            and selector <= pod_template(workload)["metadata"]["labels"].items()
        ]

    def _container_port(self, service: Object, target: int | str) -> int | None:
        for workload in self.selected_by(service):
            for container in pod_template(workload)["spec"]["containers"]:
                for port in container.get("ports", []):
                    if target in (port["containerPort"], port.get("name")):
                        return int(port["containerPort"])
        return None


def all_containers(pod: Object) -> list[Object]:
    """Return init containers and containers of a pod spec."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def secrets_of(value: object) -> set[str]:
    """Return the names of all Secrets that a pod spec names, at any depth."""
    if isinstance(value, list):
        return set().union(*map(secrets_of, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(secrets_of, value.values()))
    for key in ("secretKeyRef", "secretRef", "secret"):
        if isinstance(value.get(key), dict):
            found.add(value[key].get("name") or value[key].get("secretName"))
    return found


def readiness(container: Object) -> tuple[str, str | None]:
    """Return the path that a readiness probe asks for, and the host name it asks by, None where it has none.

    Where MLflow wants a login, the probe is check_readiness.py, with host name and experiment as arguments.
    """
    probe = container["readinessProbe"]
    if "httpGet" not in probe:
        host, experiment = probe["exec"]["command"][-2:]
        return f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(experiment, safe='')}", host
    headers = probe["httpGet"].get("httpHeaders", [])
    return probe["httpGet"]["path"], next((h["value"] for h in headers if h["name"] == "Host"), None)


def plain_env(container: Object, namespace: str = "") -> dict[str, str]:
    """Return the environment variables with a literal value, each $(NAME) replaced as Kubernetes does it.

    With `namespace`, also those that have the pod's namespace.

    A reference knows only variables that stand before it in the list; an unknown one stays as it is.
    """
    known: dict[str, str] = {}
    for variable in container.get("env", []):
        if variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") == "metadata.namespace":
            known[variable["name"]] = namespace
        elif "value" in variable:
            known[variable["name"]] = re.sub(
                r"\$\(([A-Za-z0-9_]+)\)",
                lambda match: known.get(match[1], match[0]),
                variable["value"],
            )
    return known
