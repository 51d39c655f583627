"""What is cached is found again exactly when nothing it was made from has changed."""

from pathlib import Path

import pytest

from harness.cluster import build, settings
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError
from harness.common.progress import Steps


def folders(tmp_path: Path) -> Folders:
    return Folders(state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "go.mod").write_text("module a\n")
    (folder / "main.go").write_text("package main\n")
    return folder


def test_same_files_same_key(source: Path) -> None:
    assert build.cache_key(source, ["1.26"]) == build.cache_key(source, ["1.26"])


def test_any_change_changes_the_key(source: Path) -> None:
    keys = {build.cache_key(source, ["1.26"]), build.cache_key(source, ["1.27"])}
    (source / "go.mod").write_text("module b\n")
    keys.add(build.cache_key(source, ["1.26"]))
    (source / "go.mod").rename(source / "go.sum")
    keys.add(build.cache_key(source, ["1.26"]))
    assert len(keys) == 4


def test_every_product_has_a_folder_of_its_own(tmp_path: Path) -> None:
    made = build.products(folders(tmp_path))
    assert len({product.folder for product in made.values()}) == len(made)
    assert all(product.folder.parent == tmp_path / "cache" for product in made.values())


def fake_go(place: Folders, script: str) -> None:
    program = place.cache / "go" / f"toolchain-{settings.VERSIONS['go']}" / "bin" / "go"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (
            "dial tcp: lookup proxy.example.org: no such host",
            r"module proxy \(GOPROXY\) cannot be reached",
        ),
        ("main.go:3: undefined: x", "running this again continues where it stopped"),
    ],
)
def test_failed_build_leaves_nothing_that_looks_finished(tmp_path: Path, says: str, sentence: str) -> None:
    place = folders(tmp_path)
    fake_go(place, f"echo '{says}'; exit 1")
    with pytest.raises(HarnessError, match=sentence) as failure:
        build.ProductBuilder(place, Steps(1)).build_gateway()
    assert failure.value.log
    assert says in failure.value.log.read_text()
    assert not build.products(place)["gateway"].folder.exists()


def test_finished_build_is_not_done_again(tmp_path: Path) -> None:
    place = folders(tmp_path)
    fake_go(place, "exit 1")
    for product in build.products(place).values():
        product.folder.mkdir(parents=True)
    builder = build.ProductBuilder(place, Steps(1))
    builder.build_small_images()
    builder.build_kubernetes()
    builder.build_gateway()


def test_packages_are_missing_when_their_file_is(tmp_path: Path) -> None:
    wanted = {str(tmp_path): "there", str(tmp_path / "b"): "lacking", str(tmp_path / "a"): "lacking"}
    assert build.missing_packages(wanted) == ["lacking"]


def test_missing_packages_without_apt_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.VERSIONS, "debian", {"/nowhere/runc": "runc"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match="lacks runc and has no apt-get"):
        build.install_missing_packages(folders(tmp_path))


def test_failing_apt_is_one_sentence_and_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho Temporary failure resolving; exit 100\n")
    apt.chmod(0o755)
    monkeypatch.setitem(settings.VERSIONS, "debian", {"/nowhere/runc": "runc"})
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(HarnessError, match="Apt's mirror cannot be reached") as failure:
        build.install_missing_packages(folders(tmp_path))
    assert failure.value.log
    assert failure.value.log.read_text() == "Temporary failure resolving\n"
