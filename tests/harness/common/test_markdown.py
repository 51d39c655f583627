"""What a table of a page has is what was written."""

from __future__ import annotations

from harness.common.markdown import read_rows, table

COLUMNS = ("fault", "seconds")
ROWS = [["a | b", "1.5"], ["", "-"], ["`c`", "2"]]


def test_rows_are_read_as_they_were_written() -> None:
    text = f"# Page\n\n{table(COLUMNS, ROWS, numbers=['seconds'])}\nText with a | in it.\n"
    assert list(read_rows(text)) == [list(COLUMNS), *ROWS]


def test_numbers_are_aligned_right() -> None:
    assert table(COLUMNS, ROWS[:1], numbers=["seconds"]) == (
        "| fault | seconds |\n|---|---:|\n| a \\| b | 1.5 |\n"
    )
