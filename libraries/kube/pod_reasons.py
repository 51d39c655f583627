"""Why a pod is not Ready, as one clause: from its conditions and the states of its containers."""

from __future__ import annotations

from kube.model import Object, containers_of, is_ready, statuses_of

# Reasons of the kubelet (pkg/kubelet/images/types.go and pkg/kubelet/kuberuntime/kuberuntime_container.go of
# kubernetes/kubernetes). Only the second may go away while one waits: a ConfigMap or Secret is missing, which
# somebody may yet make, as MLflow's pod makes mlflow-experiment.
IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
NOT_CONFIGURED = "CreateContainerConfigError"
CREATION_REASONS = frozenset({NOT_CONFIGURED, "CreateContainerError", "RunContainerError"})
LONGEST_MESSAGE = 200  # characters


def why_not_ready(pod: Object) -> str:
    """Return why a pod is not Ready, such as `image x cannot be pulled (...)`; empty for a Ready one.

    Where a container crashed the sentence says how it ended; what it logged is not known here.
    """
    if is_ready(pod):
        return ""
    for entry in statuses_of(pod):
        if why := _why_container_fails(pod, entry):
            return why
    if refused := _refused_by_nodes(pod):
        return f"no node takes its pod ({_short(refused.get('message'))})"
    for entry in statuses_of(pod):
        if "running" in entry.get("state", {}) and not entry["ready"]:
            probe = "startup" if entry.get("started") is False else "readiness"
            return f"the {probe} probe of container {entry['name']} fails"
    return "its containers are starting" if statuses_of(pod) else "its pod is not on a node yet"


def crashed_container(pod: Object) -> str | None:
    """Return the first container that ended with a failure and is not Ready, None where there is none."""
    return next(
        (entry["name"] for entry in statuses_of(pod) if not entry.get("ready") and _failure(entry)), None
    )


def fails_for_good(pod: Object) -> bool:
    """Return whether waiting does not make a pod Ready: a container crashed, or cannot be made."""
    return not is_ready(pod) and any(
        _why_container_fails(pod, entry) and _waiting(entry).get("reason") != NOT_CONFIGURED
        for entry in statuses_of(pod)
    )


def is_without_node(pod: Object) -> bool:
    """Return whether no node takes a pod now; one may yet, when a volume is bound or a node is added."""
    return bool(_refused_by_nodes(pod))


def _refused_by_nodes(pod: Object) -> Object:
    """Return the condition that says so, empty where there is none."""
    conditions: list[Object] = pod.get("status", {}).get("conditions") or []
    refused = (each for each in conditions if each["type"] == "PodScheduled" and each["status"] != "True")
    return next(refused, {})


def _waiting(entry: Object) -> Object:
    """Return why a container waits, empty where it does not."""
    waits: Object = entry.get("state", {}).get("waiting", {})
    return waits


def _why_container_fails(pod: Object, entry: Object) -> str:
    if entry.get("ready"):
        return ""
    waits = _waiting(entry)
    reason, name = waits.get("reason", ""), entry["name"]
    said = f"({reason}: {_short(waits.get('message'))})"
    if reason in IMAGE_REASONS:
        image = next(each["image"] for each in containers_of(pod["spec"]) if each["name"] == name)
        return f"image {image} cannot be pulled {said}"
    if reason in CREATION_REASONS:
        return f"container {name} cannot be started {said}"
    ended = _failure(entry)
    if not ended:
        return ""
    if ended.get("reason") == "OOMKilled":
        return f"container {name} was killed for memory (OOMKilled)"
    return f"container {name} ends with exit code {ended.get('exitCode')}"


def _failure(entry: Object) -> Object:
    """Return how a container ended with a failure now or the last time, empty where it did not."""
    states = (entry.get("state", {}), entry.get("lastState", {}))
    ends: list[Object] = [state["terminated"] for state in states if "terminated" in state]
    return next((end for end in ends if end.get("exitCode")), {})


def _short(message: str | None) -> str:
    text = " ".join((message or "no message").split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."
