"""The table of docs/components.md is true: which Components there are, their order, what each needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.common.combinations import (
    KUSTOMIZE,
    Combination,
    combinations,
    component_table,
    contents,
    folders,
    in_order,
)
from rendered import BuildError, Stack
from rules import RULES

TABLE = component_table()
LARGEST = [wanted for wanted in combinations() if len(wanted.components) > 2]
OVERLAYS_OWN = "checkov.io/skip-high-user"  # an annotation that overlays/openshift adds to its Components
USELESS_WITHOUT = {"shared-artifacts", "built-images"}  # these build without what they need, and mean nothing
NEEDED = [
    (name, need)
    for name, component in TABLE.items()
    for need in sorted(component.needs & set(TABLE))
    if name not in USELESS_WITHOUT
]


def test_the_table_has_a_row_for_every_component() -> None:
    assert sorted(TABLE) == list(folders("components"))


def test_every_component_is_in_an_overlay_or_a_combination() -> None:
    seen = {
        name
        for wanted in combinations()
        for name in (*wanted.components, *contents(KUSTOMIZE / "overlays" / wanted.overlay))
    }
    assert set(TABLE) <= seen


@pytest.mark.parametrize(
    "folder",
    sorted(path.parent for path in KUSTOMIZE.rglob("kustomization.yaml")),
    ids=lambda folder: str(folder.relative_to(KUSTOMIZE)),
)
def test_components_are_listed_in_the_order_of_the_table(folder: Path) -> None:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    paths = [(folder / entry).resolve() for entry in kustomization.get("components", ())]
    listed = [path.name for path in paths if path.parent == KUSTOMIZE / "components"]
    assert listed == list(in_order(listed, TABLE))


def test_a_row_stands_below_what_it_needs() -> None:
    rows = list(TABLE)
    for name, component in TABLE.items():
        for need in component.needs & set(rows):
            assert rows.index(need) < rows.index(name), f"{name} stands above {need}"


@pytest.mark.parametrize("wanted", LARGEST, ids=str)
def test_one_list_in_the_order_of_the_table_makes_the_same_stack(
    wanted: Combination,
    combination: Callable[[Combination], Stack],
    on_base: Callable[[tuple[str, ...]], Stack],
) -> None:
    overlay = contents(KUSTOMIZE / "overlays" / wanted.overlay)
    everything = ({*overlay, *wanted.components} & set(TABLE)) - {"whole-stack"}
    in_one_list = on_base(in_order(everything, TABLE))
    assert unordered(in_one_list) == unordered(combination(wanted))


def unordered(stack: Stack) -> list[str]:
    """Return a stack's objects with every list sorted: the order of Components changes it, without effect."""
    return sorted(map(canonical, stack.objects))


def canonical(value: Any) -> str:  # noqa: ANN401 - any part of an object
    if isinstance(value, dict):
        kept = sorted(key for key in value if key != OVERLAYS_OWN)
        return f"{{{', '.join(f'{key}: {canonical(value[key])}' for key in kept)}}}"
    if isinstance(value, list):
        return f"[{', '.join(sorted(map(canonical, value)))}]"
    return repr(value)


@pytest.mark.parametrize(("name", "need"), NEEDED, ids=[f"{name}-without-{need}" for name, need in NEEDED])
def test_a_component_needs_what_the_table_says(
    name: str, need: str, on_base: Callable[[tuple[str, ...]], Stack]
) -> None:
    others = [other for other in with_needs(name) if need not in with_needs(other)]
    try:
        stack = on_base(in_order({*others, name}, TABLE))
    except BuildError:
        return
    assert [message for rule in RULES for message in rule(stack)], f"{name} does not need {need}"


def with_needs(name: str) -> set[str]:
    """Return a Component and all that it needs, and that these need."""
    needed = TABLE[name].needs & set(TABLE)
    return {name}.union(*map(with_needs, needed))
