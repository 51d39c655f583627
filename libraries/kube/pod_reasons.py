"""Why a pod is not Ready, as one clause: from its conditions and the states of its containers."""

from __future__ import annotations

from collections.abc import Callable

from kube.model import Object, containers_of, is_ready, long_running, statuses_of

# Reasons of the kubelet (pkg/kubelet/images/types.go and pkg/kubelet/kuberuntime/kuberuntime_container.go of
# kubernetes/kubernetes). Only the second may go away while one waits: a ConfigMap or Secret is missing, which
# somebody may yet make, as MLflow's pod makes mlflow-experiment.
IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
NOT_CONFIGURED = "CreateContainerConfigError"
CREATION_REASONS = frozenset({NOT_CONFIGURED, "CreateContainerError", "RunContainerError"})
BACK_OFF = "CrashLoopBackOff"  # of a container that ended again, also of one that ended well and may not end
# How a container ended whose program cannot be started, such as one that is not in its image.
NOT_STARTED = frozenset({"StartError", "ContainerCannotRun"})
LONGEST_MESSAGE = 200  # characters
STARTING = "its containers are starting"


def why_not_ready(pod: Object) -> str:
    """Return why a pod is not Ready, such as `image x cannot be pulled (...)`; empty for a Ready one.

    Where a container crashed the sentence says how it ended; what it logged is not known here.
    """
    if is_ready(pod):
        return ""
    return next(filter(None, (rule(pod) for rule in _RULES)), STARTING)


def _why_it_goes(pod: Object) -> str:
    since = pod["metadata"].get("deletionTimestamp")
    keeps = ", ".join(pod["metadata"].get("finalizers") or ())
    return (
        f"its pod is being deleted since {since}{keeps and f', finalizer {keeps} keeps it'}" if since else ""
    )


def _why_a_container_fails(pod: Object) -> str:
    return next(filter(None, (_why_container_fails(pod, entry) for entry in statuses_of(pod))), "")


def _why_no_node_takes_it(pod: Object) -> str:
    refused = _refused_by_nodes(pod)
    if refused:
        return f"no node takes its pod ({_short(refused.get('message'))})"
    return "" if statuses_of(pod) else "its pod is not on a node yet"


def _why_it_waits(pod: Object) -> str:
    unfinished, probe = unfinished_init_container(pod), failing_probe(pod)
    if unfinished:
        return f"init container {unfinished} does not end"
    return f"the {probe[0]} probe of container {probe[1]} fails" if probe else ""


def _why_ready_containers_do_not_suffice(pod: Object) -> str:
    """Return what the pod itself says, as where its node is gone, or it has a readiness gate."""
    conditions = pod["status"].get("conditions") or ()
    ready = next((each for each in conditions if each["type"] == "Ready"), None)
    if ready is None or not all(
        entry.get("ready") for entry in pod["status"].get("containerStatuses") or [{}]
    ):
        return ""
    said = ": ".join(filter(None, (ready.get("reason"), ready.get("message")))) or "no reason"
    return f"its containers are Ready, and its pod is not ({_short(said)})"


# Why a pod is not Ready: the first that says something is right.
_RULES: tuple[Callable[[Object], str], ...] = (
    _why_it_goes,
    _why_a_container_fails,
    _why_no_node_takes_it,
    _why_it_waits,
    _why_ready_containers_do_not_suffice,
)


def failing_probe(pod: Object) -> tuple[str, str] | None:
    """Return which probe of a pod's container fails, and the container's name; None where none does."""
    for entry in statuses_of(pod):
        if "running" in entry.get("state", {}) and not entry["ready"]:
            return "startup" if entry.get("started") is False else "readiness", entry["name"]
    return None


def unfinished_init_container(pod: Object) -> str | None:
    """Return the init container that runs and must end before the next one starts, None where none does."""
    sidecars = {each["name"] for each in long_running(pod["spec"])}
    return next(
        (
            entry["name"]
            for entry in pod.get("status", {}).get("initContainerStatuses") or ()
            if "running" in entry.get("state", {}) and entry["name"] not in sidecars
        ),
        None,
    )


def crashed_container(pod: Object) -> str | None:
    """Return the first container that ended with a failure and is not Ready, None where there is none.

    One whose program could not be started has logged nothing, and is none.
    """
    return next(
        (
            entry["name"]
            for entry in statuses_of(pod)
            if not entry.get("ready") and (end := _failure(entry)) and end.get("reason") not in NOT_STARTED
        ),
        None,
    )


def fails_for_good(pod: Object) -> bool:
    """Return whether waiting does not make a pod Ready: a container crashed, or cannot be made.

    How a container of a pod that is being deleted ended says nothing.
    """
    if is_ready(pod) or "deletionTimestamp" in pod["metadata"]:
        return False
    return any(
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
    return _how_it_ended(name, ended) if ended else ""


def _how_it_ended(name: str, ended: Object) -> str:
    if ended.get("reason") in NOT_STARTED:
        return f"container {name} cannot be started ({ended['reason']}: {_short(ended.get('message'))})"
    if ended.get("reason") == "OOMKilled":
        return f"container {name} was killed for memory (OOMKilled)"
    return f"container {name} ends with exit code {ended.get('exitCode')}"


def _failure(entry: Object) -> Object:
    """Return how a container ended with a failure now or the last time, empty where it did not.

    That it ended is the failure itself, where the kubelet waits before it starts the container again.
    """
    states = (entry.get("state", {}), entry.get("lastState", {}))
    ends: list[Object] = [state["terminated"] for state in states if "terminated" in state]
    again = _waiting(entry).get("reason") == BACK_OFF
    return next((end for end in ends if end.get("exitCode") or again), {})


def _short(message: str | None) -> str:
    text = " ".join((message or "no message").split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."
