"""What is wrong with a workload, judged from the objects that the Kubernetes API returns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robot.api.deco import keyword, library

Object = dict[str, Any]
PART_OF = "app.kubernetes.io/part-of=llm-observability"
REVISION = "deployment.kubernetes.io/revision"
# How containerd tells of a container that ended while nobody watched it: its node went away.
LOST_WITH_NODE = ("Unknown", 255)


@dataclass(frozen=True)
class Stack:
    """What runs in the namespaces of the stack at one moment."""

    workloads: list[Object]
    replica_sets: list[Object]
    pods: list[Object]
    claims: list[Object]
    services: Sequence[Object] = ()


@library(scope="GLOBAL")
class Workloads:
    """Judges the workloads of a stack; a list of problems is empty when all is well."""

    @keyword
    def find_workload(self, stack: Stack, namespace: str, service: str) -> Object | None:
        """Return the workload whose pods a Service selects, None when there is none.

        Raises AssertionError when the Service selects the pods of several.
        """
        found = _behind(stack, namespace, service)
        if len(found) > 1:
            names = " and ".join(f"{item['kind']} {item['metadata']['name']}" for item in found)
            raise AssertionError(
                f"Service {service} in namespace {namespace} selects the pods of {names}: which of them is "
                "meant cannot be told; name another Service in COMPONENTS of resources/settings.yaml."
            )
        return found[0] if found else None

    @keyword
    def explain_missing_workload(self, stack: Stack, namespace: str, service: str) -> str:
        """Return why `find_workload` finds none for that Service."""
        found = _service(stack, namespace, service)
        if found is None:
            return f"there is no Service {service} in namespace {namespace}"
        selector = found["spec"].get("selector")
        if not selector:
            return f"Service {service} in namespace {namespace} selects no pods: it leads out of this cluster"
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        return f"Service {service} in namespace {namespace} selects {labels}, which no workload's pods carry"

    @keyword
    def find_workloads_of_stack(
        self, stack: Stack, components: Mapping[str, Mapping[str, str]]
    ) -> list[Object]:
        """Return the deployed workloads behind the components' Services or with the label of the stack.

        `components` has the `namespace` and the `service` of each.
        """
        behind = _behind_components(stack, components)
        return [workload for workload in stack.workloads if workload in behind or _is_labelled(workload)]

    @keyword
    def find_other_workloads(self, stack: Stack, components: Mapping[str, Mapping[str, str]]) -> list[Object]:
        """Return the workloads with the label of the stack that stand behind no component's Service."""
        behind = _behind_components(stack, components)
        return [workload for workload in stack.workloads if workload not in behind and _is_labelled(workload)]

    @keyword
    def find_rollout_problems(self, workload: Object) -> list[str]:
        """Return why the generation that is asked for is not the one that runs, whole and Ready."""
        wanted = workload["spec"].get("replicas", 1)
        status = workload.get("status", {})
        if wanted == 0:
            return ["it is scaled to 0 replicas"]
        problems = []
        if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
            problems.append(
                f"the controller has seen generation {status.get('observedGeneration', 0)} "
                f"of {workload['metadata']['generation']}"
            )
        for field, words in (("updatedReplicas", "of the current generation"), ("readyReplicas", "Ready")):
            if status.get(field, 0) < wanted:
                problems.append(f"{status.get(field, 0)} of {wanted} replicas are {words}")
        if status.get("replicas", 0) > status.get("updatedReplicas", 0):
            problems.append("replicas of an older generation still run")
        if workload["kind"] == "StatefulSet" and status.get("currentRevision") != status.get(
            "updateRevision"
        ):
            problems.append(f"revision {status.get('updateRevision')} is not rolled out yet")
        return problems

    @keyword
    def find_restart_problems(self, stack: Stack, workload: Object) -> list[str]:
        """Return the containers of the current generation that restarted or were killed for memory.

        Not held against a container: that its whole node went away and came back, and that an init container
        tried again until it could do its work.
        """
        problems = []
        for pod in current_pods(stack, workload):
            for entry in _statuses(pod):
                name = f"{pod['metadata']['name']}/{entry['name']}"
                last = entry.get("lastState", {}).get("terminated", {})
                lost = (last.get("reason"), last.get("exitCode")) == LOST_WITH_NODE
                ends = (last.get("reason"), entry.get("state", {}).get("terminated", {}).get("reason"))
                if "OOMKilled" in ends:
                    problems.append(f"{name} was killed for memory (OOMKilled)")
                elif entry.get("restartCount") and not lost and entry in pod["status"]["containerStatuses"]:
                    problems.append(
                        f"{name} restarted {entry['restartCount']} times, last with "
                        f"{last.get('reason')} (exit code {last.get('exitCode')}) at {last.get('finishedAt')}"
                    )
        return problems

    @keyword
    def find_image_problems(self, stack: Stack, workload: Object) -> list[str]:
        """Return the containers that do not run the image that their workload asks for."""
        template = workload["spec"]["template"]["spec"]
        asked = {entry["name"]: entry["image"] for entry in _containers(template)}
        problems = []
        for pod in pods_of(stack, workload):
            name = pod["metadata"]["name"]
            running = {entry["name"]: entry for entry in _statuses(pod)}
            for container in _containers(pod["spec"]):
                wanted = asked.get(container["name"], container["image"])
                if container["image"] != wanted:
                    problems.append(
                        f"{name}/{container['name']} has {container['image']}, asked for is {wanted}"
                    )
                waits = running.get(container["name"], {}).get("state", {}).get("waiting", {})
                if "Image" in waits.get("reason", ""):
                    problems.append(
                        f"{name}/{container['name']} cannot get {wanted}: "
                        f"{waits['reason']}: {waits.get('message')}"
                    )
        return problems

    @keyword
    def find_user_problems(self, stack: Stack, workload: Object, users: str) -> list[str]:
        """Return the containers whose user is outside of a namespace's range, written as OpenShift does it.

        That is `first/size` or `first-last` (OpenShift's documentation, "Managing SCCs in OpenShift").
        """
        first, separator, second = re.split("([/-])", users)
        last = int(first) + int(second) - 1 if separator == "/" else int(second)
        problems = []
        for pod in pods_of(stack, workload):
            default = pod["spec"].get("securityContext", {}).get("runAsUser")
            for container in _containers(pod["spec"]):
                user = container.get("securityContext", {}).get("runAsUser", default)
                if user is None or not int(first) <= user <= last:
                    named = "whatever user its image names" if user is None else f"user {user}"
                    where = f"{pod['metadata']['name']}/{container['name']}"
                    problems.append(f"{where} runs as {named}, not as one of {first} to {last}")
        return problems

    @keyword
    def find_claim_problems(self, stack: Stack, workload: Object) -> list[str]:
        """Return the volume claims of a workload's pods that are not Bound."""
        claims = {
            (entry["metadata"]["namespace"], entry["metadata"]["name"]): entry for entry in stack.claims
        }
        problems = []
        for pod in pods_of(stack, workload):
            for volume in pod["spec"].get("volumes", ()):
                name = volume.get("persistentVolumeClaim", {}).get("claimName")
                if not name:
                    continue
                claim = claims.get((pod["metadata"]["namespace"], name), {})
                phase = claim.get("status", {}).get("phase", "missing")
                if phase != "Bound":
                    problems.append(f"volume claim {name} of {pod['metadata']['name']} is {phase}")
        return problems

    @keyword
    def find_running_images(self, stack: Stack, workload: Object) -> list[str]:
        """Return the images of a workload's containers, each with the start of the digest that runs."""
        images = {}
        for pod in current_pods(stack, workload):
            digests = {
                entry["name"]: entry.get("imageID", "")
                for entry in pod["status"].get("containerStatuses", ())
            }
            for container in pod["spec"]["containers"]:
                digest = digests.get(container["name"], "").rpartition("sha256:")[2][:12]
                images[container["image"]] = f"{container['image']} ({digest or 'not running'})"
        return list(images.values())

    @keyword
    def find_secret_of_variable(self, workload: Object, variable: str) -> str | None:
        """Return the name of the Secret that gives a workload's first container a variable, None without."""
        for entry in workload["spec"]["template"]["spec"]["containers"][0].get("env", ()):
            if entry["name"] == variable:
                name = entry.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
                return str(name) if name else None
        return None

    @keyword
    def find_pods(self, stack: Stack, workload: Object) -> list[Object]:
        """Return all pods of a workload that have not ended, oldest first, whatever their state."""
        return pods_of(stack, workload)

    @keyword
    def find_ready_pods(self, stack: Stack, workload: Object) -> list[Object]:
        """Return the Ready pods of the current generation; raises AssertionError when there is none."""
        pods = [pod for pod in current_pods(stack, workload) if _is_ready(pod)]
        if not pods:
            name = workload["metadata"]["name"]
            why = "; ".join(self.find_rollout_problems(workload)) or "its pods are not Ready"
            raise AssertionError(f"{name} has no Ready pod: {why}.")
        return pods

    @keyword
    def find_ready_pod(self, stack: Stack, workload: Object) -> Object:
        """Return a Ready pod of the current generation; raises AssertionError when there is none."""
        return self.find_ready_pods(stack, workload)[0]

    @keyword
    def find_any_pod(self, stack: Stack, workload: Object) -> Object | None:
        """Return a pod of the current generation, a Ready one first, None when there is none."""
        return next(iter(sorted(current_pods(stack, workload), key=_is_ready, reverse=True)), None)


