"""Where the components of the stack are, and whether all that changed has settled."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping

import yaml

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, find, kubectl
from harness.common.manifests import PART_OF, STACK
from harness.common.waiting import wait_for
from harness.faults.reference import Reference
from harness.faults.settling import WORKLOADS, Namespace, queue_problems, queued_spans

SETTINGS = ROOT / "resources" / "settings.yaml"
LIMIT = 300.0  # seconds until all has settled; a new MLflow takes a minute on two busy cores


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


class Stack:
    """The components that resources/settings.yaml places, as they are found when they are first asked for."""

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        """Read the settings; `chosen` has some that win over that file's."""
        self._settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8")) | (chosen or {})
        self._namespaces: dict[str, str] = {}
        self._workloads: dict[str, Reference] = {}
        # What the latest healing rolls out, and nobody has waited for; None for what is no roll-out.
        self.healing: list[Reference | None] = []

    @property
    def components(self) -> list[str]:
        """The names of the components that are deployed."""
        return [name for name in self._settings["COMPONENTS"] if self._is_deployed(name)]

    @property
    def namespaces(self) -> dict[str, str]:
        """The stack's namespaces, by the names that a catalogue has for them."""
        return {"system": self._namespace_of("otel-collector"), "agents": self._namespace_of("weather-agent")}

    def service_of(self, component: str) -> Reference:
        """Return a component's Service."""
        place = self._settings["COMPONENTS"][component]
        return Reference("service", place["service"], self._namespace_of(component))

    def workload_of(self, component: str) -> Reference:
        """Return the Deployment or StatefulSet behind a component's Service, as it was found first.

        Raises HarnessError where there is not exactly one.
        """
        if component not in self._workloads:
            self._workloads[component] = self._find_workload(component)
        return self._workloads[component]

    def is_ours(self) -> bool:
        """Return whether the collector is what our overlays deploy."""
        labels = self.read(self.workload_of("otel-collector"))["metadata"].get("labels", {})
        return bool(labels.get(PART_OF) == STACK)

    def find(self, reference: Reference) -> Object | None:
        """Return an object, None where it is not there. Raises HarnessError where kubectl fails."""
        return find(kubectl, *reference.arguments)

    def read(self, reference: Reference) -> Object:
        """Return an object. Raises HarnessError where it is not there."""
        found = self.find(reference)
        if found is None:
            raise HarnessError(f"There is no {reference}.")
        return found

    def resolve(self, text: str) -> Reference:
        """Return the object that a catalogue names: see `object` in schema.json.

        Raises HarnessError where a workload has no volume of that name.
        """
        first, *rest = text.split("/")
        if not rest:
            return self.workload_of(first)
        if rest[0] == "volume":
            return self._mounted(self.workload_of(first), rest[1])
        kind, name = rest
        return Reference(kind, name, self.namespaces.get(first, first))

    def wait_until_settled(self, components: Collection[str]) -> None:
        """Wait until what changed of these components is what runs, and what is reached.

        Raises HarnessError with what is missing.
        """
        _wait_until_none(lambda: self._unsettled(components), "The stack has not settled")

    def wait_until_well(self) -> None:
        """Wait until all components have settled, and the collector has sent what it had queued.

        Raises HarnessError with what is missing.
        """
        collector, port = self.workload_of("otel-collector"), self._settings["COLLECTOR_METRICS_PORT"]
        components = self.components
        _wait_until_none(
            lambda: self._unsettled(components) or queue_problems(collector, port),
            "The stack is not well",
        )

    def has_sent_everything(self) -> bool:
        """Return whether the collector has sent what it got; not so where that cannot be known."""
        collector, port = self.workload_of("otel-collector"), self._settings["COLLECTOR_METRICS_PORT"]
        return queued_spans(collector, port) == 0

    def wait_until_seen(self, reference: Reference) -> None:
        """Wait until a workload's controller knows of a change; whether it rolls out is not asked."""

        def is_seen() -> bool:
            workload = self.read(reference)
            seen, generation = workload.get("status", {}), workload["metadata"]["generation"]
            return bool(seen.get("observedGeneration", 0) >= generation)

        wait_for(is_seen, LIMIT, f"The controller of {reference} has not seen the change")

    def _is_deployed(self, component: str) -> bool:
        try:
            self.workload_of(component)
        except HarnessError:
            return False
        return True

    def _namespace_of(self, component: str) -> str:
        place = self._settings["COMPONENTS"][component]
        setting = place["namespace"].strip("${}")
        if setting not in self._namespaces:
            # The collector and the agent are always there, and name the namespace of the others.
            anchor = "otel-collector" if setting == "SYSTEM_NAMESPACE" else "weather-agent"
            service = self._settings["COMPONENTS"][anchor]["service"]
            self._namespaces[setting] = self._settings.get(setting) or find_namespace(service, setting)
        return self._namespaces[setting]

    def _find_workload(self, component: str) -> Reference:
        service = self.service_of(component)
        labels = ",".join(f"{key}={value}" for key, value in self.read(service)["spec"]["selector"].items())
        listed = kubectl(
            "get", WORKLOADS, "--selector", labels, f"--namespace={service.namespace}", "--output=json"
        )
        found = json.loads(listed)["items"]
        if len(found) != 1:
            raise HarnessError(
                f"Service {service.name} of {component} must select the pods of one workload; "
                f"{len(found)} {WORKLOADS} in namespace {service.namespace} have the labels {labels}."
            )
        return Reference(found[0]["kind"].lower(), found[0]["metadata"]["name"], service.namespace)

    def _mounted(self, workload: Reference, volume: str) -> Reference:
        for each in self.read(workload)["spec"]["template"]["spec"].get("volumes", ()):
            if each["name"] == volume and "configMap" in each:
                return Reference("configmap", each["configMap"]["name"], workload.namespace)
            if each["name"] == volume and "secret" in each:
                return Reference("secret", each["secret"]["secretName"], workload.namespace)
        raise HarnessError(f"{workload} mounts no ConfigMap or Secret as volume {volume}.")

    def _unsettled(self, components: Collection[str]) -> list[str]:
        """Return what is not yet as it is asked for, a clause each."""
        problems: list[str] = []
        for namespace in sorted({self.service_of(each).namespace for each in components}):
            here = Namespace(namespace)
            for component in components:
                if self.service_of(component).namespace == namespace:
                    service, workload = self.service_of(component), self.workload_of(component)
                    problems += here.problems(component, service.name, workload)
        return problems


def _wait_until_none(find_problems: Callable[[], list[str]], message: str) -> None:
    """Wait until no problem is found; raise HarnessError with those that were found last."""
    found: list[str] = []

    def is_none_left() -> bool:
        found[:] = find_problems()
        return not found

    try:
        wait_for(is_none_left, LIMIT, message)
    except HarnessError as late:
        raise HarnessError(f"{late} {'; '.join(found)}.") from late
