"""Which stacks there are: every overlay, and Components on top of it in every sensible combination.

Overlays and Components are found by their folders. The table in docs/components.md is the one place that says
what a Component needs, what it excludes, and where it stands in a list.
"""

import itertools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "kustomize"
TABLE = ROOT / "docs" / "components.md"
# harness.deployment puts these on top of the rest, in this order. They are versions and names, no capability.
IMAGES = ("images", "built-images")
# What an overlay has for every pod comes on top once more, for the pods that Components bring.
FOR_EVERY_POD = frozenset({"fixed-user", "checkov-reasons"})
PAIR = 2


@dataclass(frozen=True)
class Component:
    """One row of the table: the names in its columns `needs` and `not with`."""

    needs: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()


Table = Mapping[str, Component]  # in the order of the rows


@dataclass(frozen=True)
class Combination:
    """An overlay with Components on top, in order."""

    overlay: str
    components: tuple[str, ...] = ()

    @property
    def on_top(self) -> tuple[str, ...]:
        """The Components on top, in order, and again what there is for every pod."""
        if not self.components:
            return ()
        again = for_every_pod(KUSTOMIZE / "overlays" / self.overlay)
        return in_order({*self.components, *again}, component_table())

    def __str__(self) -> str:
        """Return what identifies a test: `kind+mlflow-auth`."""
        return "+".join((self.overlay, *self.components))


def read_table(text: str) -> Table:
    """Return the rows of docs/components.md: `| name | needs | not with | gives |`, names in backticks.

    Raises ValueError for a row that needs or excludes a Component that has no row.
    """
    table = {}
    for name, needs, excludes in re.findall(
        r"^\| `([\w-]+)` \|([^|]*)\|([^|]*)\|[^|]*\|$", text, re.MULTILINE
    ):
        table[name] = Component(*(frozenset(re.findall(r"`([\w/-]+)`", cell)) for cell in (needs, excludes)))
    for name, component in table.items():
        unknown = {other for other in component.needs | component.excludes if "/" not in other} - set(table)
        if unknown:
            raise ValueError(f"row {name} names {', '.join(sorted(unknown))}, which has no row")
    return table


def component_table() -> Table:
    """Return the table of docs/components.md."""
    return read_table(TABLE.read_text(encoding="utf-8"))


def write_kustomization(
    folder: Path, resource: Path, components: Iterable[Path], namespace: str = ""
) -> Path:
    """Write a kustomization of a resource and Components, in order, into a folder, and return the folder.

    Where a namespace is given, all objects are moved into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(resource, folder.resolve())],
        "components": [os.path.relpath(path, folder.resolve()) for path in components],
    } | ({"namespace": namespace} if namespace else {})
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return folder


def folders(kind: str) -> tuple[str, ...]:
    """Return the names of all `overlays` or `components`, sorted."""
    return tuple(sorted(path.parent.name for path in (KUSTOMIZE / kind).glob("*/kustomization.yaml")))


@cache
def contents(folder: Path) -> frozenset[str]:
    """Return what a kustomization has, itself or through what it lists.

    Components are named as in the table, and base and overlays by their folder: `kustomize/base`.
    """
    found: set[str] = set()
    kustomization = _kustomization(folder)
    for entry in (*kustomization.get("resources", ()), *kustomization.get("components", ())):
        path = (folder / entry).resolve()
        if path.is_dir():
            found |= contents(path)
            found.add(path.name if path.parent.name == "components" else str(path.relative_to(ROOT)))
    return frozenset({*found, str(folder.relative_to(ROOT))})


def for_every_pod(overlay: Path) -> frozenset[str]:
    """Return the Components that must come on top of an overlay again, for the pods that others bring."""
    return frozenset({"images"} | (FOR_EVERY_POD & contents(overlay)))


def _kustomization(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return loaded


def in_order(components: Iterable[str], table: Table) -> tuple[str, ...]:
    """Return Components in the order of the table. Raises ValueError for one without a row."""
    return tuple(sorted(components, key=list(table).index))


def fits(chosen: frozenset[str], there: frozenset[str], table: Table) -> bool:
    """Return whether chosen Components find what they need in the stack, and none is excluded there."""
    stack = there | chosen
    excluded = frozenset[str]().union(*(table[name].excludes for name in stack if name in table))
    return all(table[name].needs <= stack for name in chosen) and not excluded & stack


def rivals(name: str, stack: frozenset[str], table: Table) -> frozenset[str]:
    """Return what in a stack cannot be there with a Component, whichever of the two excludes the other."""
    excluding = {other for other in stack if other in table and name in table[other].excludes}
    return stack & (table[name].excludes | excluding)


def without_contradiction(wanted: frozenset[str], there: frozenset[str], table: Table) -> set[frozenset[str]]:
    """Return sets of wanted Components that fit; every such set is part of one of them."""
    stack = there | wanted
    needy = {name for name in wanted if not table[name].needs <= stack}
    if needy:
        return without_contradiction(wanted - needy, there, table)
    for name in sorted(wanted):
        others = rivals(name, stack, table)
        if others:
            without_name = without_contradiction(wanted - {name}, there, table)
            if others & there:
                return without_name
            return without_name | without_contradiction(wanted - others, there, table)
    return {wanted}


def sensible(there: frozenset[str], available: Iterable[str], table: Table) -> list[tuple[str, ...]]:
    """Return what can be put on top of what is there: each Component, each pair, the largest sets."""
    optional = frozenset(available) - there
    small = {frozenset(chosen) for size in (1, PAIR) for chosen in itertools.combinations(optional, size)}
    large = without_contradiction(optional, there, table)
    largest = {chosen for chosen in large if not any(chosen < other for other in large)}
    fitting = {chosen for chosen in small | largest if chosen and fits(chosen, there, table)}
    return [in_order(chosen, table) for chosen in sorted(fitting, key=lambda each: (len(each), sorted(each)))]


@cache
def combinations() -> tuple[Combination, ...]:
    """Return every overlay, alone and with what can be put on top of it.

    An overlay whose images are built here is judged alone: it differs from another in image names only.
    """
    table, found = component_table(), list[Combination]()
    for overlay in folders("overlays"):
        there = contents(KUSTOMIZE / "overlays" / overlay)
        on_top = [] if "built-images" in there else sensible(there, set(table) - set(IMAGES), table)
        found += [Combination(overlay, components) for components in ((), *on_top)]
    return tuple(found)
