"""What counts as a sensible combination of components."""

import pytest

from combinations import in_order, sensible

NEEDS = {"transform": frozenset({"agent"}), "agent": frozenset({"collector"})}
ALTERNATIVES = (frozenset({"gateway", "router"}), frozenset({"external", "shared"}))


def on_top(there: set[str], available: set[str]) -> list[tuple[str, ...]]:
    return sensible(frozenset(there), available, NEEDS, ALTERNATIVES)


def test_each_alone_each_pair_and_the_largest_sets() -> None:
    assert on_top({"gateway"}, {"gateway", "a", "b", "c", "d"}) == [
        *(("a",), ("b",), ("c",), ("d",)),
        *(("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")),
        ("a", "b", "c", "d"),
    ]


def test_alternatives_are_never_together() -> None:
    assert on_top({"gateway"}, {"router"}) == []
    assert on_top(set(), {"external", "shared", "a"}) == [
        *(("a",), ("external",), ("shared",)),
        *(("a", "external"), ("a", "shared")),
    ]


def test_a_component_finds_what_it_needs_and_stands_after_it() -> None:
    assert on_top({"collector"}, {"transform"}) == []
    assert on_top({"collector", "agent"}, {"transform"}) == [("transform",)]
    assert on_top({"agent"}, {"agent"}) == []
    assert in_order({"agent", "transform", "collector", "b"}, NEEDS) == (
        "b",
        "collector",
        "agent",
        "transform",
    )


def test_components_that_need_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="need each other: a, b"):
        in_order({"a", "b"}, {"a": frozenset({"b"}), "b": frozenset({"a"})})
