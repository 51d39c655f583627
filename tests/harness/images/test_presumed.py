"""Whether an archive has what the manifests presume of its image."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import HarnessError
from harness.images import builds, engines
from harness.images.builds import ImageBuilder
from harness.images.catalog import images_for
from harness.images.presumed import Presumed, find_problems, read_image, read_presumed

GOOD: dict[str, Any] = {"User": "1001", "Entrypoint": ["phoenix"], "Env": ["PATH=/opt/venv/bin:/bin"]}
PATHS = ["bin/bash", "opt/venv/lib/python3.11/site-packages/asyncpg/__init__.py"]
PATHS += ["opt/venv/lib/python3.11/site-packages/six.py"]
PRESUMED = Presumed(
    entry_point=True,
    programs=frozenset({"bash"}),
    modules=frozenset({"asyncpg", "six"}),
    writable=frozenset(),
)


def write_archive(archive: Path, config: dict[str, Any], paths: Iterable[str]) -> None:
    """Write an OCI archive of an image of one layer, with empty files at these paths."""

    def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        for path in paths:
            folders = [str(parent) for parent in reversed(Path(path).parents)][1:]
            for folder in folders:
                member = tarfile.TarInfo(folder)
                member.type = tarfile.DIRTYPE
                files.addfile(member)
            add(files, path, b"")
    manifest = {"config": {"digest": "sha256:config"}, "layers": [{"digest": "sha256:layer"}]}
    with tarfile.open(archive, "w") as tar:
        add(tar, "index.json", json.dumps({"manifests": [{"digest": "sha256:manifest"}]}).encode())
        add(tar, "blobs/sha256/manifest", json.dumps(manifest).encode())
        add(tar, "blobs/sha256/config", json.dumps({"config": config}).encode())
        add(tar, "blobs/sha256/layer", layer.getvalue())


def test_an_image_with_all_that_is_presumed_has_no_problem(tmp_path: Path) -> None:
    write_archive(tmp_path / "image.tar", GOOD, PATHS)
    assert find_problems(PRESUMED, *read_image(tmp_path / "image.tar")) == []


@pytest.mark.parametrize(
    ("config", "paths", "problem"),
    [
        ({"User": "root"}, PATHS, "its user is 'root', not a number other than 0"),
        ({"User": ""}, PATHS, "its user is 'root', not a number other than 0"),
        ({"User": "0:0"}, PATHS, "its user is '0', not a number other than 0"),
        ({"Entrypoint": None}, PATHS, "it has no entry point"),
        ({"Env": ["PATH=/usr/bin"]}, PATHS, "it has no program bash"),
        ({}, PATHS[1:], "it has no program bash"),
        ({}, [PATHS[0], PATHS[2]], "Python there has no module asyncpg"),
        ({}, PATHS[:2], "Python there has no module six"),
    ],
)
def test_what_an_image_lacks_is_one_sentence(
    config: dict[str, Any], paths: list[str], problem: str, tmp_path: Path
) -> None:
    write_archive(tmp_path / "image.tar", GOOD | config, paths)
    assert find_problems(PRESUMED, *read_image(tmp_path / "image.tar")) == [problem]


def test_an_image_that_lacks_something_is_not_used(tmp_path: Path) -> None:
    image = next(image for image in images_for("embedded") if image.name == "phoenix")
    builder = ImageBuilder(engines.Podman(), tmp_path)
    write_archive(tmp_path / "phoenix.tar", GOOD, PATHS)
    with pytest.raises(HarnessError, match=r"phoenix lacks .*no module phoenix; .*correct its Dockerfile"):
        builder._check(image, tmp_path / "phoenix.tar")
    modules = read_presumed()["docker.io/arizephoenix/phoenix"].modules
    paths = [f"lib/site-packages/{name.replace('.', '/')}/__init__.py" for name in modules]
    write_archive(tmp_path / "phoenix.tar", GOOD, paths)
    builder._check(image, tmp_path / "phoenix.tar")


def test_images_of_our_own_are_not_compared(tmp_path: Path) -> None:
    image = next(image for image in images_for("kind") if image.name == "weather-agent")
    builds.ImageBuilder(engines.Podman(), tmp_path)._check(image, tmp_path / "is-not-read")
