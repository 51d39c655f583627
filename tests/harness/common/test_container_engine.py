"""An engine counts when it answers."""

import time
from pathlib import Path

import pytest

from harness.common import container_engine
from harness.common.container_engine import find_container_engine


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder on the PATH where a test puts its engines."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    return folder


def put(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_engine_counts_only_when_it_answers(programs: Path) -> None:
    put(programs, "docker", "exit 1")
    put(programs, "podman", "exit 0")
    assert find_container_engine() == "podman"


@pytest.mark.parametrize(
    ("printed", "engine"),
    [("Docker version 28.2.2, build e6534b4", "docker"), ("podman version 5.4.2", "podman")],
)
def test_podman_by_the_name_of_docker_is_podman(printed: str, engine: str, programs: Path) -> None:
    put(programs, "docker", f'test "$1" = info || echo "{printed}"')
    assert find_container_engine() == engine


def test_the_engine_that_docker_is_set_to_is_asked(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(programs, "docker", 'test "$DOCKER_HOST" = unix:///run/user/1000/docker.sock')
    assert find_container_engine() is None
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    assert find_container_engine() == "docker"


def test_engine_that_hangs_counts_as_absent(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_engine, "ENGINE_LIMIT", 0.3)
    put(programs, "docker", "exec sleep 60")
    put(programs, "podman", "exit 1")
    started = time.monotonic()
    assert find_container_engine() is None
    assert time.monotonic() - started < 10
