"""Which container engine this machine has."""

from __future__ import annotations

import shutil

from harness.common.commands import succeeds

ENGINES = ("docker", "podman")
ENGINE_LIMIT = 20  # seconds; an engine that does not answer within them counts as absent


def find_container_engine() -> str | None:
    """Return the name of the container engine that answers, `docker` or `podman`; None without one."""
    for name in ENGINES:
        if shutil.which(name) and succeeds([name, "info"], ENGINE_LIMIT):
            return name
    return None
