"""Judges what several pods of a component need: disruption budgets, autoscalers, and a volume claim each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from robot.api.deco import keyword, library

from kube.model import Object, unseen_generation


@library(scope="GLOBAL")
class Scaling:
    """Judges objects of the Kubernetes API; a list of problems is empty when all is well."""

    @keyword
    def find_unseen_objects(self, objects: Sequence[Object]) -> list[str]:
        """Return the names of the objects that their controller has not looked at since they changed.

        A PodDisruptionBudget has the generation that was seen; a HorizontalPodAutoscaler has conditions once
        it was looked at, every 15 seconds by default (kube-controller-manager's
        --horizontal-pod-autoscaler-sync-period).
        """
        return [each["metadata"]["name"] for each in objects if not _is_seen(each)]

    @keyword
    def find_budget_problems(self, budget: Object) -> list[str]:
        """Return why a PodDisruptionBudget allows no eviction now."""
        name, status = budget["metadata"]["name"], budget.get("status", {})
        if unseen := unseen_generation(budget):
            return [f"budget {name}: {unseen}"]
        if not status.get("expectedPods"):
            return [f"budget {name} selects no pod"]
        if status.get("disruptionsAllowed", 0) < 1:
            healthy, least = status.get("currentHealthy", 0), status.get("desiredHealthy", 0) + 1
            return [
                f"budget {name} allows no eviction: {healthy} of {status['expectedPods']} pods are healthy, "
                f"expected at least {least}"
            ]
        return []

    @keyword
    def find_autoscaler_problems(self, scaler: Object) -> list[str]:
        """Return why a HorizontalPodAutoscaler does not scale, from its conditions."""
        conditions = {entry["type"]: entry for entry in scaler.get("status", {}).get("conditions", ())}
        return [
            f"autoscaler {scaler['metadata']['name']} has {name}={found.get('status', 'unknown')}: "
            f"{found.get('reason', 'no condition yet')}: {found.get('message', '')}"
            for name in ("AbleToScale", "ScalingActive")
            if (found := conditions.get(name, {})).get("status") != "True"
        ]

    @keyword
    def find_shared_claim_problems(self, pods: Sequence[Object]) -> list[str]:
        """Return the volume claims that more than one of the pods mounts."""
        mounted = Counter(
            volume["persistentVolumeClaim"]["claimName"]
            for pod in pods
            for volume in pod["spec"].get("volumes", ())
            if "persistentVolumeClaim" in volume
        )
        return [f"claim {name} is mounted by {number} pods" for name, number in mounted.items() if number > 1]


def _is_seen(each: Object) -> bool:
    if "scaleTargetRef" in each["spec"]:  # an autoscaler: its status has no generation
        return bool(each.get("status", {}).get("conditions"))
    return not unseen_generation(each)
