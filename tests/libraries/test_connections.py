"""Ways are judged by what was seen of them, and a wrong one names the policies of both its ends."""

from __future__ import annotations

import socket
import sys

import pytest

from kube.model import Object
from network.connections import Connections, Part, Target, Ways
from network.outside import Outside, own_addresses
from network.policies import End

JUDGE = Connections()
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


def part(name: str) -> Part:
    return JUDGE.part_of_the_stack(name, pod(name), service(name), {"system": {"kind": "system"}})


def seen(*answers: list[str] | str, policies: list[Object] | None = None) -> Ways:
    """Return what was seen when agent (and tool) tried MLflow at its pod and by its Service."""
    sources = [part(name) for name, _ in zip(("agent", "tool"), answers, strict=False)]
    targets = JUDGE.targets_at_parts([part("mlflow")])
    return JUDGE.ways_that_were_seen(sources, targets, answers, [DENY] if policies is None else policies)


def test_a_part_is_tried_at_its_pod_and_by_the_service_port_that_leads_there() -> None:
    (target,) = JUDGE.targets_at_parts([part("mlflow")])
    assert str(target) == "mlflow:5000"
    assert target.ways == {
        "at its pod": ("10.244.0.3", 5000),
        "by Service mlflow, port 80": ("10.96.0.3", 80),
    }
    assert JUDGE.addresses_to_try([target]) == [("10.244.0.3", 5000), ("10.96.0.3", 80)]


def test_a_headless_service_has_no_address_to_try() -> None:
    headless = Part(part("mlflow").end, pod("mlflow"), service("mlflow", "None"))
    (target,) = JUDGE.targets_at_parts([headless])
    assert list(target.ways) == ["at its pod"]


def test_a_pod_without_address_is_still_an_end() -> None:
    waiting = JUDGE.part_of_the_stack("mlflow", pod("mlflow", None), service("mlflow"), {})
    assert waiting.end.namespace_labels == {"kubernetes.io/metadata.name": "system"}
    assert waiting.place[1] == "mlflow"


def test_an_open_way_is_open_by_every_address() -> None:
    JUDGE.way_should_be_open(seen(["", ""]), "agent", "mlflow:5000")
    with pytest.raises(AssertionError) as failure:
        JUDGE.way_should_be_open(seen(["", "no answer within 2 s"]), "agent", "mlflow:5000")
    assert str(failure.value) == (
        "agent does not reach mlflow:5000 by Service mlflow, port 80 (no answer within 2 s), "
        "which is a documented flow: "
        "egress of agent is let through by none of its policies (system/default-deny); "
        "ingress of mlflow is let through by none of its policies (system/default-deny)."
    )


def test_a_closed_way_is_closed_by_every_address() -> None:
    JUDGE.way_should_be_closed(seen(["no answer", "refused"]), "agent", "mlflow:5000")
    with pytest.raises(AssertionError) as failure:
        JUDGE.way_should_be_closed(seen(["", "no answer"], policies=[]), "agent", "mlflow:5000")
    assert str(failure.value) == (
        "agent reaches mlflow:5000 at its pod, which is no documented flow: "
        "no NetworkPolicy is for egress of agent, so everything is let through; "
        "no NetworkPolicy is for ingress of mlflow, so everything is let through."
    )


def test_policies_that_are_not_enforced_are_told() -> None:
    with pytest.raises(
        AssertionError, match=r"\(system/default-deny\)\. This cluster does not enforce its policies\.$"
    ):
        JUDGE.way_should_be_closed(seen(["", ""]), "agent", "mlflow:5000")


def test_every_way_that_is_not_documented_is_told() -> None:
    JUDGE.only_these_ways_should_be_open(seen(["no", "no"]), "agent")
    JUDGE.only_these_ways_should_be_open(seen(["", ""]), "agent", "mlflow:5000")
    with pytest.raises(
        AssertionError, match=r"no documented flow leads to:\n- mlflow:5000 at its pod, by Service"
    ):
        JUDGE.only_these_ways_should_be_open(seen(["", ""]), "agent", "mlflow:5001")


