"""Image archives: writing those that hold a single program, and reading what an archive holds."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import HarnessError

NOBODY = "65532:65532"  # the user of distroless images, which kubeadm's CoreDNS expects too


def _member(name: str, size: int = 0, mode: int = 0o755) -> tarfile.TarInfo:
    """Return a tar member without time or owner, so that the same content makes the same image."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = mode
    return member


def write_scratch(  # noqa: PLR0913 - an image has this many parts
    archive: Path,
    name: str,
    programs: Mapping[str, Path],
    *,
    entrypoint: str,
    architecture: str,
    user: str = NOBODY,
    also_named: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
) -> None:
    """Write an archive (as `docker save` does) of an image with nothing but some programs in it.

    It has the names `name` and `also_named`.
    `programs` maps a path in the image to a file here, `links` a path in the image to what it links to.
    """
    layer = archive.with_suffix(".layer")
    with tarfile.open(layer, "w") as tar:
        for folder in sorted({str(Path(path).parent) for path in programs} - {"."}):
            member = _member(folder)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for path, file in programs.items():
            with file.open("rb") as content:
                tar.addfile(_member(path, file.stat().st_size), content)
        for path, target in (links or {}).items():
            member = _member(path)
            member.type = tarfile.SYMTYPE
            member.linkname = target
            tar.addfile(member)
    config = {"Entrypoint": [entrypoint], "User": user, "Env": ["PATH=/bin"]}
    write_image(archive, layer, [name, *also_named], config, architecture)
    layer.unlink()


def write_image(
    archive: Path, layer: Path, names: Sequence[str], settings: Mapping[str, object], architecture: str
) -> None:
    """Write an archive (as `docker save` does) of an image of one layer, a tar file.

    `settings` is how a container of it starts: Entrypoint, Env, ... of the image specification's config.
    """
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps(
        [{"Config": config_name, "RepoTags": list(names), "Layers": ["layer.tar"]}]
    ).encode()
    with tarfile.open(archive, "w") as tar:
        for member_name, data in (("manifest.json", manifest), (config_name, config)):
            tar.addfile(_member(member_name, len(data), 0o644), io.BytesIO(data))
        with layer.open("rb") as content:
            tar.addfile(_member("layer.tar", layer.stat().st_size, 0o644), content)


@dataclass(frozen=True)
class Archive:
    """What an archive holds: the names of its images, and a digest that changes with their content."""

    path: Path
    names: tuple[str, ...]
    digest: str

    @classmethod
    def read(cls, path: Path) -> "Archive":
        """Read an OCI archive (its index.json) or one of `docker save` (its manifest.json).

        Raises HarnessError for a file that is neither, or whose images have no name.
        """
        try:
            with tarfile.open(path) as tar:
                entries = {member.name.removeprefix("./"): member for member in tar}
                names: list[str] = []
                content = b""
                for list_name, names_in in (("index.json", _oci_names), ("manifest.json", _docker_names)):
                    if not names and list_name in entries and (file := tar.extractfile(entries[list_name])):
                        content = file.read()
                        names = names_in(json.loads(content))
        except (OSError, tarfile.TarError, ValueError) as error:
            why = str(error).splitlines()[0].rstrip(":")
            raise HarnessError(f"{path} is no image archive that can be read: {why}.") from error
        if not names:
            raise HarnessError(
                f"{path} holds no image with a name; write it with one (`localhost/name:tag`)."
            )
        return cls(path, tuple(names), hashlib.sha256(content).hexdigest())


def _oci_names(index: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    annotations = [manifest.get("annotations", {}) for manifest in index["manifests"]]
    names = [
        each.get("io.containerd.image.name") or each.get("org.opencontainers.image.ref.name", "")
        for each in annotations
    ]
    return [name for name in names if "/" in name]


def _docker_names(manifest: list[dict[str, list[str]]]) -> list[str]:
    return [name for image in manifest for name in image.get("RepoTags") or []]


def load(
    paths: Iterable[Path], record: Path, present: Callable[[], set[str]], load_one: Callable[[Path], None]
) -> list[tuple[Archive, bool]]:
    """Load archives with `load_one`, but none that `record` knows and whose images are `present`.

    Return each archive with whether it had to be loaded. Raises HarnessError as soon as one cannot be.
    """
    digests: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    there = present()
    outcome = []
    for path in paths:
        archive = Archive.read(path)
        needed = any(name not in there or digests.get(name) != archive.digest for name in archive.names)
        if needed:
            load_one(path)
            digests.update(dict.fromkeys(archive.names, archive.digest))
            unfinished = record.with_suffix(".new")
            unfinished.write_text(json.dumps(digests, indent=1))
            unfinished.replace(record)
        outcome.append((archive, needed))
    return outcome
