"""An HTTPRoute is reached at the listeners of its Gateways, where the user or their status says they are."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from entry.entry_point import EntryError, EntryPoint
from entry.gateway_api import GatewayApi, common_host, http_route_prefix
from entry.http_requests import send_request
from tests.libraries.echo import echo_server

HOST = "mlflow.localtest.me"
PLACE = {"namespace": "system", "service": "mlflow"}
BACKEND = {"name": "mlflow", "port": 5000}


def gateway(*entries: dict[str, Any], addresses: tuple[str, ...] = (), name: str = "http") -> dict[str, Any]:
    return {
        "metadata": {"namespace": "gateways", "name": name, "generation": 1},
        "spec": {"listeners": list(entries)},
        "status": {"addresses": [{"type": "IPAddress", "value": value} for value in addresses]},
    }


def listener(name: str, port: int, protocol: str = "HTTP", **more: str) -> dict[str, Any]:
    return {"name": name, "port": port, "protocol": protocol} | more


def parent(name: str = "http", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a reference
    return {"namespace": "gateways", "name": name} | more


def route(*hosts: str, parents: tuple[dict[str, Any], ...] = (parent(),)) -> dict[str, Any]:
    return {
        "kind": "HTTPRoute",
        "metadata": {"namespace": "system", "name": "mlflow"},
        "spec": {"parentRefs": list(parents), "rules": [{"backendRefs": [BACKEND]}]}
        | ({"hostnames": list(hosts)} if hosts else {}),
    }


def reported(reference: dict[str, Any], accepted: str) -> dict[str, Any]:
    conditions = [{"type": name, "status": accepted} for name in ("Accepted", "ResolvedRefs")]
    return {"parentRef": reference, "conditions": conditions}


def find(found: dict[str, Any], *gateways: dict[str, Any], own_port: int = 1) -> EntryPoint:
    entry: EntryPoint = GatewayApi().entry_point_of_http_route(found, gateways, PLACE, own_port)
    return entry


@pytest.fixture
def web_server() -> Iterator[int]:
    with echo_server() as address:
        yield int(address.rpartition(":")[2])


def test_the_status_has_the_address_and_the_listener_the_port(
    web_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    entry = find(route(HOST), gateway(listener("web", web_server), addresses=("127.0.0.1",)))
    assert entry == EntryPoint(f"http://{HOST}:{web_server}", f"127.0.0.1:{web_server}")
    assert str(entry) == f"http://{HOST}:{web_server} (at 127.0.0.1:{web_server})"
    assert send_request(entry, "GET", "/", 5).text == f"{HOST}:{web_server}"


def test_an_address_of_ipv6_stands_in_brackets(open_port_of_ipv6: int) -> None:
    found = gateway(listener("web", open_port_of_ipv6), addresses=("::1",))
    assert find(route(HOST), found).address == f"[::1]:{open_port_of_ipv6}"
    assert find(route(), found) == EntryPoint(
        f"http://[::1]:{open_port_of_ipv6}", f"[::1]:{open_port_of_ipv6}"
    )


@pytest.mark.parametrize(("protocol", "port", "url"), [("HTTP", 80, "http"), ("HTTPS", 443, "https")])
def test_a_usual_port_does_not_stand_in_the_url(
    protocol: str, port: int, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = connect_anywhere(monkeypatch)
    found = gateway(listener("web", port, protocol), addresses=("192.0.2.7",))
    assert find(route(HOST), found) == EntryPoint(f"{url}://{HOST}", f"192.0.2.7:{port}")
    assert tried == [("192.0.2.7", port)]


def connect_anywhere(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Let every connection open; return the list that gets the addresses."""
    tried: list[tuple[str, int]] = []

    class Connection:
        def close(self) -> None:
            """Do nothing."""

    def connect(address: tuple[str, int], **_: object) -> Connection:
        tried.append(address)
        return Connection()

    monkeypatch.setattr("socket.create_connection", connect)
    return tried


