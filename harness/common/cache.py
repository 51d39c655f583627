"""The folder that keeps what was downloaded and compiled; removing the cluster does not remove it."""

from __future__ import annotations

import os
from pathlib import Path

from harness.common.errors import HarnessError


def cache_folder() -> Path:
    """Return EMBEDDED_CLUSTER_CACHE, or the default: one folder for all that the harness keeps."""
    default = "/var/cache/embedded-cluster" if os.geteuid() == 0 else "~/.cache/embedded-cluster"
    return folder_from("EMBEDDED_CLUSTER_CACHE", default)


def folder_from(variable: str, default: str) -> Path:
    """Return the folder that an environment variable names, or the default; `~` is somebody's home.

    Raises HarnessError for the home of a user that there is not.
    """
    path = os.environ.get(variable) or default
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise HarnessError(f"There is no home folder for {path}: name another one in {variable}.") from error
