"""What runc reads on a machine that lacks a capability."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cluster import filtered_runc

ALL = (1 << len(filtered_runc.CAPABILITIES)) - 1
WITHOUT_RESOURCE = ALL & ~(1 << filtered_runc.CAPABILITIES.index("SYS_RESOURCE"))


def test_capabilities_are_read_by_their_numbers() -> None:
    assert filtered_runc.read_capabilities("CapEff:\t0\nCapBnd:\t0000000000200001\n") == {
        "CAP_CHOWN",  # 0 in capability.h
        "CAP_SYS_ADMIN",  # 21
    }
    found = filtered_runc.read_capabilities(f"CapBnd:\t{WITHOUT_RESOURCE:016x}\n")
    assert len(found) == len(filtered_runc.CAPABILITIES) - 1
    assert "CAP_SYS_RESOURCE" not in found


def test_a_process_keeps_what_is_there_and_no_limits() -> None:
    process = {
        "args": ["/sbin/init"],
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": []},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1}],
    }
    filtered_runc.filter_process(process, {"CAP_CHOWN"})
    assert process == {"args": ["/sbin/init"], "capabilities": {"bounding": ["CAP_CHOWN"], "ambient": []}}


@pytest.mark.parametrize(
    ("arguments", "file", "content"),
    [
        (["create", "--bundle", "{folder}", "id"], "config.json", {"process": {"rlimits": [1]}, "root": {}}),
        (["exec", "--process", "{folder}/process", "id"], "process", {"rlimits": [1]}),
        (["delete", "id"], None, None),
    ],
)
def test_runc_gets_the_same_arguments_after_the_files_are_filtered(
    arguments: list[str], file: str | None, content: object, tmp_path: Path
) -> None:
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\n')
    runc.chmod(0o755)
    if file:
        (tmp_path / file).write_text(json.dumps(content))
    filled = [argument.format(folder=tmp_path) for argument in arguments]
    command = [sys.executable, filtered_runc.__file__, *filled]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == filled
    if file:
        assert "rlimits" not in (tmp_path / file).read_text()
