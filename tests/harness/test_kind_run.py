"""What `tox -e kind` does with an engine, and where there can be none."""

import os
from pathlib import Path
from typing import Any

import pytest

from harness import kind_run
from harness.common.errors import HarnessError


class Engine:
    """Plays an engine of our own."""

    environment = {"DOCKER_HOST": "unix:///own.sock"}  # noqa: RUF012 - read only

    def __init__(self, *_: object) -> None:
        """Be neither started nor stopped."""
        self.steps: list[str] = []

    def start(self) -> None:
        """Note it."""
        self.steps.append("start")

    def stop(self) -> None:
        """Note it."""
        self.steps.append("stop")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str, str]]:
    """Return what is run: the module, the engine and the cluster's folder; nothing fails."""
    run: list[tuple[str, str, str]] = []

    class Done:
        returncode = 0

    def note(command: list[str], env: dict[str, str], **_: Any) -> Done:  # noqa: ANN401
        make_cluster(env)
        run.append((" ".join(command[2:]), env.get("DOCKER_HOST", ""), env["EMBEDDED_CLUSTER_STATE"]))
        return Done()

    monkeypatch.setattr("subprocess.run", note)
    monkeypatch.setattr(kind_run, "stop_when_terminated", lambda: None)
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", str(tmp_path / "embedded-cluster"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return run


def make_cluster(environment: dict[str, str]) -> None:
    """Leave what a kind cluster leaves in its folder."""
    folder = Path(environment["EMBEDDED_CLUSTER_STATE"])
    folder.mkdir(exist_ok=True)
    (folder / "provider").write_text("kind\n")


def use_engine(monkeypatch: pytest.MonkeyPatch, name: str | None) -> Engine:
    """Let this engine answer; return the one that is started where none does."""
    engine = Engine()
    monkeypatch.setattr(kind_run, "find_container_engine", lambda: name)
    monkeypatch.setattr(kind_run, "OwnEngine", lambda *_: engine)
    return engine


def test_an_engine_that_answers_is_used_and_the_cluster_removed(
    commands: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = use_engine(monkeypatch, "docker")
    monkeypatch.setattr(kind_run, "succeeds", lambda *_: False)
    assert kind_run.main(["--nodes", "3"]) == 0
    state = str(tmp_path / "kind-run")
    assert commands == [("harness.e2e --nodes 3", "", state), ("harness.cluster down", "", state)]
    assert engine.steps == []


def test_a_cluster_of_the_engines_user_is_not_touched(
    commands: list[tuple[str, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_engine(monkeypatch, "podman")
    monkeypatch.setattr(kind_run, "succeeds", lambda *_: True)
    assert kind_run.main([]) == 1
    assert "podman has a kind cluster llm-observability already" in capsys.readouterr().err
    assert commands == []


@pytest.mark.parametrize(("e2e", "down", "code"), [(0, 0, 0), (1, 0, 1), (2, 1, 2), (0, 1, 1)])
def test_an_engine_of_our_own_is_stopped_whatever_happened(
    e2e: int, down: int, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", str(tmp_path / "embedded-cluster"))
    engine = use_engine(monkeypatch, None)
    monkeypatch.setattr(kind_run, "stop_when_terminated", lambda: None)

    def run(command: list[str], env: dict[str, str], **_: Any) -> Any:  # noqa: ANN401
        make_cluster(env)
        assert env["DOCKER_HOST"] == "unix:///own.sock"
        assert env["PATH"] == os.environ["PATH"]
        return type("Done", (), {"returncode": e2e if "harness.e2e" in command else down})

    monkeypatch.setattr("subprocess.run", run)
    assert kind_run.main([]) == code
    assert engine.steps == ["start", "stop"]


def test_where_e2e_made_no_cluster_none_is_removed(
    commands: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_engine(monkeypatch, "docker")
    monkeypatch.setattr(kind_run, "succeeds", lambda *_: False)

    def fail(command: list[str], **_: Any) -> Any:  # noqa: ANN401
        assert "harness.e2e" in command, "`down` without a cluster looks for an embedded one"
        (tmp_path / "kind-run" / "log").mkdir(parents=True)
        return type("Done", (), {"returncode": 2})

    monkeypatch.setattr("subprocess.run", fail)
    assert kind_run.main([]) == 2
    assert commands == []
    assert not (tmp_path / "kind-run").exists()


def test_options_that_e2e_does_not_know_start_no_engine(
    commands: list[tuple[str, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = use_engine(monkeypatch, None)
    with pytest.raises(SystemExit) as ended:
        kind_run.main(["--nodes", "3", "--quick"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --quick" in capsys.readouterr().err
    assert (engine.steps, commands) == ([], [])


def test_where_no_engine_can_be_had_one_line_says_why(
    commands: list[tuple[str, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = use_engine(monkeypatch, None)

    def fail() -> None:
        raise HarnessError("this machine lacks\napt-get")

    monkeypatch.setattr(engine, "start", fail)
    assert kind_run.main([]) == 0
    assert capsys.readouterr().out == "no engine can be had here: this machine lacks apt-get\n"
    assert engine.steps == ["stop"]
    assert commands == []
