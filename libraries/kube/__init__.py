"""Reads a cluster by KubeLibrary, and judges what runs there. It changes nothing."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from kube.client import CLUSTER
from kube.clock import Clock
from kube.environment import Environment
from kube.evidence import Evidence
from kube.health import Health
from kube.namespaces import Namespaces
from kube.objects import Objects
from kube.pods import Pods
from kube.scaling import Scaling
from kube.schedules import Schedules
from kube.workloads import Workloads


@library(scope="GLOBAL")
class Kube(HybridCore):  # type: ignore[misc] # it has no types
    """Reads a cluster by KubeLibrary, and judges what runs there. It changes nothing."""

    def __init__(self, context: str = "") -> None:
        """Put the keywords of this room together; they ask the current context, or another one."""
        CLUSTER.choose_context(context)
        objects, pods = Objects(), Pods()
        super().__init__(
            [
                objects,
                pods,
                Workloads(),
                Health(),
                Scaling(),
                Schedules(),
                Namespaces(objects),
                Environment(objects),
                Evidence(objects, pods),
                Clock(),
            ]
        )
