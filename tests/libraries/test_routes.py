"""A route is found by the Service behind it, and accepted when a Gateway, or each of its routers, says so."""

from __future__ import annotations

from typing import Any

import pytest

from entry.entry_point import EntryPoint
from entry.openshift import OpenshiftRoutes
from entry.routes import Routes

HOST = "mlflow.apps.example.test"
ACCEPTED = {"type": "Accepted", "status": "True", "observedGeneration": 2}
RESOLVED = {"type": "ResolvedRefs", "status": "True", "observedGeneration": 2}


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
    return {
        "kind": "HTTPRoute",
        "metadata": {"generation": 2, "namespace": "kagenti-system"},
        "spec": {"parentRefs": [{"name": "old"}, {"name": "http"}]},
        "status": {"parents": [parent]},
    }


def test_an_http_route_is_accepted_when_its_backends_are_resolved_too() -> None:
    assert Routes().find_route_problems(http_route(ACCEPTED, RESOLVED)) == []


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
        (
            {"type": "ResolvedRefs", "status": "False", "reason": "NoMatchingParent", "message": ""},
            "Gateway http: ResolvedRefs is False, NoMatchingParent",
        ),
        ({"type": "Programmed", "status": "True"}, "Gateway http: ResolvedRefs is not reported"),
    ],
)
def test_the_condition_that_an_http_route_does_not_meet_is_named(
    condition: dict[str, Any], problem: str
) -> None:
    assert Routes().find_route_problems(http_route(ACCEPTED, condition)) == [problem]


def test_an_http_route_that_no_gateway_accepted_is_not_accepted() -> None:
    route = http_route(ACCEPTED, RESOLVED)
    route["spec"]["parentRefs"] = [{"name": "another"}]  # what Gateway http reported stays in the status
    assert Routes().find_route_problems(route) == ["no Gateway has accepted it, it names another"]


def route_to(name: str, *backends: dict[str, Any], namespace: str = "kagenti-system") -> dict[str, Any]:
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": "http"}],
            "rules": [{"backendRefs": [backend]} for backend in backends],
        },
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


def test_of_several_routes_to_one_service_an_accepted_one_is_found() -> None:
    old, new = route_to("old", {"name": "mlflow"}), route_to("new", {"name": "mlflow"})
    new["metadata"]["generation"] = 2
    new["status"] = http_route(ACCEPTED, RESOLVED)["status"]
    assert Routes().find_route_to_service([old, new], "kagenti-system", "mlflow") == new
    new["status"] = {}
    assert Routes().find_route_to_service([old, new], "kagenti-system", "mlflow") == old


def test_of_several_accepted_routes_the_one_with_the_shortest_path_is_found() -> None:
    traces, all_paths, one_path = (route_to(name, {"name": "mlflow"}) for name in ("traces", "all", "one"))
    traces["spec"]["rules"][0]["matches"] = [{"path": {"type": "PathPrefix", "value": "/v1/traces"}}]
    one_path["spec"]["rules"][0]["matches"] = [{"path": {"type": "Exact", "value": "/"}}]
    assert (
        Routes().find_route_to_service([one_path, traces, all_paths], "kagenti-system", "mlflow") == all_paths
    )
    assert Routes().find_route_to_service([one_path, traces], "kagenti-system", "mlflow") == traces
    assert Routes().find_route_to_service([one_path], "kagenti-system", "mlflow") is None


def test_an_http_route_is_accepted_when_one_of_its_gateways_serves_it() -> None:
    route = http_route(ACCEPTED, RESOLVED)
    refused = {"parentRef": {"name": "old"}, "conditions": [ACCEPTED | {"status": "False", "reason": "x"}]}
    route["status"]["parents"].insert(0, refused)
    assert Routes().find_route_problems(route) == []
    route["status"]["parents"].pop()
    assert Routes().find_route_problems(route) == [
        "Gateway old: Accepted is False, x",
        "Gateway old: ResolvedRefs is not reported",
    ]


def test_an_openshift_route_may_have_a_path() -> None:
    route = openshift_route(admission("True"))
    route["spec"] |= {"path": "/mlflow/", "tls": {"termination": "edge"}}
    assert OpenshiftRoutes().entry_point_of_openshift_route(route) == EntryPoint(f"https://{HOST}/mlflow")
