"""The folder that keeps what was downloaded and compiled; removing the cluster does not remove it."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return EMBEDDED_CLUSTER_CACHE, or the default: one folder for all that the harness keeps."""
    default = "/var/cache/embedded-cluster" if os.geteuid() == 0 else "~/.cache/embedded-cluster"
    return Path(os.environ.get("EMBEDDED_CLUSTER_CACHE") or default).expanduser().absolute()