def test_https_is_asked_over_tls_with_the_name_of_the_route(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with echo_server(context) as address:
        port = int(address.rpartition(":")[2])
        entry = find(route(HOST), gateway(listener("web", port, "HTTPS"), addresses=("127.0.0.1",)))
        assert entry.url == f"https://{HOST}:{port}"
        assert send_request(entry, "GET", "/", 5).text == f"{HOST}:{port}"


BOTH = (listener("plain", 80), listener("secure", 443, "HTTPS"))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, f"https://{HOST}"),
        ("192.0.2.9:80", f"http://{HOST}"),
        ("192.0.2.9:443", f"https://{HOST}"),
        ("192.0.2.9:30443", f"https://{HOST}:30443"),
        ("192.0.2.9:8080", f"http://{HOST}:8080"),
        ("[2001:db8::1]:8080", f"http://{HOST}:8080"),
    ],
)
def test_https_comes_first_unless_the_users_address_is_a_port_for_http(
    given: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_anywhere(monkeypatch)
    if given:
        monkeypatch.setenv("GATEWAY_ADDRESS", given)
    entry = find(route(HOST), gateway(*BOTH, addresses=("192.0.2.7",)))
    assert entry == EntryPoint(url, given or "192.0.2.7:443")


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ({"sectionName": "plain"}, f"http://{HOST}"),
        ({"port": 80}, f"http://{HOST}"),
        ({"sectionName": "secure", "port": 443}, f"https://{HOST}"),
    ],
)
def test_a_route_may_name_the_listener(
    reference: dict[str, Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_anywhere(monkeypatch)
    found = route(HOST, parents=(parent(**reference),))
    assert find(found, gateway(*BOTH, addresses=("192.0.2.7",))).url == url


def test_only_a_gateway_that_accepted_the_route_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_anywhere(monkeypatch)
    found = route(HOST, parents=(parent("old"), parent("new"), parent("mlflow", kind="Service")))
    mesh = reported(parent("mlflow", kind="Service"), "True")
    found["status"] = {"parents": [reported(parent("old"), "False"), mesh, reported(parent("new"), "True")]}
    stray = route(HOST, parents=(parent("gone"),))
    assert GatewayApi().gateways_of_http_routes(stray, found) == [{"namespace": "gateways", "name": "new"}]
    assert GatewayApi().gateways_of_http_routes(stray) == [{"namespace": "gateways", "name": "gone"}]
    old = gateway(listener("web", 80), addresses=("192.0.2.1",), name="old")
    new = gateway(listener("web", 80), addresses=("192.0.2.2",), name="new")
    assert find(found, old, new).address == "192.0.2.2:80"
    found["status"] = {"parents": [reported(parent("old"), "False")]}
    assert GatewayApi().gateways_of_http_routes(found) == [
        {"namespace": "gateways", "name": "old"},
        {"namespace": "gateways", "name": "new"},
    ]


@pytest.mark.parametrize(
    ("of_listener", "of_route", "common"),
    [
        (None, [], ""),
        (None, ["a.example"], "a.example"),
        ("a.example", [], "a.example"),
        ("*.example", [], "*.example"),
        ("*.example", ["a.example"], "a.example"),
        ("*.example", ["a.b.example"], "a.b.example"),
        ("a.example", ["*.example"], "a.example"),
        ("*.example", ["*.a.example"], "*.a.example"),
        ("*.a.example", ["*.example"], "*.a.example"),
        ("*.example", ["example"], None),
        ("*.example", ["a.test", "a.example"], "a.example"),
        (None, ["*.example", "a.example"], "a.example"),
        ("a.example", ["b.example"], None),
    ],
)
def test_a_host_name_is_one_that_listener_and_route_have_in_common(
    of_listener: str | None, of_route: list[str], common: str | None
) -> None:
    assert common_host(of_listener, of_route) == common


def test_below_a_wildcard_the_name_is_that_of_the_service(web_server: int) -> None:
    found = gateway(listener("web", web_server, hostname="*.apps.example"), addresses=("127.0.0.1",))
    assert find(route(), found).url == f"http://mlflow.apps.example:{web_server}"
    assert find(route("ui.apps.example", "*.example"), found).url == f"http://ui.apps.example:{web_server}"


def test_a_route_for_every_host_is_reached_by_the_address(web_server: int) -> None:
    found = gateway(listener("web", web_server), addresses=("127.0.0.1",))
    entry = find(route(), found)
    assert send_request(entry, "GET", "/", 5).text == f"127.0.0.1:{web_server}"
    assert GatewayApi().http_routes_for_every_host([route(), route(HOST)], [found]) == [
        "HTTPRoute system/mlflow"
    ]


def test_a_route_that_no_listener_takes_is_named() -> None:
    found = gateway(listener("tls", 443, "TLS"), listener("other", 80, hostname="a.example"))
    with pytest.raises(
        EntryError, match="No HTTP or HTTPS listener of Gateway gateways/http takes HTTPRoute"
    ):
        find(route(HOST), found)


def test_this_machine_is_the_last_address(open_port: int, closed_port: int) -> None:
    found = gateway(listener("web", closed_port), addresses=("127.0.0.1",))
    entry = find(route("no-such-name.invalid"), found, own_port=open_port)
    assert entry == EntryPoint(f"http://no-such-name.invalid:{open_port}", f"localhost:{open_port}")


def test_a_name_server_comes_before_this_machine(open_port: int, closed_port: int) -> None:
    found = gateway(listener("web", open_port), addresses=("127.0.0.2",))
    assert find(route("localhost"), found, own_port=closed_port) == EntryPoint(
        f"http://localhost:{open_port}"
    )


def test_without_a_gateway_that_can_be_read_usual_ports_are_tried(
    open_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find(route("no-such-name.invalid"), own_port=open_port).address == f"localhost:{open_port}"
    connect_anywhere(monkeypatch)
    monkeypatch.setenv("GATEWAY_ADDRESS", "192.0.2.7:8443")
    assert find(route(HOST)) == EntryPoint(f"https://{HOST}:8443", "192.0.2.7:8443")


def test_the_users_address_is_the_only_one_tried(
    monkeypatch: pytest.MonkeyPatch, open_port: int, closed_port: int
) -> None:
    monkeypatch.setenv("GATEWAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(EntryError, match=f"tried 127.0.0.1:{closed_port} from GATEWAY_ADDRESS") as raised:
        find(route(HOST), gateway(listener("web", open_port), addresses=("127.0.0.1",)), own_port=open_port)
    assert str(open_port) not in str(raised.value)


def test_every_address_that_was_tried_is_named_with_its_failure(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = gateway(listener("web", closed_port), addresses=("127.0.0.2",))
    with pytest.raises(EntryError) as raised:
        find(route("no-such-name.invalid"), found, own_port=closed_port)
    text = str(raised.value)
    assert f"127.0.0.2:{closed_port} from the status (connection refused)" in text
    assert f"no-such-name.invalid:{closed_port} from a name server (its host name does not resolve" in text
    assert f"localhost:{closed_port} from this machine (connection refused)" in text
    monkeypatch.setenv("GATEWAY_ADDRESS", "no-such-name.invalid:80")
    with pytest.raises(EntryError, match=r"from GATEWAY_ADDRESS \(its host name does not resolve"):
        find(route(HOST), found)


@pytest.mark.parametrize(
    ("matches", "prefix"),
    [
        (None, ""),
        ([{}], ""),
        ([{"path": {"type": "PathPrefix", "value": "/"}}], ""),
        ([{"path": {"type": "PathPrefix", "value": "/mlflow/"}}], "/mlflow"),
        ([{"path": {"value": "/a/b"}}, {"path": {"value": "/c"}}], "/c"),
        ([{"path": {"type": "Exact", "value": "/v1/traces"}}], None),
        ([{"path": {"type": "RegularExpression", "value": "/.*"}}], None),
        ([{"headers": [{"name": "a", "value": "b"}]}], None),
        ([{"method": "POST"}, {"path": {"value": "/all"}}], "/all"),
    ],
)
def test_a_route_leads_to_the_service_below_a_path(
    matches: list[dict[str, Any]] | None, prefix: str | None, open_port: int
) -> None:
    found = route(HOST)
    if matches is not None:
        found["spec"]["rules"][0]["matches"] = matches
    assert http_route_prefix(found, "system", "mlflow") == prefix
    if prefix is not None:
        entry = find(found, gateway(listener("web", open_port), addresses=("127.0.0.1",)))
        assert entry.url == f"http://{HOST}:{open_port}{prefix}"


def test_a_gateway_is_ready_when_accepted_and_programmed() -> None:
    accepted, programmed = ({"type": name, "status": "True"} for name in ("Accepted", "Programmed"))
    found = {"metadata": {"generation": 1}, "status": {"conditions": [accepted, programmed]}}
    assert GatewayApi().find_gateway_problems(found) == []
    found["status"] = {"conditions": [accepted]}
    assert GatewayApi().find_gateway_problems(found) == ["Gateway: Programmed is not reported"]
