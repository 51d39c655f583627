"""Which images the stack needs: names and tags, read from the Components, the one place that has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.common.combinations import KUSTOMIZE, ROOT
from harness.common.errors import HarnessError

IMAGES = Path(__file__).parent
APPS = ROOT / "apps"  # the project's own; the Dockerfiles of the others are in this package
COMPONENTS = KUSTOMIZE / "components"
LOCAL = "localhost/"
REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True)
class Image:
    """An image to build from the folder `name` of apps/ or of this package: localhost/`name`:`tag`."""

    name: str
    tag: str
    requirements: Path | None = None  # another release's locked packages, in place of the folder's own

    @property
    def reference(self) -> str:
        """The name that the manifests use, such as localhost/mlflow:v3.17.2-full."""
        return f"{LOCAL}{self.name}:{self.tag}"

    @property
    def version(self) -> str:
        """The software's version inside the tag: 3.17.2 for v3.17.2-full."""
        match = re.search(r"\d+(\.\d+)+", self.tag)
        if match is None:
            raise HarnessError(
                f"The tag {self.tag!r} of {self.name} has no version; correct kustomize/components/images."
            )
        return match.group()

    @property
    def folder(self) -> Path:
        """Where its Dockerfile and its other files are."""
        own = APPS / self.name
        return own if own.is_dir() else IMAGES / self.name

    @property
    def file_name(self) -> str:
        """How its archive and its log are called: two releases of one image stand side by side."""
        return f"{self.name}-{self.tag}" if self.requirements else self.name

    def files(self) -> dict[str, Path]:
        """Return the files that the build sees, by their paths in its context, sorted."""
        found = {
            str(path.relative_to(self.folder)): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }
        return found | ({REQUIREMENTS: self.requirements} if self.requirements else {})


def image_entries(component: str) -> list[dict[str, str]]:
    """Return the `images:` list of a component: name, newName and newTag of each image."""
    path = COMPONENTS / component / "kustomization.yaml"
    entries: list[dict[str, str]] = yaml.safe_load(path.read_text())["images"]
    return entries


def images_for(provider: str) -> list[Image]:
    """Return the images that a kind of cluster (`kind` or `embedded`) gets from this machine.

    These are the ones whose name begins with localhost/; all tags are in components/images.
    Raises HarnessError when one of them has no Dockerfile here.
    """
    names = {entry["name"]: entry.get("newName", entry["name"]) for entry in image_entries("images")}
    tags = {names[entry["name"]]: entry["newTag"] for entry in image_entries("images")}
    if provider == "embedded":
        renamed = {entry["name"]: entry["newName"] for entry in image_entries("built-images")}
        tags = {renamed.get(name, name): tag for name, tag in tags.items()}
    images = [Image(name.removeprefix(LOCAL), tag) for name, tag in tags.items() if name.startswith(LOCAL)]
    for image in images:
        if not (image.folder / "Dockerfile").is_file():
            raise HarnessError(
                f"The overlay needs {image.reference}, but apps/ and harness/images/ lack its Dockerfile."
            )
    return images


def official_names() -> dict[str, str]:
    """Return built -> official: the names, with tags, of images that are built here in place of others."""
    tags = {entry["name"]: entry["newTag"] for entry in image_entries("images")}
    return {
        f"{entry['newName']}:{tags[entry['name']]}": f"{entry['name']}:{tags[entry['name']]}"
        for entry in image_entries("built-images")
    }
