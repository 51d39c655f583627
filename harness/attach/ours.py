"""What is ours in an installation's namespace: by the name it gets, and by who made it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from harness.common.combinations import KUSTOMIZE, write_kustomization
from harness.common.kubectl import Object, kubectl
from harness.common.manifests import PART_OF, STACK
from harness.common.yaml_loader import load_objects

OVERLAY = KUSTOMIZE / "overlays" / "kagenti"
ATTACH, DETACH = OVERLAY / "attach", OVERLAY / "detach"
COLLECTOR = "otel-collector"  # the installation's Deployment, the one object of another owner that we change
PREFIX = "llm-observability-"
MANAGER = "llm-observability"
MANAGERS = {MANAGER, "create-secrets", "prepare-mlflow"}  # we, and what our pods make objects as
MADE_BY_PODS = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}


@contextmanager
def in_namespace(folder: Path, namespace: str) -> Iterator[Path]:
    """Give a folder that renders the kustomization `folder` in another namespace."""
    with tempfile.TemporaryDirectory() as temporary:
        yield write_kustomization(Path(temporary), folder.resolve(), [], namespace)


def render(folder: Path, namespace: str) -> list[Object]:
    """Return the objects of a kustomization in this namespace. Raises HarnessError when it does not build."""
    with in_namespace(folder, namespace) as there:
        return load_objects(kubectl("kustomize", str(there)))


def made_by_pods(things: list[Object], namespace: str) -> list[Object]:
    """Return the Secrets and ConfigMaps of our names that these objects refer to and do not have.

    Our pods make them when they start. Each is what finds it: kind, namespace and name.
    """
    there = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
    named = sorted(set(_references(things)) - there)
    return [
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}
        for kind, name in named
        if name.startswith(PREFIX)
    ]


def _references(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in MADE_BY_PODS:
                yield MADE_BY_PODS[key], inner["name"]
            yield from _references(inner)


def find_there(things: list[Object]) -> list[Object]:
    """Return those of the objects that the cluster has, with who manages their fields."""
    text = yaml.safe_dump_all(things)
    options = ("--filename=-", "--ignore-not-found", "--output=json", "--show-managed-fields")
    return _items(kubectl("get", *options, text=text))


def read_all(kinds: set[str], namespace: str, *options: str) -> list[Object]:
    """Return all objects of these kinds in a namespace, with who manages their fields."""
    place = ("--namespace", namespace, *options)
    return _items(kubectl("get", ",".join(sorted(kinds)), *place, "--output=json", "--show-managed-fields"))


def is_ours(thing: Object) -> bool:
    """Return whether an object has our label, and fields that we or our pods manage."""
    label = thing["metadata"].get("labels", {}).get(PART_OF)
    return label == STACK and bool(managers(thing) & MANAGERS)


def managers(thing: Object) -> set[str]:
    """Return who manages fields of an object."""
    return {entry["manager"] for entry in thing["metadata"].get("managedFields", [])}


def describe(thing: Object) -> str:
    """Return kind and name, as messages name an object."""
    return f"{thing['kind']} {thing['metadata']['name']}"


def _items(text: str) -> list[Object]:
    found = json.loads(text) if text else {"items": []}
    items: list[Object] = found.get("items", [found])
    return items
