"""Which combinations of Components are sensible, as a table says it."""

import pytest

from harness.common.combinations import fits, in_order, read_table, sensible

TABLE = read_table(
    """
| Component | needs | not with | gives |
|---|---|---|---|
| `gateway` | | `router` | |
| `router` | | `gateway` | |
| `collector` | | `kustomize/overlays/attached` | |
| `agent` | `collector` | | |
| `transform` | `agent`, `kustomize/base` | | |
| `login` | | | |
"""
)


def on_top(*there: str, available: set[str]) -> list[tuple[str, ...]]:
    return sensible(frozenset(there), available, TABLE)


def test_each_alone_each_pair_and_the_largest_sets() -> None:
    assert on_top("kustomize/base", "gateway", available=set(TABLE)) == [
        ("collector",),
        ("login",),
        ("collector", "agent"),
        ("collector", "login"),
        ("collector", "agent", "transform", "login"),
    ]


def test_what_a_component_excludes_is_never_with_it() -> None:
    assert on_top("gateway", available={"router"}) == []
    assert on_top("kustomize/overlays/attached", available={"collector", "login"}) == [("login",)]


def test_exclusion_holds_for_what_is_there_already() -> None:
    one_sided = read_table("| `gateway` | | `router` | |\n| `router` | | | |")
    assert not fits(frozenset({"router"}), frozenset({"gateway"}), one_sided)


def test_a_component_finds_what_it_needs() -> None:
    assert on_top("kustomize/base", available={"transform"}) == []
    assert on_top("kustomize/base", "collector", "agent", available={"transform"}) == [("transform",)]
    assert on_top("collector", "agent", available={"transform"}) == [], "the base is not there"


def test_the_order_is_the_tables() -> None:
    assert in_order({"login", "transform", "gateway"}, TABLE) == ("gateway", "transform", "login")


def test_a_component_without_a_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown"):
        in_order({"unknown"}, TABLE)
    with pytest.raises(ValueError, match="row a names b, which has no row"):
        read_table("| `a` | `b` | | |")
