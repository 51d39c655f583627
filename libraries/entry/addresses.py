"""Entry points of URLs, and the addresses where their hosts are reached without a name server."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from urllib3.util import connection

from entry.entry_point import EntryError, EntryPoint

EXAMPLES = "192.0.2.7:8080 or [2001:db8::7]:8080"
DEFAULT_PORTS = {"https": 443, "http": 80}
# Where to connect for a host and port, both as they stand in URLs.
_addresses: dict[tuple[str, int], tuple[str, int]] = {}
_create_connection = connection.create_connection


def read_address(environment: Mapping[str, str], variable: str) -> tuple[str, int] | None:
    """Return host and port of an environment variable, None where it is not set."""
    given = environment.get(variable)
    if not given:
        return None
    try:
        return parse_address(given)
    except ValueError as error:
        raise EntryError(f"{variable} is {given!r}; it must be host:port, as in {EXAMPLES}.") from error


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`, where an IPv6 host stands in brackets; raises ValueError."""
    parts = urlsplit(f"//{address}")
    if not parts.hostname or parts.port is None or parts.netloc != address:
        raise ValueError(address)
    return parts.hostname, parts.port


def format_address(host: str, port: int) -> str:
    """Return `host:port`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def make_url(scheme: str, host: str, port: int | None, path: str = "") -> str:
    """Return a URL as a browser shows it: without the scheme's own port, and without a slash at its end."""
    name = f"[{host}]" if ":" in host else host
    if port not in {None, DEFAULT_PORTS[scheme]}:
        name = f"{name}:{port}"
    return f"{scheme}://{name}{path.rstrip('/')}"


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and the port that a URL names."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def entry_point_at(url: str, address: tuple[str, int]) -> EntryPoint:
    """Return the entry point of a URL whose host is reached at an address, host and port.

    From now on urllib3, and so requests and mlflow's client, connects to that address. TLS and HTTP still
    name the URL's host. (An adapter of requests would not reach mlflow's own sessions.)
    """
    host, port = host_and_port(url)
    _addresses[host, port] = address
    connection.create_connection = _connect
    _bypass_proxies(host)
    return EntryPoint(url, format_address(*address))


def _connect(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:  # noqa: ANN401
    return _create_connection(_addresses.get(address, address), *arguments, **options)


def _bypass_proxies(host: str) -> None:
    """Keep requests to the host away from a proxy that the environment names for the internet.

    A variable that is not set stays so where the other one is: the lower-case one would hide it.
    """
    variables = [name for name in ("NO_PROXY", "no_proxy") if os.environ.get(name)] or ["NO_PROXY"]
    for variable in variables:
        bypassed = [entry.strip() for entry in os.environ.get(variable, "").split(",")]
        if not {host, "*"} & set(bypassed):
            os.environ[variable] = ",".join(filter(None, [*bypassed, host]))
