"""Which stacks there are to judge: every overlay, and components on top of it in every sensible combination.

Overlays and components are found by their folders, so that none can be forgotten. Written down is only what
a folder cannot say: what a component needs, and which components are two ways to one end.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rendered import KUSTOMIZE

# Another component that must be in the stack, and before it.
NEEDS: Mapping[str, frozenset[str]] = {
    "external-postgres": frozenset({"phoenix"}),
    "genai-transform": frozenset({"phoenix", "weather"}),
    "high-availability": frozenset({"collector"}),
    "openshift-routes": frozenset({"phoenix", "weather"}),
    "scale": frozenset({"high-availability"}),
    "shared-artifacts": frozenset({"high-availability"}),
}
# Another component that must come before it, where both are there.
AFTER: Mapping[str, frozenset[str]] = {"external-postgres": frozenset({"mlflow-auth"})}
# Of each of these groups a stack has one component at most.
ALTERNATIVES: tuple[frozenset[str], ...] = (
    frozenset({"gateway-routes", "openshift-routes"}),
    # Together they need the place's own NetworkPolicy, with the database's address.
    frozenset({"external-postgres", "network-policies"}),
)
# What is put on an overlay for a place that brings the rest itself: nothing else, and on no other overlay.
ONLY: Mapping[str, frozenset[str]] = {"kagenti": frozenset({"shared-postgres"})}
# What `tox -e e2e` puts on top of the rest, in this order: versions and names of images, no capability.
IMAGES = ("images", "built-images")
# Parts that a stack of one's own can leave out: what is put on the base, in order.
PARTS = (
    (),
    ("components/collector", "components/mlflow-pipeline"),
    ("components/collector", "components/phoenix"),
    ("components/collector", "components/mlflow-pipeline", "components/phoenix"),
    ("components/collector", "components/mlflow-pipeline", "components/weather"),
    ("components/collector", "components/phoenix", "components/mlflow-pipeline", "components/weather"),
    ("components/collector", "components/mlflow-pipeline", "components/high-availability"),
    (
        "components/collector",
        "components/high-availability",
        "components/mlflow-pipeline",
        "components/phoenix",
    ),
    ("components/high-availability/mlflow",),
    ("components/external-postgres",),
)


@dataclass(frozen=True)
class Combination:
    """An overlay with components on top, in order."""

    overlay: str
    components: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of what is put on top: the components, and again the images for what they bring."""
        named = (*self.components, "images") if self.components else ()
        return tuple(f"components/{name}" for name in named)

    def __str__(self) -> str:
        """Return what identifies a test: `kind+mlflow-auth`."""
        return "+".join((self.overlay, *self.components))


def folders(kind: str) -> tuple[str, ...]:
    """Return the names of all `overlays` or `components`, sorted."""
    return tuple(sorted(path.parent.name for path in (KUSTOMIZE / kind).glob("*/kustomization.yaml")))


def components_of(folder: Path) -> frozenset[str]:
    """Return the names of the components that a kustomization lists, itself or through what it lists."""
    kustomization: dict[str, Any] = yaml.safe_load(
        (folder / "kustomization.yaml").read_text(encoding="utf-8")
    )
    found: set[str] = set()
    for entry in (*kustomization.get("resources", ()), *kustomization.get("components", ())):
        path = (folder / entry).resolve()
        if path.is_dir():
            found |= components_of(path)
            if path.parent.name == "components":
                found.add(path.name)
    return frozenset(found)


def in_order(components: Iterable[str], needs: Mapping[str, frozenset[str]] = NEEDS) -> tuple[str, ...]:
    """Return components by name, each after those that it needs or comes after.

    Raises ValueError for a circle.
    """
    rest, ordered = sorted(components), list[str]()
    before = {name: needs.get(name, frozenset()) | AFTER.get(name, frozenset()) for name in rest}
    while rest:
        free = next((name for name in rest if not before[name] & set(rest)), None)
        if free is None:
            raise ValueError(f"these components need each other: {', '.join(rest)}")
        rest.remove(free)
        ordered.append(free)
    return tuple(ordered)


def sensible(
    there: frozenset[str],
    available: Iterable[str],
    needs: Mapping[str, frozenset[str]] = NEEDS,
    alternatives: tuple[frozenset[str], ...] = ALTERNATIVES,
) -> list[tuple[str, ...]]:
    """Return what can be put on top of the components that are there: each, each pair, the largest sets.

    In a sensible set each component finds what it needs, and no two are alternatives.
    """

    def fits(chosen: frozenset[str]) -> bool:
        together = there | chosen
        return all(needs.get(name, frozenset()) <= together for name in chosen) and all(
            len(group & together) <= 1 for group in alternatives
        )

    optional = sorted(set(available) - there)
    sets = [
        frozenset(chosen)
        for size in range(1, len(optional) + 1)
        for chosen in itertools.combinations(optional, size)
        if fits(frozenset(chosen))
    ]
    largest = {chosen for chosen in sets if not any(chosen < other for other in sets)}
    return [in_order(chosen, needs) for chosen in sets if len(chosen) <= 2 or chosen in largest]


def combinations() -> tuple[Combination, ...]:
    """Return every overlay, alone and with what can be put on top of it.

    An overlay whose images are built here is judged alone: it differs from another in image names only.
    """
    anywhere = set(folders("components")) - set(IMAGES) - frozenset().union(*ONLY.values())
    found = []
    for overlay in folders("overlays"):
        there = components_of(KUSTOMIZE / "overlays" / overlay)
        on_top = [] if "built-images" in there else sensible(there, ONLY.get(overlay, anywhere))
        found += [Combination(overlay, components) for components in ((), *on_top)]
    return tuple(found)
