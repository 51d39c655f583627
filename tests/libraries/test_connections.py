"""Connections are judged by what was seen, and a wrong one names the policies of both its ends."""

from __future__ import annotations

import socket
import sys

import pytest

from kube.model import Object
from network.connections import Attempts, Connections
from network.listeners import Listeners, own_addresses
from network.policies import End
from network.targets import Component, Target, Targets

CONNECTIONS, TARGETS = Connections(), Targets()
DENY = {
    "metadata": {"name": "default-deny", "namespace": "system"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}


def pod(name: str, address: str | None = "10.244.0.3") -> Object:
    ports = [{"name": "http", "containerPort": 5000}, {"containerPort": 53, "protocol": "UDP"}]
    return {
        "metadata": {"name": f"{name}-0", "namespace": "system", "labels": {"name": name}},
        "spec": {"containers": [{"name": name, "ports": ports}]},
        "status": {"podIP": address} if address else {},
    }


def service(name: str, address: str = "10.96.0.3") -> Object:
    ports = [{"port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 5001}]
    return {"metadata": {"name": name, "namespace": "system"}, "spec": {"clusterIP": address, "ports": ports}}


def component(name: str) -> Component:
    return TARGETS.make_component(name, pod(name), service(name), {"system": {"kind": "system"}})


def seen(*answers: list[str] | str, policies: list[Object] | None = None) -> Attempts:
    """Return what was seen when agent (and tool) tried MLflow at its pod and by its Service."""
    sources = [component(name) for name, _ in zip(("agent", "tool"), answers, strict=False)]
    targets = TARGETS.get_targets_of_components([component("mlflow")])
    return CONNECTIONS.collect_attempts(sources, targets, answers, [DENY] if policies is None else policies)


def test_a_component_is_tried_at_its_pod_and_by_its_service() -> None:
    (target,) = TARGETS.get_targets_of_components([component("mlflow")])
    assert str(target) == "mlflow:5000"
    assert target.addresses == {
        "at its pod": ("10.244.0.3", 5000),
        "by Service mlflow, port 80": ("10.96.0.3", 80),
    }
    assert TARGETS.get_addresses_to_try([target]) == [("10.244.0.3", 5000), ("10.96.0.3", 80)]


def test_a_headless_service_has_no_address_to_try() -> None:
    headless = Component(component("mlflow").end, pod("mlflow"), service("mlflow", "None"))
    (target,) = TARGETS.get_targets_of_components([headless])
    assert list(target.addresses) == ["at its pod"]


def test_a_pod_without_address_is_still_an_end() -> None:
    waiting = TARGETS.make_component("mlflow", pod("mlflow", None), service("mlflow"), {})
    assert waiting.end.namespace_labels == {"kubernetes.io/metadata.name": "system"}
    assert waiting.container[1] == "mlflow"


def test_a_flow_is_open_at_every_address() -> None:
    CONNECTIONS.connection_should_be_open(seen(["", ""]), "agent", "mlflow:5000")
    with pytest.raises(AssertionError) as failure:
        CONNECTIONS.connection_should_be_open(seen(["", "no answer within 2 s"]), "agent", "mlflow:5000")
    assert str(failure.value) == (
        "The documented flow agent -> mlflow:5000 is closed by Service mlflow, port 80 "
        "(no answer within 2 s). Network policies: "
        "egress of agent is denied: no policy allows it (policies: system/default-deny); "
        "ingress of mlflow is denied: no policy allows it (policies: system/default-deny)."
    )


def test_a_closed_connection_is_closed_at_every_address() -> None:
    CONNECTIONS.connection_should_be_closed(seen(["no answer", "refused"]), "agent", "mlflow:5000")
    with pytest.raises(AssertionError) as failure:
        CONNECTIONS.connection_should_be_closed(seen(["", "no answer"], policies=[]), "agent", "mlflow:5000")
    assert str(failure.value) == (
        "agent -> mlflow:5000 is open at its pod, but it is no documented flow. Network policies: "
        "egress of agent is allowed: no policy selects it; "
        "ingress of mlflow is allowed: no policy selects it."
    )


def test_policies_that_are_not_enforced_are_reported() -> None:
    with pytest.raises(
        AssertionError, match=r"system/default-deny\)\. This cluster does not enforce them\.$"
    ):
        CONNECTIONS.connection_should_be_closed(seen(["", ""]), "agent", "mlflow:5000")


def test_every_open_connection_that_is_not_documented_is_listed() -> None:
    CONNECTIONS.only_these_connections_should_be_open(seen(["no", "no"]), "agent")
    CONNECTIONS.only_these_connections_should_be_open(seen(["", ""]), "agent", "mlflow:5000")
    with pytest.raises(
        AssertionError,
        match=r"^Open connections of agent that are not documented, 1 in all: mlflow:5000 at its pod",
    ):
        CONNECTIONS.only_these_connections_should_be_open(seen(["", ""]), "agent", "mlflow:5001")


def test_where_nothing_could_be_tried_neither_open_nor_closed_is_proved() -> None:
    attempts = seen(["", ""], "its container does not run")
    assert CONNECTIONS.check_if_connection_was_tried(attempts, "tool", "mlflow:5000")
    assert not CONNECTIONS.check_if_connection_was_tried(attempts, "tool", "phoenix:6006")
    for judging in (CONNECTIONS.connection_should_be_open, CONNECTIONS.connection_should_be_closed):
        with pytest.raises(
            AssertionError, match="No connection from tool can be tried: its container does not run"
        ):
            judging(attempts, "tool", "mlflow:5000")
    with pytest.raises(AssertionError, match="No connection from tool can be tried"):
        CONNECTIONS.only_these_connections_should_be_open(attempts, "tool")


def test_the_open_addresses_of_a_target() -> None:
    assert CONNECTIONS.get_open_addresses(seen(["", "no"]), "agent", "mlflow:5000") == "at its pod"
    assert not CONNECTIONS.get_open_addresses(seen(["no", "no"]), "agent", "mlflow:5000")


def test_a_namespace_that_does_not_deny_by_default_is_named() -> None:
    CONNECTIONS.unknown_pods_should_be_denied([DENY], "system", {})
    with pytest.raises(
        AssertionError, match=r"Namespace team1 does not deny by default: egress of an unknown pod is allowed"
    ):
        CONNECTIONS.unknown_pods_should_be_denied([DENY], "team1", {})


def test_policies_that_deny_a_connection_are_found_by_the_port_of_its_url() -> None:
    components = [component("agent"), component("mlflow")]
    only_5000 = {
        "metadata": {"name": "web", "namespace": "system"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 5000}]}]},
    }
    assert not CONNECTIONS.find_denying_policies(
        components, [only_5000], "agent", "mlflow", "http://mlflow:80/v1/traces"
    )
    denied = CONNECTIONS.find_denying_policies(
        components, [only_5000], "agent", "mlflow", "http://mlflow:4317"
    )
    assert denied == "ingress of mlflow is denied: no policy allows it (policies: system/web)"
    assert not CONNECTIONS.find_denying_policies(
        components, [DENY], "agent", "phoenix", "http://phoenix:6006"
    )


