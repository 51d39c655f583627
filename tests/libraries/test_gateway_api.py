"""The gateway is found where the user says, else where its status says, else on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from entry.addresses import Addresses
from entry.entry_point import EntryError, EntryPoint
from entry.gateway_api import GatewayApi
from entry.http_requests import send_request
from tests.libraries.echo import echo_server

HOST = "mlflow.localtest.me"


def gateway(address: str, port: int) -> dict[str, Any]:
    return {
        "spec": {"listeners": [{"name": "other", "port": 1}, {"name": "http", "port": port}]},
        "status": {"addresses": [{"type": "IPAddress", "value": address}]},
    }


def find(found: dict[str, Any] | None, port: int) -> str:
    return GatewayApi().find_gateway_address(found, "http", port)


def test_the_status_has_the_address_and_the_listener_the_port(open_port: int) -> None:
    assert find(gateway("127.0.0.1", open_port), 1) == f"127.0.0.1:{open_port}"


def test_this_machine_is_the_last_address(open_port: int) -> None:
    assert find(None, open_port) == f"127.0.0.1:{open_port}"


def test_the_users_address_is_the_only_one_tried(
    monkeypatch: pytest.MonkeyPatch, open_port: int, closed_port: int
) -> None:
    monkeypatch.setenv("GATEWAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(EntryError, match=f"tried 127.0.0.1:{closed_port} from GATEWAY_ADDRESS") as raised:
        find(gateway("127.0.0.1", open_port), open_port)
    assert str(open_port) not in str(raised.value)


def test_every_address_that_was_tried_is_named_with_its_failure(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EntryError) as raised:
        find(gateway("127.0.0.2", closed_port), closed_port)
    assert f"127.0.0.2:{closed_port} from the Gateway's status (connection refused)" in str(raised.value)
    assert f"127.0.0.1:{closed_port} from this machine (connection refused)" in str(raised.value)
    monkeypatch.setenv("GATEWAY_ADDRESS", "no-such-name.invalid:80")
    with pytest.raises(EntryError, match=r"from GATEWAY_ADDRESS \(its host name does not resolve"):
        find(None, closed_port)


@pytest.fixture
def web_server() -> Iterator[str]:
    with echo_server() as address:
        yield address


def test_an_http_route_is_reached_at_the_gateway_by_its_host_name(
    web_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    port = web_server.rpartition(":")[2]
    entry = GatewayApi().entry_point_of_http_route({"spec": {"hostnames": [HOST]}}, web_server)
    assert entry == EntryPoint(f"http://{HOST}:{port}", web_server)
    assert str(entry) == f"http://{HOST}:{port} (at {web_server})"
    assert send_request(entry, "GET", "/", 5).text == f"{HOST}:{port}"
    other = Addresses().get_entry_point_with_host(entry, "unknown.example")
    assert send_request(other, "GET", "/", 5).text == f"unknown.example:{port}"


def test_an_http_route_without_host_names_is_reached_by_the_address(web_server: str) -> None:
    entry = GatewayApi().entry_point_of_http_route({"spec": {}}, web_server)
    assert send_request(entry, "GET", "/", 5).text == web_server


def test_a_gateway_is_ready_when_accepted_and_programmed() -> None:
    accepted, programmed = ({"type": name, "status": "True"} for name in ("Accepted", "Programmed"))
    found = {"metadata": {"generation": 1}, "status": {"conditions": [accepted, programmed]}}
    assert GatewayApi().find_gateway_problems(found) == []
    found["status"] = {"conditions": [accepted]}
    assert GatewayApi().find_gateway_problems(found) == ["Gateway: Programmed is not reported"]
