"""What is wrong with a workload, judged from the objects that the Kubernetes API returns."""

from __future__ import annotations

import re

from robot.api.deco import keyword, library

from kube.model import (
    Object,
    Stack,
    containers_of,
    current_pods,
    long_running,
    pods_of,
    statuses_of,
    unseen_generation,
)

# What containerd reports of a container that ended while nobody watched it: its node went away.
LOST_WITH_NODE = ("Unknown", 255)


@library(scope="GLOBAL")
class Health:
    """Judges the workloads of a stack; a list of problems is empty when all is well."""

    @keyword
    def find_rollout_problems(self, workload: Object) -> list[str]:
        """Return why the generation that is asked for is not the one that runs, with all pods Ready."""
        return rollout_problems(workload)

    @keyword
    def find_restart_problems(self, stack: Stack, workload: Object) -> list[str]:
        """Return the containers of the current generation that restarted or were killed for memory.

        Not held against a container: that its whole node went away and came back. An init container may try
        again until it has done its work; a native sidecar may not (an init container that always restarts).
        """
        problems = []
        for pod in current_pods(stack, workload):
            may_not_restart = {entry["name"] for entry in long_running(pod["spec"])}
            for entry in statuses_of(pod):
                name = f"{pod['metadata']['name']}/{entry['name']}"
                last = entry.get("lastState", {}).get("terminated", {})
                lost = (last.get("reason"), last.get("exitCode")) == LOST_WITH_NODE
                ends = (last.get("reason"), entry.get("state", {}).get("terminated", {}).get("reason"))
                if "OOMKilled" in ends:
                    problems.append(f"{name} was killed for memory (OOMKilled)")
                elif entry.get("restartCount") and not lost and entry["name"] in may_not_restart:
                    problems.append(
                        f"{name} restarted {entry['restartCount']} times, last with "
                        f"{last.get('reason')} (exit code {last.get('exitCode')}) at {last.get('finishedAt')}"
                    )
        return problems

    @keyword
    def find_image_problems(self, stack: Stack, workload: Object) -> list[str]:
        """Return the containers that do not run the image of their workload."""
        template = workload["spec"]["template"]["spec"]
        asked = {entry["name"]: entry["image"] for entry in containers_of(template)}
        problems = []
        for pod in pods_of(stack, workload):
            name = pod["metadata"]["name"]
            statuses = {entry["name"]: entry for entry in statuses_of(pod)}
            for container in containers_of(pod["spec"]):
                wanted = asked.get(container["name"], container["image"])
                if container["image"] != wanted:
                    problems.append(
                        f"{name}/{container['name']} has image {container['image']}, expected {wanted}"
                    )
                waits = statuses.get(container["name"], {}).get("state", {}).get("waiting", {})
                if "Image" in waits.get("reason", ""):
                    problems.append(
                        f"{name}/{container['name']} cannot get {wanted}: "
                        f"{waits['reason']}: {waits.get('message')}"
                    )
        return problems

    @keyword
    def find_user_problems(self, stack: Stack, workload: Object, users: str | None) -> list[str]:
        """Return the containers whose user is outside of a namespace's range, written as OpenShift does it.

        That is `first/size` or `first-last` (OpenShift's documentation, "Managing SCCs in OpenShift"); None
        for a namespace without a range.
        """
        if users is None:
            return []
        first, separator, second = re.split("([/-])", users)
        last = int(first) + int(second) - 1 if separator == "/" else int(second)
        problems = []
        for pod in pods_of(stack, workload):
            default = pod["spec"].get("securityContext", {}).get("runAsUser")
            for container in containers_of(pod["spec"]):
                user = container.get("securityContext", {}).get("runAsUser", default)
                if user is None or not int(first) <= user <= last:
                    named = "whatever user its image names" if user is None else f"user {user}"
                    where = f"{pod['metadata']['name']}/{container['name']}"
                    problems.append(f"{where} runs as {named}, expected one of {first} to {last}")
        return problems

    @keyword
    def find_claim_problems(self, stack: Stack, workload: Object) -> list[str]:
        """Return the volume claims of a workload's pods that are not Bound."""
        claims = {
            (entry["metadata"]["namespace"], entry["metadata"]["name"]): entry for entry in stack.claims
        }
        problems = []
        for pod in pods_of(stack, workload):
            for volume in pod["spec"].get("volumes") or ():
                name = volume.get("persistentVolumeClaim", {}).get("claimName")
                if not name:
                    continue
                claim = claims.get((pod["metadata"]["namespace"], name), {})
                phase = claim.get("status", {}).get("phase", "missing")
                if phase != "Bound":
                    problems.append(f"volume claim {name} of {pod['metadata']['name']} is {phase}")
        return problems


def rollout_problems(workload: Object) -> list[str]:
    """Return why the generation that is asked for is not the one that runs, with all pods Ready."""
    wanted = workload["spec"].get("replicas", 1)
    status = workload.get("status", {})
    if wanted == 0:
        return ["it is scaled to 0 replicas"]
    problems = []
    if unseen := unseen_generation(workload):
        problems.append(unseen)
    for field, words in (("updatedReplicas", "of the current generation"), ("readyReplicas", "Ready")):
        if status.get(field, 0) < wanted:
            problems.append(f"{status.get(field, 0)} of {wanted} replicas are {words}")
    if status.get("replicas", 0) > status.get("updatedReplicas", 0):
        problems.append("replicas of an older generation still run")
    if workload["kind"] == "StatefulSet" and status.get("currentRevision") != status.get("updateRevision"):
        problems.append(f"revision {status.get('updateRevision')} is not rolled out yet")
    return problems
