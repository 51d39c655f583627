"""A PostgreSQL server on this machine."""

from pathlib import Path

import pytest

from harness.common import postgres
from harness.common.errors import HarnessError


def test_a_machine_without_postgresql_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    with pytest.raises(HarnessError, match="apt-get install postgresql"):
        postgres.find_programs()
