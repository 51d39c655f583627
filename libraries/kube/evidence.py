"""The evidence about a workload: what the cluster says of it, short enough for a failure message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from robot.api import logger
from robot.api.deco import keyword, library

from kube.client import ClusterError
from kube.health import rollout_problems
from kube.model import Object, Stack, is_owned, is_ready, pods_of, statuses_of
from kube.objects import Objects
from kube.pod_reasons import (
    STARTING,
    crashed_container,
    failing_probe,
    unfinished_init_container,
    why_not_ready,
)
from kube.pods import LAST_LINES, Pods
from messages import in_a_row

LAST_EVENTS = 5
LONGEST_TRACE = 60  # lines of a log; the collector's panics have 27
PANICS = ("panic: ", "fatal error: ")  # what Go's runtime logs before a stack trace
# Reasons of events about a pod whose containers do not start: pkg/kubelet/events/event.go of kubernetes.
EVENTS_OF_STARTING = (
    "FailedMount|FailedMapVolume|FailedAttachVolume|FailedCreatePodSandBox|FailedPodSandBoxStatus"
)
LONGEST_LINE = 230  # characters: three lines of a failure message


@library(scope="GLOBAL")
class Evidence:
    """Collects conditions, container states, events and log lines."""

    def __init__(self, objects: Objects, pods: Pods) -> None:
        """Read them by these."""
        self._objects, self._pods = objects, pods

    @keyword
    def fail_with_evidence(
        self, stack: Stack, workload: Object, summary: str, problems: Sequence[str]
    ) -> NoReturn:
        """Fail with a summary, the first problems, and the evidence about a workload; log all problems."""
        logger.info("\n".join(problems))
        evidence = self._collect_evidence(stack, workload)
        raise AssertionError(f"{summary}: {in_a_row(problems)}.\n{evidence}")

    def _collect_evidence(self, stack: Stack, workload: Object) -> str:
        """Return the evidence about a workload: unmet conditions, pods, last events and last log lines.

        It is short enough for a failure message, of which Robot Framework shows 40 lines of 78 characters.
        """
        pods = sickest_first(pods_of(stack, workload))
        conditions = workload.get("status", {}).get("conditions") or ()
        lines = [_condition(entry) for entry in conditions if entry["status"] != "True"]
        lines += [f"pod {pod['metadata']['name']}: {line}" for pod in pods for line in container_states(pod)]
        lines += self._events(stack, workload, pods)
        lines += [line for pod in pods for line in self._logs(pod)]
        return "\n".join(f"  {line}" for line in lines)

    @keyword
    def explain_not_ready(self, stack: Stack, workload: Object) -> str:
        """Return as one clause why not all pods of a workload are Ready, empty where they are.

        Of a container that crashed, or of an init container that does not end, the clause has the last line
        that it logged; of a program in Go that panicked, the line before its stack trace. Of a probe that
        fails, and of containers that do not start, it has what the kubelet says in an event.
        """
        problems = "; ".join(rollout_problems(workload))
        pods = sickest_first(pod for pod in pods_of(stack, workload) if not is_ready(pod))
        # A pod that goes is the reason only where no other one comes.
        pods.sort(key=lambda pod: "deletionTimestamp" in pod["metadata"])
        if not pods:
            denied = self._denied(stack, workload) if problems else ""
            return "; ".join(filter(None, (problems, denied)))
        pod = pods[0]
        why = why_not_ready(pod)
        if "deletionTimestamp" in pod["metadata"]:
            return "; ".join(filter(None, (problems, why)))
        return "; ".join(filter(None, (why, *self._details(pod, why))))

    def _details(self, pod: Object, why: str) -> list[str]:
        """Return what more is known of why a pod is not Ready: log lines, or what the kubelet says."""
        if crashed := crashed_container(pod):
            # The kubelet ends a container of which a probe failed too often.
            return [self._find_event(pod, "Killing", f"{crashed} failed "), *self._last_words(pod, crashed)]
        if unfinished := unfinished_init_container(pod):
            return self._last_lines(pod, unfinished, previous=False, number=1)
        if failing_probe(pod):
            return [self._find_event(pod, "Unhealthy")]
        return [self._find_event(pod, EVENTS_OF_STARTING)] if why == STARTING else []

    def _last_words(self, pod: Object, crashed: str) -> list[str]:
        """Return the line in which a container that crashed says why: its last one, or that of a panic."""
        entry = next(each for each in statuses_of(pod) if each["name"] == crashed)
        previous = "terminated" not in entry.get("state", {})
        lines = self._last_lines(pod, crashed, previous=previous, number=LONGEST_TRACE)
        panics = [line for line in lines if any(f": {mark}" in line for mark in PANICS)]
        return (panics or lines)[-1:]

    def _find_event(self, pod: Object, reason: str, text: str = "") -> str:
        """Return the message, with that text, of the last event about a pod that has a reason; or nothing."""
        try:
            own = self._events_about({pod["metadata"]["name"]}, pod["metadata"]["namespace"])
        except ClusterError:
            return ""
        messages = [
            each.get("message") or "" for each in own if re.fullmatch(reason, each.get("reason") or "")
        ]
        last = next((message for message in messages[::-1] if text in message), "")
        return " ".join(last.split())[:LONGEST_LINE]

    def _denied(self, stack: Stack, workload: Object) -> str:
        """Return why the API server makes no pod of a workload, empty where nothing says so."""
        conditions = workload.get("status", {}).get("conditions") or ()
        failed: Object = next((each for each in conditions if each["type"] == "ReplicaFailure"), {})
        if failed.get("status") == "True" and failed.get("message"):
            return str(failed["message"])
        try:
            events = self._own_events(stack, workload, [])
        except ClusterError:
            return ""
        return next(
            (str(event.get("message")) for event in events[::-1] if event.get("reason") == "FailedCreate"), ""
        )

    def _events(self, stack: Stack, workload: Object, pods: list[Object]) -> list[str]:
        try:
            own = self._own_events(stack, workload, pods)
        except ClusterError as error:
            return [f"({error})"]
        return [
            f"event {event_time(event)[11:19]} {event.get('reason')}: {event.get('message')}"[:LONGEST_LINE]
            for event in own[-LAST_EVENTS:]
        ]

    def _own_events(self, stack: Stack, workload: Object, pods: list[Object]) -> list[Object]:
        """Return the events about a workload, its ReplicaSets and these pods, oldest first."""
        sets = [item for item in stack.replica_sets if is_owned(item, workload)]
        names = {item["metadata"]["name"] for item in [workload, *sets, *pods]}
        return self._events_about(names, workload["metadata"]["namespace"])

    def _events_about(self, names: set[str], namespace: str) -> list[Object]:
        """Return the events about objects of these names, oldest first; raises ClusterError."""
        events = self._objects.read_objects("v1", "Event", namespace)
        return sorted(
            (each for each in events if each["involvedObject"].get("name") in names), key=event_time
        )

    def _logs(self, pod: Object) -> list[str]:
        """Return the last log lines of containers that are not well, and of their previous runs."""
        lines: list[str] = []
        for entry in statuses_of(pod):
            state = entry.get("state", {})
            well = entry.get("ready") or state.get("terminated", {}).get("exitCode") == 0
            if entry.get("restartCount"):
                lines += self._last_lines(pod, entry["name"], previous=True)
            if not well and "waiting" not in state:
                lines += self._last_lines(pod, entry["name"], previous=False)
        return lines

    def _last_lines(
        self, pod: Object, container: str, *, previous: bool, number: int = LAST_LINES
    ) -> list[str]:
        run = " before its restart" if previous else ""
        try:
            lines = self._pods.read_log(pod, container, number, previous=previous)
        except ClusterError as error:
            lines = [f"({error})"]
        return [f"log of {container}{run}: {line}"[:LONGEST_LINE] for line in lines]


def sickest_first(pods: Iterable[Object]) -> list[Object]:
    """Return pods in the order of interest: with a container that failed or waits, not Ready, Ready."""
    return sorted(pods, key=lambda pod: (not any(map(_is_sick, statuses_of(pod))), is_ready(pod)))


def container_states(pod: Object) -> list[str]:
    """Return why a pod is not on a node, and for each container its state, reason and restarts.

    Init containers that have done their work are left out.
    """
    lines = []
    for entry in statuses_of(pod):
        if _is_done_init_container(pod, entry):
            continue
        ((state, detail),) = (entry.get("state") or {"not started": {}}).items()
        why = " ".join(str(detail[key]) for key in ("reason", "exitCode", "message") if key in detail)
        ready = "Ready" if entry.get("ready") else "not Ready"
        lines.append(f"{entry['name']} {state} {why} {ready}, {entry.get('restartCount', 0)} restarts")
    phase = pod.get("status", {}).get("phase", "Pending")
    unmet = [
        f"{phase}, {_condition(entry).removeprefix('condition ')}"
        for entry in pod.get("status", {}).get("conditions") or ()
        if entry["type"] == "PodScheduled" and entry["status"] != "True"
    ]
    return [*unmet, *lines] or [phase]


def _is_done_init_container(pod: Object, entry: Object) -> bool:
    """Return whether a status is of an init container that ended well, and at its first try."""
    ended = entry.get("state", {}).get("terminated", {})
    init_containers = pod.get("status", {}).get("initContainerStatuses") or ()
    return entry in init_containers and ended.get("exitCode") == 0 and not entry.get("restartCount")


def _is_sick(entry: Object) -> bool:
    state = entry.get("state", {})
    waits = state.get("waiting", {}).get("reason", "PodInitializing") != "PodInitializing"
    return waits or bool(state.get("terminated", {}).get("exitCode"))


def _condition(entry: Object) -> str:
    return (
        f"condition {entry['type']}={entry['status']} {entry.get('reason', '')}: {entry.get('message', '')}"
    )


def event_time(event: Object) -> str:
    """Return when an event was seen last, in ISO 8601; empty where it does not say."""
    return (
        event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )
