"""How apt, pip, uv, Go, buildah and debootstrap say that a server could not be reached."""

from __future__ import annotations

# In lower case. Each is a part of a message of one of these programs.
NETWORK_ERRORS = (
    "connection refused",
    "could not resolve",
    "couldn't download packages",
    "dial tcp",
    "dns error",
    "failed getting release file",
    "i/o timeout",
    "name or service not known",
    "network is unreachable",
    "no such host",
    "proxyconnect",
    "temporary failure in name resolution",
    "temporary failure resolving",
    "tls handshake",
)


def mentions_network_error(text: str) -> bool:
    """Say whether a log's text shows that a server could not be reached."""
    lowered = text.lower()
    return any(sign in lowered for sign in NETWORK_ERRORS)
