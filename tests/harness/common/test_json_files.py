"""A file that a command did not write, or not whole, is one sentence wherever it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench import figures as bench
from harness.bench import whole_runs
from harness.common.errors import HarnessError
from harness.faults import page as faults
from harness.healthy import runs as healthy
from harness.load import figures as load

READERS: dict[str, Callable[[Path], object]] = {
    "tox -e healthy": healthy.read,
    "tox -e faults": lambda file: faults.read_runs([file]),
    "tox -e load": load.read,
    "tox -e bench": bench.read,
    "tox -e e2e": lambda file: whole_runs.read_whole_runs(file.parent),
}
FOREIGN = (b"", b'{"format": 1, "ru', b"\xff\xfe", b"7", b"[[]]", b'{"format": 1}', b"[" * 100_000)


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("content", FOREIGN, ids=lambda content: repr(content[:9]))
def test_a_file_of_another_form_is_one_sentence(command: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    file.write_bytes(content)
    with pytest.raises(HarnessError) as error:
        READERS[command](file)
    assert str(error.value) == f"{file} is not what this version of `{command}` writes: run that again."


@pytest.mark.parametrize(
    ("command", "content"),
    [
        ("tox -e healthy", {"format": 0, "runs": []}),
        ("tox -e healthy", {"format": 1, "runs": [{"condition": "quiet"}]}),
        ("tox -e faults", {"format": 0, "faults": []}),
        ("tox -e faults", {"format": 1, "faults": [{"name": "model-gone"}]}),
        ("tox -e load", {"steps": [{"suite": None}]}),
    ],
)
def test_a_file_of_another_version_is_one_sentence(
    command: str, content: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(HarnessError, match=f"what this version of `{command}` writes"):
        READERS[command](file)
