"""Whether an image archive has what the manifests presume of the image: presumed.yaml, and what it says."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from harness.images.catalog import IMAGES

FILE = IMAGES / "presumed.yaml"


@dataclass(frozen=True)
class Presumed:
    """What the manifests presume of one image."""

    entry_point: bool
    programs: frozenset[str]
    modules: frozenset[str]
    writable: frozenset[str]


def read_presumed() -> dict[str, Presumed]:
    """Return what is presumed, by the official name of the image, without its tag."""
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {
        name: Presumed(
            entry["entry point"],
            *(frozenset(entry[key]) for key in ("programs", "modules", "writable")),
        )
        for name, entry in entries.items()
    }


def read_image(archive: Path) -> tuple[dict[str, Any], set[str]]:
    """Return an image's configuration, and the paths of all that is in it, out of an OCI archive.

    Raises KeyError or ValueError for an archive of another form.
    """
    with tarfile.open(archive) as tar:

        def blob(described: dict[str, str]) -> Any:  # noqa: ANN401 - what JSON holds
            content = tar.extractfile(f"blobs/{described['digest'].replace(':', '/')}")
            if content is None:
                raise ValueError(f"{archive} lacks {described['digest']}")
            return content

        index = tar.extractfile("index.json")
        if index is None:
            raise ValueError(f"{archive} is no OCI archive")
        manifest = json.load(blob(json.load(index)["manifests"][0]))
        paths: set[str] = set()
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=blob(layer)) as files:
                paths.update("/" + member.name.removeprefix("./").lstrip("/") for member in files)
        return json.load(blob(manifest["config"]))["config"], paths


def find_problems(presumed: Presumed, config: dict[str, Any], paths: set[str]) -> list[str]:
    """Return what an image lacks of what is presumed, a sentence each."""
    problems = []
    user = str(config.get("User", "")).partition(":")[0]
    if not user.isdigit() or int(user) == 0:
        problems.append(f"its user is {user or 'root'!r}, not a number other than 0")
    if presumed.entry_point and not config.get("Entrypoint"):
        problems.append("it has no entry point")
    variables = dict(entry.split("=", 1) for entry in config.get("Env", ()))
    folders = variables.get("PATH", "").split(":")
    problems += [
        f"it has no program {program}"
        for program in sorted(presumed.programs)
        if not any(str(PurePosixPath(folder or "/", program)) in paths for folder in folders)
    ]
    return [*problems, *(f"Python there has no module {name}" for name in _missing(presumed.modules, paths))]


def _missing(modules: Iterable[str], paths: set[str]) -> list[str]:
    """Return the modules that no folder `site-packages` has, sorted."""
    packages = {path.partition("/site-packages/")[2] for path in paths if "/site-packages/" in path}
    tops = {path.partition(".")[0] for path in packages}  # a module, compiled or not, ends so
    return sorted(
        name for name in modules if (place := name.replace(".", "/")) not in packages and place not in tops
    )
