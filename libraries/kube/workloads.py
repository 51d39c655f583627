"""Finds workloads and their pods in a stack that was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robot.api.deco import keyword, library

from kube.health import rollout_problems
from kube.model import (
    Object,
    Stack,
    current_pods,
    is_labelled,
    is_ready,
    labels_of,
    long_running,
    pods_of,
    serving_pods,
    statuses_of,
)
from kube.pod_reasons import fails_for_good, is_without_node
from kube.progress import Progress

Services = Mapping[str, Mapping[str, str]]  # the `namespace` and `service` of each component, by its name


@library(scope="GLOBAL")
class Workloads:
    """Finds what belongs to a component, or to the stack as a whole."""

    @keyword
    def find_workload(self, stack: Stack, namespace: str, service: str) -> Object | None:
        """Return the workload whose pods a Service selects, None when there is none.

        Raises AssertionError when the Service selects the pods of several.
        """
        found = _behind(stack, namespace, service)
        if len(found) > 1:
            names = " and ".join(f"{item['kind']} {item['metadata']['name']}" for item in found)
            raise AssertionError(
                f"Service {service} in namespace {namespace} selects the pods of {names}; "
                "name a Service with one workload in COMPONENTS of resources/settings.yaml."
            )
        return found[0] if found else None

    @keyword
    def explain_missing_workload(self, stack: Stack, namespace: str, service: str) -> str:
        """Return why `Find Workload` finds none for that Service."""
        found = _service(stack, namespace, service)
        if found is None:
            return f"there is no Service {service} in namespace {namespace}"
        selector = found["spec"].get("selector")
        if not selector:
            return f"Service {service} in namespace {namespace} selects no pods: it leads out of this cluster"
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        return f"Service {service} in namespace {namespace} selects {labels}, which no workload's pods carry"

    @keyword
    def find_component_problems(self, stack: Stack, components: Services) -> dict[str, list[str]]:
        """Return why components are not rolled out, by the names of those that are not.

        A Service that selects pods promises a workload: without one that is the problem. No workload is
        promised where there is no such Service, or where it leads out of the cluster.
        """
        problems = {}
        for name, place in components.items():
            try:
                workload = self.find_workload(stack, **place)
            except AssertionError as error:
                problems[name] = [str(error)]
                continue
            if workload is not None:
                problems[name] = rollout_problems(workload)
            elif (_service(stack, **place) or {"spec": {}})["spec"].get("selector"):
                problems[name] = [self.explain_missing_workload(stack, **place)]
        return {name: found for name, found in problems.items() if found}

    @keyword
    def begin_to_watch_rollouts(self, limit: float) -> Progress:
        """Return what `Find Rolling Out` looks at: roll-outs of which `limit` seconds nothing may change."""
        return Progress(limit)

    @keyword
    def find_rolling_out(
        self,
        stack: Stack,
        components: Services,
        progress: Progress | None = None,
        may_get_node: bool = True,
    ) -> list[str]:
        """Return the components that are not rolled out yet, and may soon be: none of their pods failed.

        None is where they make no `progress` any more. `may_get_node` is whether one may be rolled out whose
        pod no node has taken yet.
        """
        found, starting = [], []
        for name in self.find_component_problems(stack, components):
            behind = _behind(stack, **components[name])
            waits = len(behind) == 1 and behind[0]["spec"].get("replicas", 1) > 0
            pods = pods_of(stack, behind[0]) if waits else []
            hangs = any(fails_for_good(pod) or (is_without_node(pod) and not may_get_node) for pod in pods)
            if waits and not hangs:
                found.append(name)
                starting += pods
        return found if progress is None or progress.goes_on(starting) else []

    @keyword
    def find_stopped_components(self, stack: Stack, components: Services) -> dict[str, list[str]]:
        """Return the problems of the components without a Ready pod, by their names.

        While a roll-out hangs, the Ready pods of the older generation still serve.
        """
        return {
            name: problems
            for name, problems in self.find_component_problems(stack, components).items()
            if not any(serving_pods(stack, workload) for workload in _behind(stack, **components[name]))
        }

    @keyword
    def find_stack_problems(
        self, stack: Stack, components: Services, before: Sequence[Object]
    ) -> dict[str, list[str]]:
        """Return why components and other workloads of the stack are not rolled out, by their names.

        A workload of `before` that the stack does not have any more is a problem, too.
        """
        problems = self.find_component_problems(stack, components)
        for workload in self.find_other_workloads(stack, components):
            problems |= {workload["metadata"]["name"]: rollout_problems(workload)}
        there = {_identity(workload) for workload in stack.workloads}
        for workload in before:
            if _identity(workload) not in there:
                problems |= {" ".join(_identity(workload)): ["it was deleted"]}
        return {name: found for name, found in problems.items() if found}

    @keyword
    def find_workloads_of_stack(self, stack: Stack, components: Services) -> list[Object]:
        """Return the deployed workloads behind the components' Services or with the label of the stack.

        `components` has the `namespace` and the `service` of each.
        """
        behind = _behind_components(stack, components)
        return [workload for workload in stack.workloads if workload in behind or is_labelled(workload)]

    @keyword
    def find_other_workloads(self, stack: Stack, components: Services) -> list[Object]:
        """Return the workloads with the label of the stack that stand behind no component's Service."""
        behind = _behind_components(stack, components)
        return [workload for workload in stack.workloads if workload not in behind and is_labelled(workload)]

    @keyword
    def find_pods_of_stack(self, stack: Stack, components: Services) -> list[Object]:
        """Return all pods of the stack's workloads, and those with its label; also pods that have ended."""
        namespaces_and_names = {
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            for workload in self.find_workloads_of_stack(stack, components)
            for pod in pods_of(stack, workload)
        }
        return [
            pod
            for pod in stack.pods
            if is_labelled(pod)
            or (pod["metadata"]["namespace"], pod["metadata"]["name"]) in namespaces_and_names
        ]

    @keyword
    def find_running_images(self, stack: Stack, workload: Object) -> list[str]:
        """Return the images of a workload's containers, each with the start of the digest that runs."""
        images = {}
        for pod in current_pods(stack, workload):
            digests = {entry["name"]: entry.get("imageID", "") for entry in statuses_of(pod)}
            for container in long_running(pod["spec"]):
                digest = digests.get(container["name"], "").rpartition("sha256:")[2][:12]
                images[container["image"]] = f"{container['image']} ({digest or 'not running'})"
        return list(images.values())

    @keyword
    def find_metrics_port(self, workload: Object) -> int | None:
        """Return the port where a workload's pods say that they serve metrics, None where they say nothing.

        They say so by the annotations prometheus.io/scrape and prometheus.io/port. Nobody else is asked: an
        agent that traces its HTTP server would make a trace of the request.
        """
        annotations = workload["spec"]["template"].get("metadata", {}).get("annotations") or {}
        serves = annotations.get("prometheus.io/scrape") == "true" and "prometheus.io/port" in annotations
        return int(annotations["prometheus.io/port"]) if serves else None

    @keyword
    def find_pods(self, stack: Stack, workload: Object) -> list[Object]:
        """Return all pods of a workload that have not ended, oldest first, whatever their state."""
        return pods_of(stack, workload)

    @keyword
    def find_ready_pods(self, stack: Stack, workload: Object) -> list[Object]:
        """Return the Ready pods of the current generation, or else those of an older one, which still serve.

        Raises AssertionError when there is none.
        """
        pods = [pod for pod in current_pods(stack, workload) if is_ready(pod)]
        pods = pods or serving_pods(stack, workload)
        if not pods:
            name = workload["metadata"]["name"]
            why = "; ".join(rollout_problems(workload)) or "its pods are not Ready"
            raise AssertionError(f"{name} has no Ready pod: {why}.")
        return pods

    @keyword
    def count_serving_pods(self, stack: Stack, workload: Object) -> int:
        """Return how many Ready pods a workload has that stay, of whatever generation."""
        return len(serving_pods(stack, workload))

    @keyword
    def find_ready_pod(self, stack: Stack, workload: Object) -> Object:
        """Return the first of `Find Ready Pods`; raises AssertionError when there is none."""
        return self.find_ready_pods(stack, workload)[0]

    @keyword
    def find_any_pod(self, stack: Stack, workload: Object) -> Object | None:
        """Return a pod of the current generation, a Ready one first, None when there is none."""
        return next(iter(sorted(current_pods(stack, workload), key=is_ready, reverse=True)), None)


def _identity(workload: Object) -> tuple[str, str]:
    metadata = workload["metadata"]
    return workload["kind"], f"{metadata['namespace']}/{metadata['name']}"


def _service(stack: Stack, namespace: str, service: str) -> Object | None:
    for item in stack.services:
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (namespace, service):
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
        and selector.items() <= labels_of(workload["spec"]["template"]).items()
    ]


def _behind_components(stack: Stack, components: Services) -> list[Object]:
    return [
        workload
        for place in components.values()
        for workload in _behind(stack, place["namespace"], place["service"])
    ]
