"""Entry points of URLs, and the addresses where their hosts are reached without a name server."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from robot.api.deco import keyword, library
from robot.api.types import Secret
from urllib3.util import connection

from entry.entry_point import EntryError, EntryPoint, Login, RequestLogin

TRACKING_URI = "MLFLOW_TRACKING_URI"  # as mlflow's own client has it
DEFAULT_PORTS = {"https": 443, "http": 80}
# Where to connect for a host and port, both as they stand in URLs.
_addresses: dict[tuple[str, int], tuple[str, int]] = {}
_create_connection = connection.create_connection


@library(scope="GLOBAL")
class Addresses:
    """Makes entry points of URLs, and others of entry points."""

    @keyword
    def get_entry_point_from_environment(self) -> EntryPoint | None:
        """Return the MLflow that MLFLOW_TRACKING_URI names, None where it is not set.

        A login in the URL becomes the entry point's: messages show the URL. Raises EntryError where the
        variable is not the URL of a server.
        """
        given = os.environ.get(TRACKING_URI)
        if not given:
            return None
        parts = urlsplit(given)
        server = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise EntryError(
                f"{TRACKING_URI} is {server!r}; it must be the URL of a server, as in http://192.0.2.7:5000."
            )
        login = None
        if parts.username and parts.password:
            login = Login(unquote(parts.username), Secret(unquote(parts.password)))
        return EntryPoint(server.rstrip("/"), login=login)

    @keyword
    def get_entry_point_of_address(self, address: str) -> EntryPoint:
        """Return how to reach `host:port` by plain HTTP, without a host name."""
        return entry_point_at(f"http://{address}", parse_address(address))

    @keyword
    def get_entry_point_with_login(self, entry: EntryPoint, login: RequestLogin | None) -> EntryPoint:
        """Return the same entry point, asked with another login from now on, or without one."""
        return replace(entry, login=login)

    @keyword
    def get_entry_point_with_host(self, entry: EntryPoint, hostname: str) -> EntryPoint:
        """Return an entry point that connects to where `entry` does and asks there for another host name."""
        scheme, (host, port) = urlsplit(entry.url).scheme, host_and_port(entry.url)
        address = parse_address(entry.address) if entry.address else (host, port)
        return entry_point_at(f"{scheme}://{format_address(hostname, port)}", address)


def read_address(environment: Mapping[str, str], variable: str) -> tuple[str, int] | None:
    """Return host and port of an environment variable, None where it is not set."""
    given = environment.get(variable)
    if not given:
        return None
    try:
        return parse_address(given)
    except ValueError as error:
        raise EntryError(f"{variable} is {given!r}; it must be host:port, as in 192.0.2.7:8080.") from error


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`, where an IPv6 host stands in brackets; raises ValueError."""
    parts = urlsplit(f"//{address}")
    if not parts.hostname or parts.port is None or parts.netloc != address:
        raise ValueError(address)
    return parts.hostname, parts.port


def format_address(host: str, port: int) -> str:
    """Return `host:port`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
    """Keep requests to the host away from a proxy that the environment names for the internet."""
    for variable in ("NO_PROXY", "no_proxy"):
        bypassed = os.environ.get(variable, "")
        if host not in bypassed.split(","):
            os.environ[variable] = f"{bypassed},{host}".strip(",")
