"""Which proxy a request to the API server goes through, as kubectl decides it.

That is Go's golang.org/x/net/http/httpproxy, which differs from curl and from Python in three ways. Of
HTTPS_PROXY and https_proxy, and of NO_PROXY and no_proxy, the upper-case one wins; loopback addresses are
never asked through a proxy; and `example.com:6443` in NO_PROXY is about that port alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def find_proxy(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy that the environment names for a URL, None where it is asked directly."""
    parts = urlsplit(url)
    proxy = _read_either(environment, f"{parts.scheme.upper()}_PROXY")
    host, port = (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS[parts.scheme]
    if not proxy or _is_excepted(host, port, _read_either(environment, "NO_PROXY")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _read_either(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Return whether a host is asked directly: it is this machine, or NO_PROXY names it."""
    address = _parse_address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    entries = [entry for each in exceptions.lower().split(",") if (entry := each.strip())]
    return "*" in entries or any(_names(entry, host, address, port) for entry in entries)


def _names(
    entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int
) -> bool:
    """Return whether an entry of NO_PROXY names a host: as network, address, domain or domain with a port."""
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    named, named_port = _split_port(entry)
    if named_port and named_port != str(port):
        return False
    named_address = _parse_address(named)
    if address or named_address:
        return address == named_address
    domain = named[1:] if named.startswith("*.") else named
    return host.endswith(f".{domain.removeprefix('.')}") or host == domain


def _split_port(entry: str) -> tuple[str, str]:
    """Return host and port of an entry; the port is empty where it has none, as in an IPv6 address."""
    host, colon, port = entry.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    return (host, port) if colon and ":" not in host else (entry, "")


def _parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
