"""All objects of some namespaces at one moment, and how they differ from another moment's.

Left out is what moves though nobody changed anything: what controllers make (pods, events ...), the status,
resourceVersion, generation (each roll-out raises it), the Deployment's revision, times in managed fields, and
the fields that Kubernetes' own controllers manage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from harness.common.kubectl import Object, kubectl

# Controllers make and remove these, whatever a person does.
MADE_BY_CONTROLLERS = {
    "ControllerRevision",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Lease",
    "Pod",
    "PodMetrics",
    "ReplicaSet",
}
MOVES = ("resourceVersion", "generation")
REVISION = "deployment.kubernetes.io/revision"
HELM_RELEASE = "helm.sh/release.v1"
CONTROLLERS = {"kube-controller-manager", "traefik"}
SHOWN = 200  # characters of a value in a message

Snapshot = dict[str, Object]


def take(*namespaces: str) -> Snapshot:
    """Return all objects of these namespaces, by `Kind namespace/name`."""
    listed = kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    things = [
        thing
        for namespace in namespaces
        for thing in json.loads(
            kubectl(
                "get", ",".join(listed), "--namespace", namespace, "--output=json", "--show-managed-fields"
            )
        )["items"]
    ]
    return {name_of(thing): _settled(thing) for thing in things if thing["kind"] not in MADE_BY_CONTROLLERS}


def name_of(thing: Object) -> str:
    """Return what a message calls an object."""
    return f"{thing['kind']} {thing['metadata']['namespace']}/{thing['metadata']['name']}"


def _settled(thing: Object) -> Object:
    """Return an object without what moves by itself."""
    metadata = {key: value for key, value in thing["metadata"].items() if key not in MOVES}
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != REVISION}
    owners = {
        f"{entry['manager']} by {entry['operation']}": entry.get("fieldsV1")
        for entry in metadata.pop("managedFields", [])
        if entry["manager"] not in CONTROLLERS
    }
    metadata |= {"annotations": annotations, "managedFields": owners}
    return {key: value for key, value in thing.items() if key != "status"} | {"metadata": metadata}


def without_upgrades(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot without what an upgrade by Helm writes anew: its releases, and who manages fields."""
    kept = {}
    for name, thing in snapshot.items():
        if thing.get("type") != HELM_RELEASE:
            metadata = {key: value for key, value in thing["metadata"].items() if key != "managedFields"}
            kept[name] = thing | {"metadata": metadata}
    return kept


def find_differences(before: Snapshot, after: Snapshot, ignored: Iterable[str] = ()) -> list[str]:
    """Return one sentence for each object that is gone, new or changed; `ignored` are names of objects."""
    names = sorted({*before, *after} - set(ignored))
    found = [f"{name} is gone" for name in names if name not in after]
    found += [f"{name} is new" for name in names if name not in before]
    for name in names:
        if name in before and name in after:
            found += [f"{name} changed: {each}" for each in _changes(before[name], after[name], "")]
    return found


def _changes(before: Any, after: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any value of an object
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _changes(before.get(key), after.get(key), f"{path}.{key}")
    elif before != after:
        yield f"{path} is {_short(after)}, was {_short(before)}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
