"""A bundle is small enough to send: logs are cut in their middle, other files left out, and both is said."""

from __future__ import annotations

import pytest

from bundle.size import cut_log, fit

LOG = b"".join(b"line %06d\n" % number for number in range(10_000))  # of 120,000 bytes


def test_what_fits_stays_as_it_is() -> None:
    files = {"logs/n/p/c.log": LOG, "events.txt": b"x" * 1000}
    before = dict(files)
    assert fit(files, 200_000) == []
    assert files == before


def test_a_long_log_keeps_its_start_and_more_of_its_end() -> None:
    cut = cut_log(LOG, 12_000)
    lines = cut.decode().splitlines()
    assert len(cut) <= 12_000
    assert (lines[0], lines[-1]) == ("line 000000", "line 009999")
    (said,) = [number for number, line in enumerate(lines) if line.startswith("[")]
    gone = 10_000 - (len(lines) - 1)
    assert lines[said] == f"[{gone:,} lines, {12 * gone:,} bytes, are left out here]"
    assert len(lines) - said > 2.9 * said


def test_a_log_of_one_long_line_is_left_out_and_says_so() -> None:
    assert cut_log(b"x" * 5000, 1000) == b"[1 lines, 5,000 bytes, are left out here]\n"


def test_only_the_longest_logs_are_cut() -> None:
    files = {"logs/n/p/long.log": LOG, "logs/n/p/longer.log": LOG * 2, "logs/n/p/short.log": b"a\n"}
    said = fit(files, 100_000)
    assert said == [
        "Cut: logs/n/p/long.log, 120,000 bytes, in its middle",
        "Cut: logs/n/p/longer.log, 240,000 bytes, in its middle",
    ]
    assert files["logs/n/p/short.log"] == b"a\n"
    assert 99_000 < sum(map(len, files.values())) <= 100_000


@pytest.mark.parametrize("logs", [{}, {"logs/n/p/c.log": LOG}])
def test_the_largest_other_files_are_left_out(logs: dict[str, bytes]) -> None:
    files = {"objects/n/Pod.json": b"x" * 60_000, "objects/n/Service.json": b"x" * 30_000, **logs}
    said = fit(files, 100_000)
    assert said[0] == "Left out: objects/n/Pod.json, because its 60,000 bytes have no room"
    assert list(files) == ["objects/n/Service.json", *logs]
    assert sum(map(len, files.values())) <= 100_000