def test_where_nothing_could_be_tried_neither_open_nor_closed_is_proved() -> None:
    ways = seen(["", ""], "its container does not run")
    assert JUDGE.was_tried(ways, "tool", "mlflow:5000")
    assert not JUDGE.was_tried(ways, "tool", "phoenix:6006")
    for judging in (JUDGE.way_should_be_open, JUDGE.way_should_be_closed):
        with pytest.raises(
            AssertionError, match="Nothing can be tried from tool: its container does not run"
        ):
            judging(ways, "tool", "mlflow:5000")
    with pytest.raises(AssertionError, match="Nothing can be tried from tool"):
        JUDGE.only_these_ways_should_be_open(ways, "tool")


def test_how_it_was_reached_is_told() -> None:
    assert JUDGE.how_it_is_reached(seen(["", "no"]), "agent", "mlflow:5000") == "at its pod"
    assert not JUDGE.how_it_is_reached(seen(["no", "no"]), "agent", "mlflow:5000")


def test_what_is_not_denied_by_default_is_told() -> None:
    JUDGE.other_pods_should_be_denied([DENY], "system", {})
    with pytest.raises(
        AssertionError, match=r"Namespace team1 does not deny by default: no NetworkPolicy is for egress"
    ):
        JUDGE.other_pods_should_be_denied([DENY], "team1", {})


def test_policies_that_close_a_way_are_told_by_the_port_of_its_url() -> None:
    parts = [part("agent"), part("mlflow")]
    only_5000 = {
        "metadata": {"name": "web", "namespace": "system"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 5000}]}]},
    }
    assert not JUDGE.what_closes_the_way(parts, [only_5000], "agent", "mlflow", "http://mlflow:80/v1/traces")
    told = JUDGE.what_closes_the_way(parts, [only_5000], "agent", "mlflow", "http://mlflow:4317")
    assert told == "ingress of mlflow is let through by none of its policies (system/web)"
    assert not JUDGE.what_closes_the_way(parts, [DENY], "agent", "phoenix", "http://phoenix:6006")


def test_targets_that_are_no_parts() -> None:
    dns = service("kube-dns") | {
        "spec": {"clusterIP": "10.96.0.10", "selector": {"name": "dns"}, "ports": []}
    }
    found = JUDGE.target_by_name("cluster-dns", dns, {}, 53, "kubernetes.default.svc")
    assert JUDGE.addresses_to_try([found]) == [("kubernetes.default.svc", 0)]
    assert found.protocol == "UDP"
    server = JUDGE.target_at_service("api-server", service("kubernetes", "10.96.0.1"), 443)
    assert (str(server), server.end.labels) == ("api-server:443", None)
    outside = JUDGE.target_outside("outside", [("192.0.2.1", 1), ("192.0.2.2", 2)])
    assert JUDGE.addresses_to_try([outside]) == [("192.0.2.1", 1), ("192.0.2.2", 2)]
    ways = JUDGE.ways_that_were_seen(
        [part("agent")], [found, server, outside], [["no", "", "no", ""]], [DENY]
    )
    assert JUDGE.target_named(ways, "cluster-dns") == "cluster-dns:53"
    assert JUDGE.target_named(ways, "elsewhere") == ""
    assert ways.explain("agent", "outside:1").count("agent is let through by none of its policies") == 1
    assert "ingress" not in ways.explain("agent", "api-server:443")


@pytest.mark.skipif(sys.platform != "linux", reason="addresses are asked of Linux")
def test_the_outside_is_every_address_of_this_machine_but_the_nodes() -> None:
    outside = Outside()
    own = own_addresses()
    assert not any(address.startswith("127.") for address in own)
    try:
        places = outside.open_listeners(0, own[:1])
        assert [address for address, _ in places] == own[1:]
        for place in places:
            socket.create_connection(place, 5).close()
    finally:
        outside.close_listeners()
    for place in places:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(place, 5)


def test_an_address_where_the_port_is_taken_is_left_out() -> None:
    outside, other = Outside(), Outside()
    try:
        taken = dict(outside.open_listeners(0))
        for address, port in taken.items():
            assert address not in dict(other.open_listeners(port))
    finally:
        outside.close_listeners()
        other.close_listeners()


def test_a_target_is_an_end_at_a_port() -> None:
    assert str(Target(End("mlflow", "10.244.0.3"), 5000, {})) == "mlflow:5000"
