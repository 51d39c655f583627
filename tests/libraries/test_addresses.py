"""Addresses that the user gives are read, and what is none is named; URLs are made as browsers show them."""

from __future__ import annotations

import os
import socket
import threading
from http.server import ThreadingHTTPServer

import pytest
import requests
from requests.utils import get_environ_proxies

from entry.addresses import entry_point_at, make_url, parse_address, read_address
from entry.entry_point import EntryError
from tests.libraries.echo import Echo


@pytest.mark.parametrize(
    "given", ["localhost", "8080", ":8080", "host:", "host:port", "http://host:80", "a:1/x", "::1:8080"]
)
def test_what_is_no_address_is_named(given: str) -> None:
    with pytest.raises(EntryError, match=r"GATEWAY_ADDRESS is .* must be host:port"):
        read_address({"GATEWAY_ADDRESS": given}, "GATEWAY_ADDRESS")


def test_an_address_has_a_host_and_a_port() -> None:
    assert read_address({}, "GATEWAY_ADDRESS") is None
    assert parse_address("192.0.2.7:8080") == ("192.0.2.7", 8080)
    assert parse_address("[2001:db8::7]:8080") == ("2001:db8::7", 8080)
    assert entry_point_at("http://mlflow.example", ("2001:db8::7", 80)).address == "[2001:db8::7]:80"


@pytest.mark.parametrize(
    ("scheme", "host", "port", "path", "url"),
    [
        ("http", "mlflow.example", 80, "", "http://mlflow.example"),
        ("https", "mlflow.example", 443, "/mlflow/", "https://mlflow.example/mlflow"),
        ("http", "mlflow.example", 443, "/", "http://mlflow.example:443"),
        ("https", "mlflow.example", None, "", "https://mlflow.example"),
        ("http", "::1", 8080, "", "http://[::1]:8080"),
        ("http", "::1", 80, "", "http://[::1]"),
    ],
)
def test_a_url_has_no_port_of_its_scheme_and_no_slash_at_its_end(
    scheme: str, host: str, port: int | None, path: str, url: str
) -> None:
    assert make_url(scheme, host, port, path) == url


def test_a_host_at_an_address_bypasses_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    for _ in range(2):
        entry_point_at("http://mlflow.example", ("192.0.2.7", 80))
    assert os.environ["NO_PROXY"] == "mlflow.example"
    assert get_environ_proxies("http://mlflow.example/x") == {}


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["example.org", "example.org, example.com", "*"])
def test_what_the_user_excepts_from_the_proxy_stays_excepted(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, value)
    entry_point_at("http://mlflow.example", ("192.0.2.7", 80))
    for host in ("mlflow.example", "example.org"):
        assert get_environ_proxies(f"http://{host}/x") == {}
    assert bool(get_environ_proxies("http://example.net/x")) == (value != "*")


class _ServerOfIpv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@pytest.mark.parametrize("host", ["mlflow.example", "::1"])
def test_an_address_of_ipv6_is_reached_by_a_name_and_by_itself(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with _ServerOfIpv6(("::1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        entry = entry_point_at(make_url("http", host, server.server_port), ("::1", server.server_port))
        assert entry.address == f"[::1]:{server.server_port}"
        assert requests.get(entry.url, timeout=5).text == entry.url.removeprefix("http://")
        server.shutdown()
