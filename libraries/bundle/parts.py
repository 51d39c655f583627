"""Reads the parts of a bundle: files by their paths in it, and what could not be read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from robot.api.deco import keyword, library

from kube.client import ClusterError
from kube.evidence import event_time
from kube.model import Object
from kube.objects import Objects, secret_values
from pipeline.collector import Metrics
from pipeline.effective import Configuration
from secrecy.places import KINDS, Places, Texts
from traces.looked_at import LOOKED_AT

# More of what the suites may read anyhow; a cluster may lack some of these kinds.
MORE_KINDS = (
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("route.openshift.io/v1", "Route"),
)
CONFIGURATION = "collector-configuration.json"
UNKNOWN_KIND = "this cluster does not know that kind."  # how that error ends


@library(scope="GLOBAL")
class Parts:
    """Returns parts of a bundle. Their texts still have secrets in them; `Write Bundle` masks these."""

    def __init__(self, objects: Objects, places: Places) -> None:
        """Read by these."""
        self._objects, self._places = objects, places

    @keyword
    def read_logs_as_files(self, namespaces: Sequence[str]) -> Texts:
        """Return the logs of all containers in namespaces, also that of the run before a restart.

        Pods that are no part of the stack are among them, such as the agent's model.
        """
        part = Texts("file")
        pods = [pod for each in namespaces for pod in self._read(part, "v1", "Pod", each)]
        for log in self._places.read_logs(pods):
            if log.text is not None:
                run = ".before-restart" if log.previous else ""
                part.by_place[f"logs/{log.namespace}/{log.pod}/{log.container}{run}.log"] = log.text
            if log.unread:
                part.unread.append(log.unread)
        return part

    @keyword
    def read_objects_as_files(self, namespaces: Sequence[str]) -> Texts:
        """Return the objects of namespaces, a file with a List for each kind; Secrets and events are no part.

        A kind that the cluster does not know has no objects.
        """
        part = Texts("file")
        for api_version, kind in sorted({*KINDS, *MORE_KINDS} - {("v1", "Event")}):
            for namespace in namespaces:
                found = self._read(part, api_version, kind, namespace)
                if found:
                    items = [_plain(item, api_version) for item in found]
                    listed = {"apiVersion": "v1", "kind": "List", "items": items}
                    part.by_place[f"objects/{namespace}/{kind}.json"] = _json(listed)
        return part

    @keyword
    def read_events_as_file(self, namespaces: Sequence[str]) -> Texts:
        """Return the events of namespaces, a line each, oldest first."""
        part = Texts("file")
        events = [event for each in namespaces for event in self._read(part, "v1", "Event", each)]
        part.by_place["events.txt"] = "".join(map(_event_line, sorted(events, key=event_time)))
        return part

    @keyword
    def read_secret_keys_as_file(self, namespaces: Sequence[str]) -> Texts:
        """Return the names of the Secrets of namespaces, with each key and the length of its value."""
        part = Texts("file")
        lines = []
        for namespace in namespaces:
            for secret in self._read(part, "v1", "Secret", namespace):
                lines.append(f"{namespace}/{secret['metadata']['name']} ({secret.get('type', 'no type')})\n")
                lines += [
                    f"  {key}: {len(value.value)} characters\n"
                    for key, value in secret_values(secret).items()
                ]
        part.by_place["secrets.txt"] = "".join(lines)
        return part

    @keyword
    def get_metrics_as_files(
        self, before: Mapping[str, Metrics | None], now: Mapping[str, tuple[str, Any]]
    ) -> Texts:
        """Return metrics of components, a line for each series: its value before, its value now, its name.

        `before` has None where nothing was read; `now` has PASS and the metrics, or FAIL and why they cannot
        be read. Such values are `-`.
        """
        part = Texts("file")
        for component, (status, found) in now.items():
            earlier, later = before[component], found if status == "PASS" else None
            if later is None:
                part.unread.append(f"the metrics of {component} ({found})")
            if earlier or later:
                part.by_place[f"metrics/{component}.tsv"] = _table(earlier or Metrics(), later or Metrics())
        return part

    @keyword
    def get_traces_as_files(self) -> Texts:
        """Return the traces that the run looked at, a JSON file each, as they were when it last looked."""
        return Texts(
            "files",
            {
                f"traces/{trace.backend}-{trace.trace_id}.json": _json(asdict(trace))
                for trace in LOOKED_AT.traces
            },
        )

    @keyword
    def get_configuration_as_file(self, configuration: Configuration) -> Texts:
        """Return a collector's configuration as a JSON file, and which values in it are not known."""
        unread = [
            f"the value of {reference} in {CONFIGURATION}: {why}"
            for reference, why in configuration.unknown.items()
        ]
        return Texts("file", {CONFIGURATION: _json(configuration)}, unread)

    @keyword
    def get_unread_part(self, reason: str) -> Texts:
        """Return a part without files, which says what could not be read, and why."""
        return Texts("file", unread=[reason])

    def _read(self, part: Texts, api_version: str, kind: str, namespace: str) -> list[Object]:
        """Return objects; say in the part why they could not be read."""
        try:
            return self._objects.read_objects(api_version, kind, namespace)
        except ClusterError as error:
            if not str(error).endswith(UNKNOWN_KIND):
                part.unread.append(str(error))
            return []


def _plain(item: Object, api_version: str) -> Object:
    """Return an object as `kubectl get -o json` prints it: without the history of its fields."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {"apiVersion": api_version, **item, "metadata": metadata}


def _event_line(event: Object) -> str:
    about = event.get("involvedObject", {})
    where = f"{event['metadata']['namespace']} {about.get('kind')}/{about.get('name')}"
    count = event.get("count") or 1
    often = f" ({count} times)" if count > 1 else ""
    said = " ".join(str(event.get("message")).split())
    return f"{event_time(event)} {event.get('type')} {where} {event.get('reason')}: {said}{often}\n"


def _table(before: Metrics, now: Metrics) -> str:
    """Return a line for each series of both, sorted by name."""
    values = {
        _series(*each): f"{_number(before.samples.get(each))}\t{_number(now.samples.get(each))}"
        for each in {*before.samples, *now.samples}
    }
    lines = [f"{both}\t{name}\n" for name, both in sorted(values.items())]
    return "".join(["before\tnow\tseries\n", *lines])


def _series(name: str, labels: frozenset[tuple[str, str]]) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in sorted(labels))}}}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.15g}"


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, default=_listed) + "\n"


def _listed(value: object) -> object:
    """Return what JSON has no form for in one that it has: a set is a list, anything else a text."""
    return sorted(value) if isinstance(value, frozenset | set) else str(value)
