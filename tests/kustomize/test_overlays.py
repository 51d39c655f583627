"""Every overlay, and every sensible combination of components, keeps every rule."""

import copy
from collections.abc import Callable

import pipeline_rules
import pod_rules
import pytest
import reference_rules
import schema_rules
from rendered import Stack

Rule = Callable[[Stack], object]

OVERLAYS = ("kind", "embedded")
RULES = (*schema_rules.RULES, *pod_rules.RULES, *reference_rules.RULES, *pipeline_rules.RULES)
COMBINATIONS = (
    ("components/collector", "base/collector-patch"),
    ("components/collector", "components/phoenix"),
    ("components/collector", "base/collector-patch", "components/phoenix"),
    ("components/collector", "base/collector-patch", "components/weather"),
    ("components/collector", "components/phoenix", "base/collector-patch", "components/weather"),
)


@pytest.mark.parametrize("rule", [*RULES, *pod_rules.OVERLAY_RULES], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_keeps(
    rule: Callable[[Stack], list[str]], name: str, overlay: Callable[[str], Stack]
) -> None:
    broken = list(rule(overlay(name)))
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("components", [(), *COMBINATIONS], ids="+".join)
def test_combination_keeps_every_rule(
    components: tuple[str, ...], combination: Callable[[tuple[str, ...]], Stack]
) -> None:
    stack = combination(components)
    broken = [message for rule in RULES for message in rule(stack)]
    assert not broken, "\n".join(broken)


def test_embedded_differs_from_kind_in_image_names_only(overlay: Callable[[str], Stack]) -> None:
    kind, embedded = overlay("kind"), copy.deepcopy(overlay("embedded"))
    for (name, _, ours), (_, _, theirs) in zip(embedded.containers(), kind.containers(), strict=True):
        assert ours["image"].startswith("localhost/"), f"{name} runs {ours['image']}, which is not built here"
        assert ours["image"].rpartition("/")[2] == theirs["image"].rpartition("/")[2], (
            f"{name}: another version"
        )
        ours["image"] = theirs["image"]
    assert embedded == kind
