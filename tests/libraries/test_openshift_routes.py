"""An OpenShift Route is reached by its host at the router, whose certificate must be trusted."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from entry.certificates import Certificates
from entry.entry_point import EntryError, EntryPoint
from entry.http_requests import RequestError
from entry.openshift import OpenshiftRoutes
from tests.libraries.echo import echo_server

HOST = "mlflow.apps.example.test"


def tls_route(host: str = HOST) -> dict[str, Any]:
    return {
        "kind": "Route",
        "metadata": {"namespace": "system", "name": "mlflow"},
        "spec": {"tls": {"termination": "edge"}} | ({"host": host} if host else {}),
    }


def tls_entry_point(host: str = HOST) -> EntryPoint:
    entry: EntryPoint = OpenshiftRoutes().entry_point_of_openshift_route(tls_route(host))
    return entry


def test_a_route_is_reached_by_its_own_name() -> None:
    routes, route = OpenshiftRoutes(), tls_route()
    assert routes.entry_point_of_openshift_route(route) == EntryPoint(f"https://{HOST}")
    assert routes.http_entry_point_of_openshift_route(route) == EntryPoint(f"http://{HOST}")
    del route["spec"]["tls"]
    assert routes.entry_point_of_openshift_route(route) == EntryPoint(f"http://{HOST}")


def test_a_route_without_a_host_is_named() -> None:
    with pytest.raises(EntryError, match="Route system/mlflow has no host yet"):
        tls_entry_point(host="")


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Serve https for HOST at an address that its name does not resolve to; trust its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with echo_server(context) as address:
        monkeypatch.setenv("ROUTER_ADDRESS", address)
        yield address


def test_a_host_that_does_not_resolve_is_reached_at_the_routers_address(router: str) -> None:
    entry = tls_entry_point()
    assert entry == EntryPoint(f"https://{HOST}", address=router)
    assert str(entry) == f"https://{HOST} (at {router})"
    assert requests.get(f"{entry.url}/x", timeout=5).text == HOST
    Certificates().certificate_should_be_trusted(entry)


def test_other_hosts_are_not_reached_at_the_router(router: str, closed_port: int) -> None:
    assert tls_entry_point().address == router
    with pytest.raises(requests.ConnectionError):
        requests.get(f"https://localhost:{closed_port}/", timeout=5)


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    router: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = tls_entry_point()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    message = (
        rf"to https://{HOST} \(at {router}\) failed: its certificate is not trusted \(.*REQUESTS_CA_BUNDLE"
    )
    with pytest.raises(RequestError, match=message):
        Certificates().certificate_should_be_trusted(entry)


def test_a_certificate_for_another_host_is_not_trusted(router: str) -> None:
    entry = tls_entry_point("phoenix.apps.example.test")
    assert entry.address == router
    with pytest.raises(RequestError, match=r"is not trusted .*Hostname mismatch"):
        Certificates().certificate_should_be_trusted(entry)


def test_a_router_that_is_not_there_is_named(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(RequestError, match=rf"\(at 127.0.0.1:{closed_port}\) failed: connection refused"):
        Certificates().certificate_should_be_trusted(tls_entry_point())


def test_a_host_that_does_not_resolve_needs_the_routers_address() -> None:
    with pytest.raises(
        RequestError, match=r"does not resolve .*; where no name server .* set ROUTER_ADDRESS"
    ):
        Certificates().certificate_should_be_trusted(tls_entry_point("no-such-name.invalid"))
