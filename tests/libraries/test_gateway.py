"""The gateway is found where the user says, else where its status says, else on this machine."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from entry import gateway as gateway_library
from entry.entry_point import EntryPoint
from entry.gateway import Gateway, GatewayError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GATEWAY_ADDRESS", "ROUTER_ADDRESS", "ROUTER_HTTP_ADDRESS"):
        monkeypatch.delenv(variable, raising=False)
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


HOST = "mlflow.apps.example.test"


def admitted_route(host: str = HOST, **status: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "kind": "Route",
        "metadata": {"namespace": "system", "name": "mlflow", "generation": 1},
        "spec": {"tls": {"termination": "edge"}} | ({"host": host} if host else {}),
        "status": status,
    }


def test_an_openshift_route_is_reached_by_its_own_name() -> None:
    gateway, route = Gateway(), admitted_route()
    assert gateway.entry_point_of_openshift_route(route) == EntryPoint(f"https://{HOST}")
    assert gateway.plain_entry_point_of_openshift_route(route) == EntryPoint(f"http://{HOST}")
    del route["spec"]["tls"]
    assert gateway.entry_point_of_openshift_route(route) == EntryPoint(f"http://{HOST}")


def test_an_openshift_route_without_a_host_says_so() -> None:
    with pytest.raises(GatewayError, match="Route system/mlflow has no host yet"):
        Gateway().entry_point_of_openshift_route(admitted_route(host=""))


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Serve https for HOST at an address that its name does not resolve to; trust its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"host {self.headers['Host']}".encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("ROUTER_ADDRESS", address)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(gateway_library, "_PINS", {})
    yield address
    server.shutdown()
    server.server_close()


def test_a_host_that_does_not_resolve_is_reached_at_the_router_s_address(router: str) -> None:
    entry = Gateway().entry_point_of_openshift_route(admitted_route())
    assert entry == EntryPoint(f"https://{HOST}", address=router)
    assert str(entry) == f"https://{HOST} (at {router})"
    assert requests.get(f"{entry.url}/x", headers=entry.headers, timeout=5).text == f"host {HOST}"
    Gateway().certificate_should_be_trusted(entry)


def test_other_hosts_are_not_taken_to_the_router(router: str, closed_port: int) -> None:
    assert Gateway().entry_point_of_openshift_route(admitted_route()).address == router
    with pytest.raises(requests.ConnectionError):
        requests.get(f"https://localhost:{closed_port}/", timeout=5)


def test_a_certificate_of_an_unknown_authority_is_told(router: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Gateway().entry_point_of_openshift_route(admitted_route())
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    said = rf"certificate at https://{HOST} \(at {router}\) is not trusted \(.*REQUESTS_CA_BUNDLE"
    with pytest.raises(GatewayError, match=said):
        Gateway().certificate_should_be_trusted(entry)


def test_a_certificate_for_another_host_is_told(router: str) -> None:
    entry = Gateway().entry_point_of_openshift_route(admitted_route("phoenix.apps.example.test"))
    assert entry.address == router
    with pytest.raises(GatewayError, match=r"is not trusted .*Hostname mismatch"):
        Gateway().certificate_should_be_trusted(entry)


def test_a_router_that_does_not_answer_is_told(
    router: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert router
    monkeypatch.setenv("ROUTER_ADDRESS", f"127.0.0.1:{closed_port}")
    entry = Gateway().entry_point_of_openshift_route(admitted_route())
    with pytest.raises(
        GatewayError, match="Connection refused; where its name does not resolve, set ROUTER_"
    ):
        Gateway().certificate_should_be_trusted(entry)


def admission(status: str, host: str = HOST, **more: str) -> dict[str, Any]:
    condition = {"type": "Admitted", "status": status} | more
    return {"routerName": "default", "host": host, "conditions": [condition]}


@pytest.mark.parametrize(
    ("entries", "problems"),
    [
        ([admission("True")], []),
        ([], ["no router has taken it up"]),
        (
            [admission("False", reason="HostAlreadyClaimed", message="route a already exposes it")],
            ["router default: Admitted is False, HostAlreadyClaimed: route a already exposes it"],
        ),
        ([admission("True", "old.test")], [f"router default: serves old.test, not {HOST}"]),
        ([{"routerName": "default", "host": HOST}], ["router default: Admitted is not reported"]),
    ],
)
def test_an_openshift_route_stands_when_its_router_admits_it(
    entries: list[dict[str, Any]], problems: list[str]
) -> None:
    assert Gateway().route_problems(admitted_route(ingress=entries)) == problems


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
    assert Gateway().route_problems(route) == ["no gateway has taken it up"]


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
