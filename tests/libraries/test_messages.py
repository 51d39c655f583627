"""The first line of a message says what is wrong, however much there is."""

from __future__ import annotations

from messages import listed


def test_the_first_of_several_ways_is_in_the_first_line() -> None:
    assert listed("It fails", ["no root"]) == "It fails: no root"
    assert listed("It fails", ["no root", "no tool"]) == "It fails in 2 ways: no root\n- no tool"
