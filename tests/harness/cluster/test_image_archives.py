"""Archives we write are images; archives we read are loaded once."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from harness.cluster import image_archives
from harness.common.errors import HarnessError


def scratch(folder: Path, content: str = "program") -> Path:
    program = folder / "program"
    program.write_text(content)
    archive = folder / "image.tar"
    image_archives.write_scratch(
        archive,
        "localhost/one:1",
        {"bin/program": program},
        links={"bin/sh": "program"},
        entrypoint="/bin/program",
        architecture="amd64",
    )
    return archive


def oci(folder: Path, annotations: dict[str, str]) -> Path:
    archive = folder / "oci.tar"
    index = json.dumps({"manifests": [{"digest": "sha256:0", "annotations": annotations}]}).encode()
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("./index.json")
        member.size = len(index)
        tar.addfile(member, io.BytesIO(index))
    return archive


def test_scratch_image_says_what_it_is(tmp_path: Path) -> None:
    with tarfile.open(scratch(tmp_path)) as tar:
        parts = {member.name: tar.extractfile(member) for member in tar}
        content = {name: file.read() for name, file in parts.items() if file}
    (image,) = json.loads(content["manifest.json"])
    config = json.loads(content[image["Config"]])
    layer = content[image["Layers"][0]]
    assert image["Config"] == f"{hashlib.sha256(content[image['Config']]).hexdigest()}.json"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/bin/program"]
    assert config["config"]["User"] == "65532:65532"
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert [(member.name, member.mode, member.linkname) for member in files] == [
            ("bin", 0o755, ""),
            ("bin/program", 0o755, ""),
            ("bin/sh", 0o755, "program"),
        ]


def test_same_content_makes_the_same_image(tmp_path: Path) -> None:
    first = image_archives.Archive.read(scratch(tmp_path)).digest
    assert image_archives.Archive.read(scratch(tmp_path)).digest == first
    assert image_archives.Archive.read(scratch(tmp_path, "changed")).digest != first


@pytest.mark.parametrize("key", ["io.containerd.image.name", "org.opencontainers.image.ref.name"])
def test_oci_archive_is_read_by_its_name(tmp_path: Path, key: str) -> None:
    assert image_archives.Archive.read(oci(tmp_path, {key: "localhost/a:1"})).names == ("localhost/a:1",)


def test_archive_without_a_name_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="holds no image with a name"):
        image_archives.Archive.read(oci(tmp_path, {"org.opencontainers.image.ref.name": "latest"}))


def test_file_that_is_no_archive_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes.tar").write_text("no tar")
    with pytest.raises(HarnessError, match="no image archive that can be read"):
        image_archives.Archive.read(tmp_path / "notes.tar")


def test_archive_is_loaded_once_and_again_when_it_changed_or_is_gone(tmp_path: Path) -> None:
    record = tmp_path / "images.json"
    there: set[str] = set()
    loaded: list[Path] = []

    def load(archive: Path) -> list[bool]:
        outcome = image_archives.load([archive], record, lambda: there, loaded.append)
        there.update(name for read, _ in outcome for name in read.names)
        return [new for _, new in outcome]

    assert load(scratch(tmp_path)) == [True]
    assert load(scratch(tmp_path)) == [False]
    assert load(scratch(tmp_path, "changed")) == [True]
    there.clear()
    assert load(scratch(tmp_path, "changed")) == [True]
    assert len(loaded) == 3
