"""A Docker engine of our own: where it can be had, how it is started, and that nothing of it is left."""

import os
from pathlib import Path

import pytest

from harness.cluster import filtered_runc, network, own_engine
from harness.cluster.own_engine import OwnEngine
from harness.common.errors import HarnessError


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnEngine:
    """Return an engine that was not started, on a machine that can have one."""
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(own_engine, "install_missing_packages", lambda _: None)
    return OwnEngine(tmp_path / "engine", tmp_path / "engine.log")


@pytest.mark.parametrize(("system", "user"), [("Darwin", 0), ("Linux", 1000)])
def test_only_root_on_linux_has_one(
    system: str, user: int, engine: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("os.geteuid", lambda: user)
    with pytest.raises(HarnessError, match=r"^only root on Linux can start one$"):
        engine.start()
    assert not engine.folder.exists()


def test_what_the_machine_lacks_is_named(engine: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name in {"iptables", "nft"} else name)
    with pytest.raises(HarnessError, match=r"^this machine lacks nft, iptables$"):
        engine.start()
    engine.stop()
    assert not engine.folder.exists()


def test_the_engine_of_another_run_is_left_alone(engine: OwnEngine) -> None:
    (engine.folder / "data").mkdir(parents=True)
    with pytest.raises(HarnessError, match="another run has one"):
        engine.start()
    engine.stop()
    assert (engine.folder / "data").exists()


@pytest.mark.parametrize("lacks", [True, False])
def test_runc_is_filtered_only_where_a_capability_is_missing(
    lacks: bool, engine: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtered_runc, "lacks_capabilities", lambda: lacks)
    engine.folder.mkdir()
    command = engine._command()
    assert {"--bridge=none", "--iptables=false", "--ip-forward=false"} <= set(command)
    assert ("--default-runtime=filtered" in command) is lacks
    assert os.access(engine.folder / "filtered-runc", os.X_OK) is lacks


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("containers_run", [True, False])
def test_an_engine_that_was_started_leaves_nothing(
    containers_run: bool, engine: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, forward = tmp_path / "asked", tmp_path / "ip_forward"
    forward.write_text("0")
    (tmp_path / "cgroups" / "cpu" / own_engine.CGROUP / "container").mkdir(parents=True)
    monkeypatch.setattr(own_engine, "CGROUPS", tmp_path / "cgroups")
    monkeypatch.setattr(network, "SYSCTLS", ("net/ipv4/ip_forward",))
    monkeypatch.setattr(network, "sysctl", lambda _: forward)
    monkeypatch.setattr("shutil.which", lambda name, **_: str(tmp_path / "path" / name))
    for name in ("nft", "apt-get"):
        program(tmp_path / "path", name, f'echo {name} "$@" >>{asked}; cat >/dev/null')

    def unpack(self: OwnEngine) -> None:
        place = self.folder / "programs" / "usr" / "bin"
        program(place, "dockerd", f"test $(cat {forward}) = 1 && exec sleep 60")
        run = "exit 1" if not containers_run else ""
        program(
            place, "docker", f'echo docker "$@" >>{asked}; test "$1" = run && {{ {run or "true"}; }}; true'
        )
        program(tmp_path / "path", "tini-static", "")

    monkeypatch.setattr(OwnEngine, "_unpack", unpack)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    try:
        if containers_run:
            engine.start()
            assert engine.environment["DOCKER_HOST"] == f"unix://{engine.folder}/docker.sock"
        else:
            with pytest.raises(HarnessError, match="its containers do not run: docker run"):
                engine.start()
        assert engine._process
        assert engine._process.poll() is None
    finally:
        engine.stop()
    assert engine._process.poll() is not None
    assert not engine.folder.exists()
    assert list((tmp_path / "cgroups").rglob("*")) == [tmp_path / "cgroups" / "cpu"]
    assert forward.read_text() == "0"
    assert f"nft delete table ip {own_engine.TABLE}" in asked.read_text()
    assert "docker network prune --force" in asked.read_text()
