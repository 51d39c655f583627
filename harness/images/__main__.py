"""Command line: python -m harness.images [--list | --lock | --no-load] [NAME...]."""

from __future__ import annotations

import argparse
import subprocess
import sys

from harness.images.builds import Builder, cache_folder
from harness.images.catalog import ROOT, Image, images_for
from harness.images.engines import Buildah, running_engine
from harness.images.errors import ImageError
from harness.images.locks import write_lock


def cluster_provider() -> str:
    """Return which kind of cluster this machine has or would make: `kind` or `embedded`."""
    command = [sys.executable, "-m", "harness.cluster", "provider"]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if result.returncode:
        raise ImageError(result.stderr.strip() or "python -m harness.cluster provider failed")
    return result.stdout.strip()


def make_builder(provider: str) -> Builder:
    """Return the builder for a kind of cluster. Raises ImageError when kind's engine does not run."""
    cache = cache_folder()
    if provider == "embedded":
        return Builder(Buildah(cache / "images"), cache)
    engine = running_engine()
    if engine is None:
        raise ImageError("the kind cluster needs a running Docker or Podman: start one of them")
    return Builder(engine, cache)


def chosen(images: list[Image], names: list[str]) -> list[Image]:
    """Return the images with these names, or all for none. Raises ImageError for an unknown name."""
    known = {image.name: image for image in images}
    for name in names:
        if name not in known:
            raise ImageError(f"{name!r} is not built for this cluster; choose from: {', '.join(known)}")
    return [known[name] for name in names] or images


def main() -> int:
    """Build, and load into the cluster, the images that its overlay wants from this machine."""
    parser = argparse.ArgumentParser(prog="tox -e images --", description=main.__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="images by name (default: all that the cluster needs)"
    )
    parser.add_argument(
        "--load", action=argparse.BooleanOptionalAction, default=True, help="load them into the cluster"
    )
    parser.add_argument("--list", action="store_true", help="only say which there are, and which are built")
    parser.add_argument(
        "--lock", action="store_true", help="only resolve their Python packages anew (requirements.txt)"
    )
    arguments = parser.parse_args()
    try:
        provider = cluster_provider()
        images = chosen(images_for(provider), arguments.names)
        builder = make_builder(provider)
        if arguments.list:
            for image in images:
                archive = builder.archive(image)
                print(f"{image.reference}  {archive if archive.exists() else 'not built'}")
        elif arguments.lock:
            for image in images:
                write_lock(image)
        else:
            archives = builder.build_all(images)
            if arguments.load:
                load = [sys.executable, "-m", "harness.cluster", "load", *map(str, archives)]
                return subprocess.run(load, cwd=ROOT, check=False).returncode
    except ImageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
