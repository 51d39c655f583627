"""A cluster of one component that keeps what kubectl is asked to do, and settles at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from harness.common.errors import HarnessError

Object = dict[str, Any]
LABELS = {"app": "program"}
POD: Object = {
    "kind": "Pod",
    "metadata": {"name": "program-1", "labels": LABELS},
    "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
}
SLICE: Object = {
    "kind": "EndpointSlice",
    "metadata": {"name": "program-x", "labels": {"kubernetes.io/service-name": "otel-collector"}},
    "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
}


@dataclass
class Cluster:
    """Answers what kubectl is asked. Only the collector is deployed."""

    labels: dict[str, str] = field(default_factory=lambda: {"app.kubernetes.io/part-of": "llm-observability"})
    container: Object = field(default_factory=lambda: {"name": "otelcol", "command": ["/program"]})
    objects: dict[str, Object] = field(default_factory=dict)
    pods: list[Object] = field(default_factory=lambda: [POD])
    slices: list[Object] = field(default_factory=lambda: [SLICE])
    status: Object = field(
        default_factory=lambda: {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        }
    )  # fmt: skip
    routes: list[Object] = field(default_factory=list)
    metrics: str = ""
    namespaces: list[str] = field(default_factory=lambda: ["kagenti-system"])
    failing: set[str] = field(default_factory=set)  # verbs
    answer: str = ""  # of those
    done: list[tuple[str, ...]] = field(default_factory=list)  # what changed the cluster

    @property
    def workload(self) -> Object:
        """The Deployment, with what the API server adds to it."""
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "program", "namespace": "kagenti-system", "labels": self.labels,
                "generation": 1, "uid": "1", "resourceVersion": "7",
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": LABELS},
                "template": {
                    "spec": {
                        "containers": [self.container],
                        "volumes": [{"name": "config", "configMap": {"name": "config-1a2b"}}],
                    }
                },
            },
            "status": self.status,
        }  # fmt: skip

    @property
    def service(self) -> Object:
        """The Service of the collector."""
        metadata = {"name": "otel-collector"}
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": LABELS}}

    def __call__(self, verb: str, *arguments: str, text: str = "") -> str:
        """Return what kubectl prints."""
        if verb in self.failing:
            raise HarnessError(f"`kubectl {verb}` failed{self.answer}")
        if verb != "get":
            self.done.append((verb, *arguments, text) if text else (verb, *arguments))
            return ""
        return self._get(*arguments)

    def _get(self, what: str, *arguments: str) -> str:
        if what == "--raw":
            return self.metrics
        if what == "services":
            return json.dumps({"items": [{"metadata": {"namespace": name}} for name in self.namespaces]})
        if what == "pods":
            return "\n".join(f"pod/{each['metadata']['name']}" for each in self.pods)
        if "," in what or what.startswith("httproutes"):
            return json.dumps({"items": self._listed(what, "--selector" in arguments)})
        if what.endswith("unknown-kind"):
            raise HarnessError("the server doesn't have a resource type")
        name = f"{what}/{arguments[0]}"
        known = {"service/otel-collector": self.service, "deployment/program": self.workload, **self.objects}
        return json.dumps(known[name]) if name in known else ""

    def _listed(self, kinds: str, selected: bool) -> list[Object]:
        if kinds.startswith("httproutes"):
            return self.routes
        return [self.workload] if selected else [self.workload, self.service, *self.pods, *self.slices]
