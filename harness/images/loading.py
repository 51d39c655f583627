"""Builds the images that the cluster needs from this machine, and loads them into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError
from harness.images.builds import ImageBuilder
from harness.images.catalog import Image, images_for, official_names
from harness.images.engines import Buildah, find_engine


def build_and_load(folders: Folders, names: Sequence[str] = ()) -> set[str]:
    """Build images by their names, by default all, and load them into the cluster.

    Returns the references of those that were not there, such as `localhost/mlflow:v3.17.2-full`: an image
    of the same tag with other content counts.
    Raises HarnessError when there is no cluster, or an image cannot be built or loaded.
    """
    return load_images(folders, choose_images(images_for(image_provider(folders)), names))


def image_provider(folders: Folders) -> str:
    """Return `kind` where the cluster pulls the official images, and `embedded` where all are built here."""
    return "kind" if lifecycle.pulls_images(folders) else "embedded"


def load_images(folders: Folders, images: list[Image]) -> set[str]:
    """Build these images and load them into the cluster; see build_and_load.

    A kind cluster that cannot pull gets those that are built in place of official ones under both names, so
    that its overlay is the same as everywhere.
    """
    provider = image_provider(folders)
    new = lifecycle.load(folders, make_builder(folders, provider).build_all(images))
    if provider == lifecycle.provider(folders):
        return new
    loaded = {image.reference for image in images}
    names = {built: official for built, official in official_names().items() if built in loaded}
    lifecycle.name_images(folders, names)
    return new | {official for built, official in names.items() if built in new}


def choose_images(images: list[Image], names: Iterable[str]) -> list[Image]:
    """Return the images with these names, or all for none. Raises HarnessError for an unknown name."""
    known = {image.name: image for image in images}
    if unknown := [name for name in names if name not in known]:
        raise HarnessError(f"{unknown[0]!r} is not built for this cluster; choose from: {', '.join(known)}.")
    return [known[name] for name in names] or images


def make_builder(folders: Folders, provider: str) -> ImageBuilder:
    """Return the builder for a kind of cluster, `kind` or `embedded`.

    Raises HarnessError when kind's container engine does not run.
    """
    if provider == "embedded":
        return ImageBuilder(Buildah(folders.cache / "images"), folders.cache)
    engine = find_engine()
    if engine is None:
        raise HarnessError("The kind cluster needs a running Docker or Podman; start one of them.")
    return ImageBuilder(engine, folders.cache)
