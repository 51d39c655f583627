"""A route is found by the Service behind it, and accepted when every gateway or router says so."""

from __future__ import annotations

from typing import Any

import pytest

from entry.entry_point import EntryError
from entry.routes import Routes

HOST = "mlflow.apps.example.test"
ACCEPTED = {"type": "Accepted", "status": "True", "observedGeneration": 2}


def openshift_route(*admissions: dict[str, Any], **metadata: object) -> dict[str, Any]:
    return {
        "kind": "Route",
        "metadata": {"namespace": "kagenti-system", "name": "ui", **metadata},
        "spec": {"host": HOST, "to": {"kind": "Service", "name": "mlflow"}},
        "status": {"ingress": list(admissions)},
    }


def admission(status: str, host: str = HOST, **more: object) -> dict[str, Any]:
    condition = {"type": "Admitted", "status": status} | more
    return {"routerName": "default", "host": host, "conditions": [condition]}


@pytest.mark.parametrize(
    ("admissions", "problems"),
    [
        ([admission("True")], []),
        ([], ["no router has admitted it"]),
        (
            [admission("False", reason="HostAlreadyClaimed", message="route a already exposes it")],
            ["router default: Admitted is False, HostAlreadyClaimed: route a already exposes it"],
        ),
        ([admission("True", "old.test")], [f"router default: serves old.test, not {HOST}"]),
        ([{"routerName": "default", "host": HOST}], ["router default: Admitted is not reported"]),
    ],
)
def test_an_openshift_route_is_accepted_when_its_router_admits_it(
    admissions: list[dict[str, Any]], problems: list[str]
) -> None:
    assert Routes().find_route_problems(openshift_route(*admissions)) == problems
    assert Routes().find_route_problems(openshift_route(*admissions, generation=1)) == problems


def http_route(*conditions: dict[str, Any]) -> dict[str, Any]:
    parent = {"parentRef": {"name": "http"}, "conditions": list(conditions)}
    return {"kind": "HTTPRoute", "metadata": {"generation": 2}, "status": {"parents": [parent]}}


def test_an_http_route_is_accepted_when_its_backends_are_resolved_too() -> None:
    resolved = {"type": "ResolvedRefs", "status": "True", "observedGeneration": 2}
    assert Routes().find_route_problems(http_route(ACCEPTED, resolved)) == []


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
def test_the_condition_that_an_http_route_does_not_meet_is_named(
    condition: dict[str, Any], problem: str
) -> None:
    assert Routes().find_route_problems(http_route(ACCEPTED, condition)) == [problem]


def test_an_http_route_that_no_gateway_accepted_is_not_accepted() -> None:
    route = {"kind": "HTTPRoute", "metadata": {"generation": 1}, "status": {"parents": []}}
    assert Routes().find_route_problems(route) == ["no Gateway has accepted it"]


def route_to(name: str, *backends: dict[str, Any], namespace: str = "kagenti-system") -> dict[str, Any]:
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"rules": [{"backendRefs": [backend]} for backend in backends]},
    }


def test_a_route_is_found_by_the_service_behind_it() -> None:
    find = Routes().find_route_to_service
    routes = [
        route_to("mlflow", {"name": "phoenix"}),
        route_to("ui", {"name": "other"}, {"name": "mlflow"}),
        route_to("elsewhere", {"name": "mlflow"}, namespace="team1"),
        route_to("bucket", {"name": "mlflow", "kind": "ServiceImport"}),
    ]
    found = find(routes, "kagenti-system", "mlflow")
    assert found
    assert found["metadata"]["name"] == "ui"
    across = route_to("across", {"name": "mlflow", "namespace": "kagenti-system"}, namespace="team1")
    assert find([across], "kagenti-system", "mlflow") == across
    assert find(routes, "kagenti-system", "model") is None
    assert find([openshift_route()], "kagenti-system", "mlflow")


def test_two_routes_to_one_service_are_named() -> None:
    routes = [route_to("old", {"name": "mlflow"}), route_to("new", {"name": "mlflow"})]
    with pytest.raises(EntryError, match="HTTPRoute kagenti-system/old and HTTPRoute kagenti-system/new"):
        Routes().find_route_to_service(routes, "kagenti-system", "mlflow")
