"""The stacks that the catalogue needs between them: each of its faults fits at least one."""

from __future__ import annotations

import os
from pathlib import Path

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import KUSTOMIZE, contents
from harness.common.progress import say
from harness.deployment import Deployment
from harness.faults.catalogue import Fault
from harness.stand_ins import INSTALLATIONS

OWN = ""  # the overlay of the cluster's provider
STACKS = (
    Deployment(OWN, []),
    Deployment("openshift", []),
    Deployment("installed", []),
    Deployment(OWN, ["mlflow-auth", "tenants"]),
    Deployment(OWN, ["mlflow-oidc"]),
    Deployment(OWN, ["mlflow-auth", "network-policies", "high-availability"]),
)


def may_fit(fault: Fault, stack: Deployment) -> bool:
    """Return whether a stack is of the kind that a fault is for, and has the Components that it needs."""
    if fault.installed != (stack.overlay in INSTALLATIONS):
        return False
    overlay = KUSTOMIZE / "overlays" / (stack.overlay or "kind")  # those of both providers have the same
    return fault.installed or fault.needs.keys() <= {*contents(overlay), *stack.components}


def deploy(stack: Deployment, folder: Path) -> None:
    """Deploy a stack into the cluster of `tox -e cluster`; an overlay with Components is written to `folder`.

    Raises HarnessError where there is no such cluster, and where the stack cannot be applied.
    """
    folders = Folders.from_environment()
    os.environ.update(lifecycle.environment(folders))
    provider = lifecycle.provider(folders)
    wanted = Deployment(stack.overlay or provider, stack.components)
    say(f"\n=== {wanted.title}")
    overlay = deployment.write_overlay(folder, wanted.overlay, wanted.components, provider)
    deployment.wait_for_rollouts(deployment.deploy(wanted, overlay))