NAMED = [
    {"env": [{"name": "PGHOST", "value": "mlflow"}]},
    {"env": [{"name": "URI", "value": "http://mlflow.system.svc:80/v1"}]},
    {"args": ["--to=http://user@mlflow:80"]},
    {"command": ["connect", "mlflow"]},
]
NOT_NAMED = [
    {},
    {"env": [{"name": "PASSWORD", "valueFrom": {}}, {"name": "URI", "value": "http://mlflow-other:80"}]},
    {"env": [{"name": "URI", "value": "http://my.mlflow"}], "image": "mlflow"},
]


@pytest.mark.parametrize(
    ("container", "is_named"), [*((each, True) for each in NAMED), *((each, False) for each in NOT_NAMED)]
)
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_policies_that_deny_what_a_component_needs_are_named(
    container: Object, is_named: bool, kind: str
) -> None:
    source = pod("agent")
    source["spec"][kind] = [*source["spec"].get(kind, []), container]
    components = [TARGETS.make_component("agent", source, service("agent"), {}), component("mlflow")]
    denied = [
        "egress of agent is denied: no policy allows it (policies: system/default-deny)",
        "ingress of mlflow is denied: no policy allows it (policies: system/default-deny)",
    ]
    assert CONNECTIONS.find_denied_needs(components, [DENY], "agent") == (denied if is_named else [])
    assert CONNECTIONS.find_denied_needs(components, [], "agent") == []
    assert CONNECTIONS.find_denied_needs(components, [DENY], "gone") == []


