"""An environment that names no gateway, router or proxy, and ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from entry import addresses, listeners

ADDRESSES = ("GATEWAY_ADDRESS", "ROUTER_ADDRESS", "ROUTER_HTTP_ADDRESS", "MLFLOW_TRACKING_URI")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*ADDRESSES, *PROXIES, *(proxy.lower() for proxy in PROXIES)):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(addresses, "_addresses", {})
    listeners._first_open.cache_clear()


@pytest.fixture
def open_port() -> Iterator[int]:
    """Return a port of this machine that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def open_port_of_ipv6() -> Iterator[int]:
    """Return such a port at ::1."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """Return a port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
