"""Objects of the Kubernetes API, as the dictionaries that `kubectl -o json` prints, and how they relate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

Object = dict[str, Any]
Labels = Mapping[str, str]

PART_OF = "app.kubernetes.io/part-of"
STACK = "llm-observability"  # what that label is on everything that the overlays deploy
STACK_SELECTOR = f"{PART_OF}={STACK}"
REVISION = "deployment.kubernetes.io/revision"
ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Stack:
    """What runs in the namespaces of the stack at one moment."""

    workloads: Sequence[Object]
    replica_sets: Sequence[Object]
    pods: Sequence[Object]
    claims: Sequence[Object]
    services: Sequence[Object] = ()

    def __repr__(self) -> str:
        """Return how much there is: Robot Framework makes this text wherever a keyword returns a stack."""
        numbers = (f"{each.name.replace('_', ' ')}: {len(getattr(self, each.name))}" for each in fields(self))
        return f"Stack({', '.join(numbers)})"


def matches(selector: Object, labels: Labels) -> bool:
    """Return whether a label selector matches; an empty one matches everything."""
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    for part in selector.get("matchExpressions") or ():
        has, among = part["key"] in labels, labels.get(part["key"]) in (part.get("values") or ())
        if not {"In": among, "NotIn": not among, "Exists": has, "DoesNotExist": not has}[part["operator"]]:
            return False
    return True


def labels_of(item: Object) -> Labels:
    """Return an object's labels."""
    labels: Labels = item["metadata"].get("labels") or {}
    return labels


def is_labelled(item: Object) -> bool:
    """Return whether an object carries the label of the stack."""
    return labels_of(item).get(PART_OF) == STACK


def is_owned(item: Object, owner: Object) -> bool:
    """Return whether an object has another one as its owner."""
    owners = item["metadata"].get("ownerReferences") or ()
    return any(entry["uid"] == owner["metadata"]["uid"] for entry in owners)


def unseen_generation(item: Object) -> str:
    """Return that an object's controller has not looked at it since it changed, empty where it has."""
    seen, asked = item.get("status", {}).get("observedGeneration", 0), item["metadata"]["generation"]
    return f"the controller has seen generation {seen} of {asked}" if seen < asked else ""


def pods_of(stack: Stack, workload: Object) -> list[Object]:
    """Return the pods that a workload's selector matches, oldest first, without those that have ended."""
    found = [
        pod
        for pod in stack.pods
        if pod["metadata"]["namespace"] == workload["metadata"]["namespace"]
        and matches(workload["spec"]["selector"], labels_of(pod))
        and pod.get("status", {}).get("phase") not in ENDED
    ]
    return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def current_pods(stack: Stack, workload: Object) -> list[Object]:
    """Return the pods of a workload's current generation that are not being deleted."""
    if workload["kind"] == "StatefulSet":
        label, value = "controller-revision-hash", workload.get("status", {}).get("updateRevision")
    else:
        label, value = "pod-template-hash", _current_hash(stack, workload)
    return [
        pod
        for pod in pods_of(stack, workload)
        if labels_of(pod).get(label) == value and not pod["metadata"].get("deletionTimestamp")
    ]


def is_ready(pod: Object) -> bool:
    """Return whether a pod's condition Ready is True."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def serving_pods(stack: Stack, workload: Object) -> list[Object]:
    """Return the Ready pods of a workload, of any generation, that are not being deleted."""
    return [
        pod
        for pod in pods_of(stack, workload)
        if is_ready(pod) and not pod["metadata"].get("deletionTimestamp")
    ]


def statuses_of(pod: Object) -> list[Object]:
    """Return the statuses of a pod's containers, init containers first; none before the pod is on a node."""
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def containers_of(spec: Object) -> list[Object]:
    """Return the containers of a pod's specification, init containers first."""
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def long_running(spec: Object) -> list[Object]:
    """Return the containers that run as long as their pod; native sidecars among init containers do."""
    return [
        *(entry for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always"),
        *spec["containers"],
    ]


def main_container(workload: Object) -> Object:
    """Return the first container of a workload's pods."""
    container: Object = workload["spec"]["template"]["spec"]["containers"][0]
    return container


def _current_hash(stack: Stack, workload: Object) -> str | None:
    revision = workload["metadata"].get("annotations", {}).get(REVISION)
    for item in stack.replica_sets:
        annotations = item["metadata"].get("annotations", {})
        if is_owned(item, workload) and annotations.get(REVISION) == revision:
            return labels_of(item).get("pod-template-hash")
    return None
