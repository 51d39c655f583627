"""The stand-in for OpenShift's router: how it configures Traefik, and what it reports to the Routes."""

from typing import Any

import pytest

from harness.stand_ins.openshift import router

NOW = "2026-01-02T03:04:05Z"
SERVICE = {
    "metadata": {"name": "mlflow", "namespace": "system"},
    "spec": {"ports": [{"name": "grpc", "port": 1}, {"name": "http", "port": 5000, "targetPort": "web"}]},
}


def route(name: str = "mlflow", host: str = "a.test", age: str = "1", **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    edge = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    return {
        "metadata": {"name": name, "namespace": "system", "uid": name, "creationTimestamp": age},
        "spec": {"host": host, "to": {"name": "mlflow"}, "port": {"targetPort": "http"}, "tls": edge} | spec,
    }


def test_edge_route_is_served_with_tls_and_redirected_without() -> None:
    configured = router.configuration([route()], [SERVICE])["http"]
    assert configured["routers"]["system-mlflow-tls"]["entryPoints"] == ["https"]
    assert configured["routers"]["system-mlflow-tls"]["rule"] == "Host(`a.test`)"
    assert "middlewares" not in configured["routers"]["system-mlflow-tls"]
    assert configured["routers"]["system-mlflow"]["middlewares"] == ["to-https"]
    server = configured["services"]["system-mlflow"]["loadBalancer"]["servers"]
    assert server == [{"url": "http://mlflow.system.svc.cluster.local:5000"}]


@pytest.mark.parametrize(
    ("policy", "plain"), [("Allow", {}), ("Redirect", {"middlewares": ["to-https"]}), ("None", None)]
)
def test_insecure_policy(policy: str, plain: dict[str, Any] | None) -> None:
    edge = {"termination": "edge", "insecureEdgeTerminationPolicy": policy}
    found = router.configuration([route(tls=edge)], [SERVICE])["http"]["routers"].get("system-mlflow")
    if plain is None:
        assert found is None
    else:
        assert {key: found[key] for key in ("middlewares",) if key in found} == plain


@pytest.mark.parametrize(
    ("asked", "given"), [("60s", "60s"), ("5m", "5m"), ("", "30s"), ("1d", "30s"), ("x", "30s")]
)
def test_timeout_annotation(asked: str, given: str) -> None:
    with_timeout = route()
    with_timeout["metadata"]["annotations"] = {router.TIMEOUT: asked}
    transports = router.configuration([with_timeout], [SERVICE])["http"]["serversTransports"]
    assert transports["system-mlflow"]["forwardingTimeouts"] == {"responseHeaderTimeout": given}


def test_no_route_at_all_is_a_configuration_that_traefik_takes() -> None:
    configured = router.configuration([], [])["http"]
    assert "serversTransports" not in configured
    assert configured["services"] == {"unknown-host": {"loadBalancer": {"servers": []}}}


@pytest.mark.parametrize(("target", "port"), [("other", "http"), ("mlflow", "other")])
def test_route_to_nowhere_has_no_server(target: str, port: str) -> None:
    lost = route(to={"name": target}, port={"targetPort": port})
    configured = router.configuration([lost], [SERVICE])["http"]
    assert configured["services"]["system-mlflow"]["loadBalancer"]["servers"] == []


def test_the_older_route_has_the_host() -> None:
    routes = [route("late", age="2"), route("early", age="1")]
    assert router.rejections(routes) == {
        "system-late": ("HostAlreadyClaimed", "route early already exposes a.test")
    }
    assert "system-late-tls" not in router.configuration(routes, [SERVICE])["http"]["routers"]


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [(route(host=""), "NoHost"), (route(tls={"termination": "passthrough"}), "NotPlayed")],
)
def test_what_is_not_played_is_rejected(rejected: dict[str, Any], reason: str) -> None:
    assert router.rejections([rejected])["system-mlflow"][0] == reason


def test_status_is_written_once_and_again_when_it_changes() -> None:
    seen = route()
    status = router.status_of(seen, None, NOW)
    assert status
    assert status["ingress"][0]["host"] == "a.test"
    assert status["ingress"][0]["conditions"] == [
        {"type": "Admitted", "status": "True", "lastTransitionTime": NOW}
    ]
    seen["status"] = status
    assert router.status_of(seen, None, "later") is None
    rejected = router.status_of(seen, ("HostAlreadyClaimed", "another has it"), "later")
    assert rejected
    assert rejected["ingress"][0]["conditions"][0]["status"] == "False"
    seen["spec"]["host"] = "b.test"
    moved = router.status_of(seen, None, "later")
    assert moved
    assert [entry["host"] for entry in moved["ingress"]] == ["b.test"]


def test_what_other_routers_report_stays() -> None:
    seen = route() | {"status": {"ingress": [{"routerName": "other", "host": "a.test"}]}}
    status = router.status_of(seen, None, NOW)
    assert status
    assert [entry["routerName"] for entry in status["ingress"]] == ["other", "stand-in"]
