"""HTTP requests to servers of this machine."""

from __future__ import annotations

import requests


def local_session() -> requests.Session:
    """Return a session that asks no proxy, whatever the environment names."""
    session = requests.Session()
    session.trust_env = False
    return session
