"""Plays an installation as it was before, for overlays/kagenti: Kagenti's names, a filter, no MLflow.

Its chart brings no agent: beside it run the weather agent, tool and model of the overlays, whose A2A
instrumentation is off, as docs/kagenti.md asks for.
"""

from __future__ import annotations

from pathlib import Path

from harness.cluster.settings import Folders
from harness.common.errors import HarnessError
from harness.common.kubectl import ensure_namespace, find, kubectl, wait_until_rolled_out
from harness.common.manifests import STACK_SELECTOR
from harness.images.loading import load_images
from harness.stand_ins.rossoctl.stand_in import CHART, LIMIT, Shape, helm, install, other_release
from harness.stand_ins.stand_in import StandIn

AGENTS_FOLDER = Path(__file__).parent / "agents"
SHAPE = Shape("kagenti-system", "kagenti-deps", ("--values", str(CHART / "values-kagenti.yaml")))


def up() -> None:
    """Install the chart with Helm 3, and wait until it and the agent run; what is up already stays.

    Raises HarnessError when something does not come up.
    """
    for namespace in (SHAPE.namespace, SHAPE.agents_namespace):
        ensure_namespace(kubectl, namespace)
    if not find(kubectl, "gateway", "http", "--namespace", SHAPE.namespace):
        raise HarnessError(
            f"There is no Gateway http in {SHAPE.namespace}: `tox -e cluster -- up` brings it."
        )
    load_images(Folders.from_environment(), [other_release("phoenix")])
    kubectl("apply", "--kustomize", str(AGENTS_FOLDER))
    install(SHAPE, 3)
    place = ("--namespace", SHAPE.agents_namespace, "--selector", STACK_SELECTOR)
    wait_until_rolled_out(kubectl, "deployment", *place, limit=LIMIT)


def down() -> None:
    """Remove the chart and the agent, and what pods of the overlay made; namespaces and Gateway stay.

    Raises HarnessError when something does not go.
    """
    kubectl("delete", "--kustomize", str(AGENTS_FOLDER), "--ignore-not-found")
    place = ("--namespace", SHAPE.namespace)
    helm(3, "uninstall", SHAPE.release, *place, "--ignore-not-found", "--wait")
    kubectl("delete", "configmap,secret", *place, "--selector", STACK_SELECTOR)


STAND_IN = StandIn("rossoctl", up, down, dict)