def pods_of(stack: Stack, workload: Object) -> list[Object]:
    """Return the pods that a workload's selector matches, oldest first, without those that have ended."""
    labels = workload["spec"]["selector"]["matchLabels"].items()
    found = [
        pod
        for pod in stack.pods
        if pod["metadata"]["namespace"] == workload["metadata"]["namespace"]
        and labels <= pod["metadata"].get("labels", {}).items()
        and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
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
        if pod["metadata"]["labels"].get(label) == value and not pod["metadata"].get("deletionTimestamp")
    ]


def container_states(pod: Object) -> list[str]:
    """Return why a pod is not on a node, and for each container its state, reason and restarts.

    Init containers that have done their work are left out.
    """
    done = [entry for entry in pod.get("status", {}).get("initContainerStatuses", ()) if _is_done(entry)]
    lines = []
    for entry in _statuses(pod):
        if entry in done:
            continue
        ((state, detail),) = (entry.get("state") or {"not started": {}}).items()
        why = " ".join(str(detail[key]) for key in ("reason", "exitCode", "message") if key in detail)
        ready = "Ready" if entry.get("ready") else "not Ready"
        lines.append(f"{entry['name']} {state} {why} {ready}, {entry.get('restartCount', 0)} restarts")
    phase = pod.get("status", {}).get("phase", "Pending")
    unmet = [
        f"{phase}, {entry['type']}={entry['status']} {entry.get('reason', '')}: {entry.get('message', '')}"
        for entry in pod.get("status", {}).get("conditions", ())
        if entry["type"] == "PodScheduled" and entry["status"] != "True"
    ]
    return [*unmet, *lines] or [phase]


