"""Which container engine this machine has."""

from __future__ import annotations

import contextlib
import shutil

from harness.common.commands import read_output, succeeds
from harness.common.errors import HarnessError

ENGINES = ("docker", "podman")
ENGINE_LIMIT = 20  # seconds; an engine that does not answer within them counts as absent


def find_container_engine() -> str | None:
    """Return the name of the container engine that answers, `docker` or `podman`; None without one.

    Which one `docker` asks is its own affair: DOCKER_HOST, a context, a rootless engine.
    """
    for name in ENGINES:
        if shutil.which(name) and succeeds([name, "info"], ENGINE_LIMIT):
            return "podman" if _is_podman(name) else name
    return None


def _is_podman(program: str) -> bool:
    """Say whether a program is Podman: the package podman-docker calls it `docker`, which kind rejects."""
    with contextlib.suppress(HarnessError):
        return read_output([program, "--version"], "no version", limit=ENGINE_LIMIT).startswith("podman")
    return False
