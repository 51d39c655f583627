"""The first line of a message says what is wrong, however much there is."""

from __future__ import annotations

from messages import in_a_row, listed


def test_the_first_of_several_ways_is_in_the_first_line() -> None:
    assert listed("It fails", ["no root"]) == "It fails: no root"
    assert listed("It fails", ["no root", "no tool"]) == "It fails in 2 ways: no root\n- no tool"


def test_of_many_problems_the_first_ones_are_in_the_first_line() -> None:
    assert in_a_row(["a", "b", "c"]) == "a; b; c"
    assert in_a_row(["a", "b", "c", "d"]) == "a; b; c; … (4 in all)"
