"""Finds the workload that a fault changes, breaks it and heals it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from harness.common.errors import HarnessError
from harness.common.kubectl import kubectl
from harness.faults.catalogue import Fault

SETTINGS = Path(__file__).parents[2] / "resources" / "settings.yaml"
PART_OF, OURS = "app.kubernetes.io/part-of", "llm-observability"  # the label of what the overlays deploy
KINDS = "deployment,statefulset"
ROLLOUT_LIMIT = "180s"


class HealingError(HarnessError):
    """A fault stays in the stack: no other one can be judged before it is healed."""


def find_namespace(service: str, setting: str) -> str:
    """Return the one namespace that has a Service of this name.

    Raises HarnessError, which names the setting that chooses, where none or several have it.
    """
    every = kubectl(
        "get", "services", "--all-namespaces", f"--field-selector=metadata.name={service}", "--output=json"
    )
    found: list[str] = sorted(item["metadata"]["namespace"] for item in json.loads(every)["items"])
    if len(found) != 1:
        raise HarnessError(
            f"{len(found)} namespaces have Service {service} ({', '.join(found) or 'none'}): "
            f"choose one with --variable {setting}:NAME."
        )
    return found[0]


class Workload:
    """The Deployment or StatefulSet behind a component's Service, as it is when it is found."""

    def __init__(self, component: str, chosen: Mapping[str, str] | None = None) -> None:
        """Find it as resources/settings.yaml says; `chosen` has settings that win over that file's.

        Raises HarnessError where there is not exactly one.
        """
        settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8")) | (chosen or {})
        place = settings["COMPONENTS"][component]
        setting = place["namespace"].strip("${}")
        self.namespace: str = settings[setting] or find_namespace(place["service"], setting)
        here = ("--namespace", self.namespace, "--output=json")
        service = json.loads(kubectl("get", "service", place["service"], *here))
        labels = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        found = json.loads(kubectl("get", KINDS, "--selector", labels, *here))["items"]
        if len(found) != 1:
            raise HarnessError(
                f"Service {place['service']} of {component} must select the pods of one workload; "
                f"{len(found)} {KINDS} in namespace {self.namespace} have the labels {labels}."
            )
        self.name = f"{found[0]['kind'].lower()}/{found[0]['metadata']['name']}"
        self.is_ours = found[0]["metadata"].get("labels", {}).get(PART_OF) == OURS
        self.spec: dict[str, Any] = found[0]["spec"]

    def change(self, patch: list[dict[str, Any]]) -> None:
        """Apply a JSON patch and wait until it is rolled out; raise HarnessError where it is not in time."""
        place = (self.name, "--namespace", self.namespace)
        kubectl("patch", *place, "--type=json", "--patch", json.dumps(patch))
        kubectl("rollout", "status", *place, f"--timeout={ROLLOUT_LIMIT}")


@contextmanager
def broken(fault: Fault, workload: Workload) -> Iterator[None]:
    """Keep a fault in the stack, rolled out, while the `with` lasts; heal it, whatever happens.

    Raises HarnessError when the fault is not rolled out in time, and HealingError when its healing is not.
    """
    try:
        workload.change(fault.patch(workload.spec))
        yield
    finally:
        try:
            workload.change(fault.heal(workload.spec))
        except HarnessError as error:
            raise HealingError(
                f"Fault {fault.name} is not healed, apply the overlay again: {error}"
            ) from error


def why_left_out(fault: Fault, workload: Workload) -> str:
    """Return why a fault does not fit what is deployed, empty where it fits."""
    if fault.installed == workload.is_ours:
        return f"{workload.name} is {'ours' if workload.is_ours else 'of an installation'}"
    container = workload.spec["template"]["spec"]["containers"][0]
    if fault.collector and ("args" in container or "command" not in container):
        return f"{workload.name} has not its whole command line in `command`, as ours has"
    for component, witness in fault.needs.items():
        if not kubectl("get", witness, "--namespace", workload.namespace, "--ignore-not-found"):
            return f"it needs components/{component}, and namespace {workload.namespace} has no {witness}"
    return ""
