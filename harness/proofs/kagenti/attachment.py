"""MLflow beside an installation, as docs/kagenti.md says: deployed, attached, detached and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.common.combinations import KUSTOMIZE
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, kubectl
from harness.stand_ins.kagenti.stand_in import LIMIT, PART_OF, SYSTEM

OVERLAY = KUSTOMIZE / "overlays" / "kagenti"
MANAGER = "llm-observability"
IN_SYSTEM = ("--namespace", SYSTEM)
LEFT_OVER = "all,persistentvolumeclaims,configmaps,secrets,httproutes"  # kinds that are looked for


class Attachment:
    """An overlay beside an installation. Each method raises HarnessError when a promise does not hold."""

    def __init__(self, overlay: Path) -> None:
        """Take the folder of overlays/kagenti, with what is on top of it."""
        self._overlay = overlay
        self._collector_before: dict[str, Any] = {}

    def deploy(self) -> None:
        """Apply the overlay and wait until MLflow runs; applying it again must change nothing."""
        self._collector_before = read_collector()
        apply(self._overlay)
        wait_for_rollout("deployment/mlflow")
        first = read("deployment", "mlflow")["metadata"]["generation"]
        apply(self._overlay)
        second = read("deployment", "mlflow")["metadata"]["generation"]
        if first != second:
            raise HarnessError("Applying the overlay a second time changes MLflow's Deployment.")

    def attach(self) -> None:
        """Let the collector send to MLflow."""
        apply(OVERLAY / "attach")
        wait_for_rollout("deployment/otel-collector")

    def check_attached(self) -> None:
        """Check that the collector has our arguments and variable, and nothing of ours in its own config."""
        container = read("deployment", "otel-collector")["spec"]["template"]["spec"]["containers"][0]
        problems = []
        if "--config=/etc/otelcol-mlflow/mlflow.yaml" not in container.get("args", []):
            problems.append("it lacks our arguments")
        if [variable["name"] for variable in container.get("env", [])] != ["MLFLOW_EXPERIMENT_ID"]:
            problems.append("it lacks our variable, or has others")
        if MANAGER not in read_managers():
            problems.append(f"{MANAGER} manages none of its fields")
        if "mlflow" in json.dumps(read("configmap", "otel-collector-config")["data"]):
            problems.append("its own config has something of ours")
        if problems:
            raise HarnessError(f"The collector is not attached as it was: {', '.join(problems)}.")

    def detach(self) -> None:
        """Give the collector's fields back."""
        apply(OVERLAY / "detach")
        wait_for_rollout("deployment/otel-collector")

    def check_detached(self) -> None:
        """Check that the collector is as it was before MLflow was deployed."""
        now = read_collector()
        for part, before in self._collector_before.items():
            if now[part] != before:
                raise HarnessError(f"The collector's {part} is now {now[part]}, before it was {before}.")
        if MANAGER in read_managers():
            raise HarnessError(f"{MANAGER} still manages fields of the collector.")

    def remove(self) -> None:
        """Remove MLflow and what its pods made; nothing of the stack must be left."""
        kubectl("delete", "--kustomize", str(self._overlay), "--cascade=foreground")
        kubectl("delete", "configmaps,secrets", *IN_SYSTEM, "--selector", PART_OF)
        left = kubectl("get", LEFT_OVER, *IN_SYSTEM, "--selector", PART_OF, "--output=name").split()
        if left:
            raise HarnessError(f"Removing the overlay leaves behind {', '.join(left)}.")


def apply(folder: Path) -> None:
    """Apply a kustomization server-side, as the owner of its fields."""
    kubectl("apply", "--server-side", f"--field-manager={MANAGER}", "--kustomize", str(folder))


def wait_for_rollout(workload: str) -> None:
    """Wait until a workload (`deployment/NAME`) of the installation's namespace is rolled out."""
    kubectl("rollout", "status", workload, *IN_SYSTEM, f"--timeout={LIMIT}")


def read(kind: str, name: str, *options: str) -> Object:
    """Return an object of the installation's namespace."""
    found: Object = json.loads(kubectl("get", kind, name, *IN_SYSTEM, "--output=json", *options))
    return found


def read_collector() -> dict[str, Any]:
    """Return what must be the same after detaching: the collector's spec, config and ports."""
    return {
        "spec": read("deployment", "otel-collector")["spec"],
        "config": read("configmap", "otel-collector-config")["data"],
        "ports": read("service", "otel-collector")["spec"]["ports"],
    }


def read_managers() -> list[str]:
    """Return who manages fields of the collector's Deployment."""
    deployment = read("deployment", "otel-collector", "--show-managed-fields")
    return [entry["manager"] for entry in deployment["metadata"]["managedFields"]]