def test_what_a_pod_does_not_reach_is_named_by_the_service_that_was_tried() -> None:
    addresses = CONNECTIONS.get_addresses_of_services([component("agent"), component("mlflow")])
    assert addresses == [(f"{name}.system", port) for name in ("agent", "mlflow") for port in (80, 81)]
    assert CONNECTIONS.describe_failed_connections(addresses, ["", "", "Connection refused", ""]) == [
        "from its pod a connection to mlflow.system:80 fails: Connection refused"
    ]
    assert not CONNECTIONS.describe_failed_connections(addresses, "the pod cannot run Python")


def test_targets_that_are_no_components() -> None:
    dns = service("kube-dns") | {
        "spec": {"clusterIP": "10.96.0.10", "selector": {"name": "dns"}, "ports": []}
    }
    found = TARGETS.dns_target("cluster-dns", dns, {}, 53, "kubernetes.default.svc")
    assert TARGETS.get_addresses_to_try([found]) == [("kubernetes.default.svc", 0)]
    assert found.protocol == "UDP"
    server = TARGETS.get_target_at_service("api-server", service("kubernetes", "10.96.0.1"), 443)
    assert (str(server), server.end.labels) == ("api-server:443", None)
    outside = TARGETS.get_target_outside("outside", [("192.0.2.1", 1), ("192.0.2.2", 2)])
    assert TARGETS.get_addresses_to_try([outside]) == [("192.0.2.1", 1), ("192.0.2.2", 2)]
    attempts = CONNECTIONS.collect_attempts(
        [component("agent")], [found, server, outside], [["no", "", "no", ""]], [DENY]
    )
    assert CONNECTIONS.get_target_named(attempts, "cluster-dns") == "cluster-dns:53"
    assert CONNECTIONS.get_target_named(attempts, "elsewhere") == ""
    assert attempts.explain("agent", "outside:1").count("agent is denied: no policy allows it") == 1
    assert "ingress" not in attempts.explain("agent", "api-server:443")


@pytest.mark.skipif(sys.platform != "linux", reason="addresses are asked of Linux")
def test_the_outside_is_every_address_of_this_machine_but_the_nodes() -> None:
    listeners = Listeners()
    own = own_addresses()
    assert not any(address.startswith("127.") for address in own)
    try:
        places = listeners.open_listeners(0, own[:1])
        assert [address for address, _ in places] == own[1:]
        for place in places:
            socket.create_connection(place, 5).close()
    finally:
        listeners.close_listeners()
    for place in places:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(place, 5)


def test_an_address_where_the_port_is_taken_is_left_out() -> None:
    listeners, other = Listeners(), Listeners()
    try:
        taken = dict(listeners.open_listeners(0))
        for address, port in taken.items():
            assert address not in dict(other.open_listeners(port))
    finally:
        listeners.close_listeners()
        other.close_listeners()


def test_a_target_is_an_end_at_a_port() -> None:
    assert str(Target(End("mlflow", "10.244.0.3"), 5000, {})) == "mlflow:5000"