def _service(stack: Stack, namespace: str, name: str) -> Object | None:
    for item in stack.services:
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (namespace, name):
            return item
    return None


def _behind(stack: Stack, namespace: str, service: str) -> list[Object]:
    """Return the workloads whose pods a Service selects; a Service without selector selects none."""
    found = _service(stack, namespace, service)
    selector = (found or {"spec": {}})["spec"].get("selector") or {}
    return [
        workload
        for workload in stack.workloads
        if selector
        and workload["metadata"]["namespace"] == namespace
        and selector.items() <= workload["spec"]["template"]["metadata"].get("labels", {}).items()
    ]


def _behind_components(stack: Stack, components: Mapping[str, Mapping[str, str]]) -> list[Object]:
    return [
        workload
        for place in components.values()
        for workload in _behind(stack, place["namespace"], place["service"])
    ]


def _is_labelled(workload: Object) -> bool:
    key, value = PART_OF.split("=")
    return bool(workload["metadata"].get("labels", {}).get(key) == value)


def sickest_first(pods: Iterable[Object]) -> list[Object]:
    """Return pods in the order of interest: with a container that failed or waits, not Ready, Ready."""
    return sorted(
        pods, key=lambda pod: (not any(_is_sick(entry) for entry in _statuses(pod)), _is_ready(pod))
    )


def _is_done(entry: Object) -> bool:
    """Tell whether a container ended well, and at its first try."""
    ended = entry.get("state", {}).get("terminated", {})
    return ended.get("exitCode") == 0 and not entry.get("restartCount")


def _is_sick(entry: Object) -> bool:
    state = entry.get("state", {})
    waits = state.get("waiting", {}).get("reason", "PodInitializing") != "PodInitializing"
    return waits or bool(state.get("terminated", {}).get("exitCode"))


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _current_hash(stack: Stack, workload: Object) -> str | None:
    revision = workload["metadata"].get("annotations", {}).get(REVISION)
    for item in stack.replica_sets:
        owners = {entry["uid"] for entry in item["metadata"].get("ownerReferences", ())}
        if (
            workload["metadata"]["uid"] in owners
            and item["metadata"].get("annotations", {}).get(REVISION) == revision
        ):
            return str(item["metadata"]["labels"]["pod-template-hash"])
    return None


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _containers(spec: Object) -> Iterable[Object]:
    return [*spec.get("initContainers", ()), *spec["containers"]]
