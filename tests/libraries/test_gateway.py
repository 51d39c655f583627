"""The gateway is found where the user says, else where its status says, else on this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gateway import EntryPoint, Gateway, GatewayError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_ADDRESS", raising=False)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def gateway(address: str, port: int) -> dict[str, Any]:
    return {
        "spec": {"listeners": [{"name": "other", "port": 1}, {"name": "http", "port": port}]},
        "status": {"addresses": [{"type": "IPAddress", "value": address}]},
    }


def test_takes_the_address_of_the_status_with_the_listeners_port(open_port: int) -> None:
    assert Gateway().find_gateway(gateway("127.0.0.1", open_port), "http", 1) == f"127.0.0.1:{open_port}"


def test_falls_back_to_this_machine(open_port: int) -> None:
    assert Gateway().find_gateway(None, "http", open_port) == f"127.0.0.1:{open_port}"


def test_the_users_address_is_the_only_one_tried(
    monkeypatch: pytest.MonkeyPatch, open_port: int, closed_port: int
) -> None:
    monkeypatch.setenv("GATEWAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(GatewayError, match=f"tried 127.0.0.1:{closed_port} from GATEWAY_ADDRESS") as raised:
        Gateway().find_gateway(gateway("127.0.0.1", open_port), "http", open_port)
    assert str(open_port) not in str(raised.value)


def test_says_how_the_users_address_must_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ADDRESS", "localhost")
    with pytest.raises(GatewayError, match="must be host:port"):
        Gateway().find_gateway(None, "http", 8080)


def test_names_every_place_that_was_tried(closed_port: int) -> None:
    with pytest.raises(GatewayError) as raised:
        Gateway().find_gateway(gateway("127.0.0.2", closed_port), "http", closed_port)
    message = str(raised.value)
    assert f"127.0.0.2:{closed_port} from the Gateway's status (Connection refused)" in message
    assert f"127.0.0.1:{closed_port} from this machine (Connection refused)" in message


def test_requests_to_the_gateway_spare_a_proxy(monkeypatch: pytest.MonkeyPatch, open_port: int) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    Gateway().find_gateway(None, "http", open_port)
    assert os.environ["NO_PROXY"] == "example.org,127.0.0.1"


def test_an_http_route_is_reached_at_the_gateway_by_its_host_name() -> None:
    route = {"kind": "HTTPRoute", "spec": {"hostnames": ["mlflow.localtest.me"]}}
    entry = Gateway().entry_point_of_route(route, "192.0.2.7:8080")
    assert entry == EntryPoint("http://192.0.2.7:8080", "mlflow.localtest.me:8080")
    assert entry.headers == {"Host": "mlflow.localtest.me:8080"}
    assert str(entry) == "http://mlflow.localtest.me:8080 (at http://192.0.2.7:8080)"


def test_an_openshift_route_is_reached_by_its_own_name() -> None:
    route = {"kind": "Route", "spec": {"host": "mlflow.apps.example.org", "tls": {"termination": "edge"}}}
    assert Gateway().entry_point_of_openshift_route(route) == EntryPoint("https://mlflow.apps.example.org")


def http_route(*conditions: dict[str, Any]) -> dict[str, Any]:
    parent = {"parentRef": {"name": "http"}, "conditions": list(conditions)}
    return {"kind": "HTTPRoute", "metadata": {"generation": 2}, "status": {"parents": [parent]}}


ACCEPTED = {"type": "Accepted", "status": "True", "observedGeneration": 2}


def test_a_route_stands_when_accepted_and_resolved() -> None:
    resolved = {"type": "ResolvedRefs", "status": "True", "observedGeneration": 2}
    assert Gateway().route_problems(http_route(ACCEPTED, resolved)) == []


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (
            {
                "type": "ResolvedRefs",
                "status": "False",
                "reason": "BackendNotFound",
                "message": "no service mlflow",
            },
            "Gateway http: ResolvedRefs is False, BackendNotFound: no service mlflow",
        ),
        (
            {"type": "ResolvedRefs", "status": "True", "observedGeneration": 1},
            "Gateway http: ResolvedRefs is about an older generation",
        ),
        ({"type": "Programmed", "status": "True"}, "Gateway http: ResolvedRefs is not reported"),
    ],
)
def test_a_route_that_does_not_stand_says_why(condition: dict[str, Any], problem: str) -> None:
    assert Gateway().route_problems(http_route(ACCEPTED, condition)) == [problem]


def test_a_route_that_no_gateway_took_up_says_so() -> None:
    route = {"kind": "HTTPRoute", "metadata": {"generation": 1}, "status": {"parents": []}}
    assert Gateway().route_problems(route) == ["no gateway has taken it up: its status names no parent"]


def route_to(name: str, *backends: dict[str, Any], namespace: str = "kagenti-system") -> dict[str, Any]:
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"rules": [{"backendRefs": [backend]} for backend in backends]},
    }


def openshift_route(name: str, service: str) -> dict[str, Any]:
    return {
        "kind": "Route",
        "metadata": {"name": name, "namespace": "kagenti-system"},
        "spec": {"to": {"kind": "Service", "name": service}},
    }


def test_a_route_is_found_by_the_service_behind_it() -> None:
    routes = [
        route_to("mlflow", {"name": "phoenix"}),
        route_to("ui", {"name": "other"}, {"name": "mlflow"}),
        route_to("elsewhere", {"name": "mlflow"}, namespace="team1"),
        route_to("bucket", {"name": "mlflow", "kind": "ServiceImport"}),
    ]
    found = Gateway().find_route_to(routes, "kagenti-system", "mlflow")
    assert found
    assert found["metadata"]["name"] == "ui"
    across = route_to("across", {"name": "mlflow", "namespace": "kagenti-system"}, namespace="team1")
    assert Gateway().find_route_to([across], "kagenti-system", "mlflow") == across
    assert Gateway().find_route_to(routes, "kagenti-system", "model") is None
    assert Gateway().find_route_to([openshift_route("ui", "mlflow")], "kagenti-system", "mlflow")


def test_two_routes_to_one_service_are_named() -> None:
    routes = [route_to("old", {"name": "mlflow"}), route_to("new", {"name": "mlflow"})]
    with pytest.raises(GatewayError, match="HTTPRoute kagenti-system/old and HTTPRoute kagenti-system/new"):
        Gateway().find_route_to(routes, "kagenti-system", "mlflow")
