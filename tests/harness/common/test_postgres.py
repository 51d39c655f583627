"""A PostgreSQL server on this machine."""

import os
from pathlib import Path

import pytest
import trustme

from harness.common import postgres
from harness.common.errors import HarnessError


def test_a_machine_without_postgresql_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    with pytest.raises(HarnessError, match="apt-get install postgresql"):
        postgres.find_programs()


def test_a_server_that_ends_with_a_process_is_stopped_and_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    log = tmp_path / "log"
    for name in ("initdb", "pg_ctl", "psql"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n')
        program.chmod(0o700)
    server = postgres.Server(tmp_path / "server", "127.0.0.1", 5432, tmp_path)
    with server.running("administrators-own", trustme.CA().issue_cert("localhost")):
        assert "stop" not in log.read_text()
    assert log.read_text().splitlines()[-1] == f"pg_ctl -D {server.folder}/data -m immediate -w stop"
    assert not server.folder.exists()
