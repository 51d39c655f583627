"""An Ingress is reached by its host, with TLS where it has a certificate for it, where its status says."""

from __future__ import annotations

from typing import Any

import pytest

from entry.entry_point import EntryError, EntryPoint
from entry.ingress import Ingresses, ingress_prefix
from tests.libraries.test_gateway_api import connect_anywhere

PLACE = {"namespace": "system", "service": "mlflow"}
HOST = "mlflow.example"


def path(value: str = "/", kind: str = "Prefix", service: str = "mlflow") -> dict[str, Any]:
    return {
        "path": value,
        "pathType": kind,
        "backend": {"service": {"name": service, "port": {"number": 5000}}},
    }


def rule(*paths: dict[str, Any], host: str | None = HOST) -> dict[str, Any]:
    return {"http": {"paths": list(paths)}} | ({"host": host} if host else {})


def ingress(*rules: dict[str, Any], status: tuple[dict[str, str], ...] = (), **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "kind": "Ingress",
        "metadata": {"namespace": "system", "name": "ui"},
        "spec": {"rules": list(rules)} | spec,
        "status": {"loadBalancer": {"ingress": list(status)}},
    }


AT_ADDRESS = ({"ip": "192.0.2.7"},)


@pytest.mark.parametrize(
    ("found", "entry"),
    [
        (ingress(rule(path()), status=AT_ADDRESS), EntryPoint(f"http://{HOST}", "192.0.2.7:80")),
        (
            ingress(rule(path()), status=AT_ADDRESS, tls=[{"hosts": [HOST]}]),
            EntryPoint(f"https://{HOST}", "192.0.2.7:443"),
        ),
        (
            ingress(rule(path()), status=AT_ADDRESS, tls=[{"hosts": ["other.example"]}]),
            EntryPoint(f"http://{HOST}", "192.0.2.7:80"),
        ),
        (
            ingress(rule(path()), status=AT_ADDRESS, tls=[{"hosts": ["*.example"]}]),
            EntryPoint(f"https://{HOST}", "192.0.2.7:443"),
        ),
        (
            ingress(rule(path()), status=AT_ADDRESS, tls=[{"secretName": "all"}]),
            EntryPoint(f"https://{HOST}", "192.0.2.7:443"),
        ),
        (
            ingress(rule(path("/mlflow/")), status=({"hostname": "lb.example"},)),
            EntryPoint(f"http://{HOST}/mlflow", "lb.example:80"),
        ),
        (
            ingress(rule(path(), host="*.apps.example"), status=({"ip": "2001:db8::1"},)),
            EntryPoint("http://mlflow.apps.example", "[2001:db8::1]:80"),
        ),
        (
            ingress(rule(path(), host=None), status=({"ip": "2001:db8::1"},)),
            EntryPoint("http://[2001:db8::1]", "[2001:db8::1]:80"),
        ),
        (
            ingress(defaultBackend={"service": {"name": "mlflow"}}, status=AT_ADDRESS),
            EntryPoint("http://192.0.2.7", "192.0.2.7:80"),
        ),
        (ingress(rule(path())), EntryPoint(f"http://{HOST}")),
    ],
)
def test_an_ingress_is_reached_by_its_host(
    found: dict[str, Any], entry: EntryPoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_anywhere(monkeypatch)
    assert Ingresses().get_entry_point_of_ingress(found, PLACE, 8080) == entry


def test_the_users_address_is_that_of_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_anywhere(monkeypatch)
    monkeypatch.setenv("GATEWAY_ADDRESS", "[::1]:8443")
    found = ingress(rule(path()), status=AT_ADDRESS, tls=[{}])
    assert Ingresses().get_entry_point_of_ingress(found, PLACE, 8080) == EntryPoint(
        f"https://{HOST}:8443", "[::1]:8443"
    )


def test_where_no_controller_answers_each_place_is_named(closed_port: int) -> None:
    found = ingress(rule(path(), host="no-such-name.invalid"))
    with pytest.raises(EntryError, match=r"no-such-name.invalid:80 from a name server .* GATEWAY_ADDRESS"):
        Ingresses().get_entry_point_of_ingress(found, PLACE, closed_port)


@pytest.mark.parametrize(
    ("found", "prefix"),
    [
        (ingress(rule(path())), ""),
        (ingress(rule(path("/a"), path("/b", service="phoenix"))), "/a"),
        (ingress(rule(path("/long")), rule(path("/a"), host=None)), "/a"),
        (ingress(rule(path("/mlflow(/|$)(.*)", "ImplementationSpecific"))), "/mlflow"),
        (ingress(rule(path("/v1/traces", "Exact"))), None),
        (ingress(rule(path(service="phoenix"))), None),
        (ingress(rule(path(service="phoenix")), defaultBackend={"service": {"name": "mlflow"}}), ""),
        (ingress(rule(path()), defaultBackend={"resource": {"kind": "StorageBucket", "name": "mlflow"}}), ""),
        (ingress({"host": HOST}), None),
    ],
)
def test_an_ingress_leads_to_the_service_below_a_path(found: dict[str, Any], prefix: str | None) -> None:
    assert ingress_prefix(found, "system", "mlflow") == prefix
    assert ingress_prefix(found, "team1", "mlflow") is None
