"""Command line: python -m harness.images [--list | --lock | --no-load] [NAME...]."""

from __future__ import annotations

import argparse
import sys

from harness.cluster.settings import Folders
from harness.common.errors import reports_errors
from harness.common.progress import say
from harness.images.catalog import images_for
from harness.images.loading import build_and_load, choose_images, image_provider, make_builder
from harness.images.requirements import write_requirements


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m harness.images",
        description="Build, and load into the cluster, the images that its overlay wants from this machine.",
    )
    top.add_argument(
        "names", nargs="*", metavar="NAME", help="images by name (default: all that the cluster needs)"
    )
    top.add_argument(
        "--load", action=argparse.BooleanOptionalAction, default=True, help="load them into the cluster"
    )
    top.add_argument("--list", action="store_true", help="only say which there are, and which are built")
    top.add_argument(
        "--lock", action="store_true", help="only resolve their Python packages anew (requirements.txt)"
    )
    return top


def run(options: argparse.Namespace, folders: Folders) -> None:
    """Do what the command line says.

    Raises HarnessError with what a user should do when it cannot be done.
    """
    if options.load and not options.list and not options.lock:
        build_and_load(folders, options.names)
        return
    provider = image_provider(folders)
    images = choose_images(images_for(provider), options.names)
    if options.lock:
        for image in images:
            write_requirements(image)
        return
    builder = make_builder(folders, provider)
    if options.list:
        for image in images:
            archive = builder.archive(image)
            say(f"{image.reference}  {archive if archive.exists() else 'not built'}")
    else:
        builder.build_all(images)


@reports_errors
def main(arguments: list[str] | None = None) -> int:
    """Run a command line; return the exit code."""
    options = parser().parse_args(arguments)
    run(options, Folders.from_environment())
    return 0


if __name__ == "__main__":
    sys.exit(main())
