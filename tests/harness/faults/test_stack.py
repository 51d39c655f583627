"""Where components are, and when what changed of them has settled."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from harness.common.errors import HarnessError
from harness.faults.stack import Stack
from tests.harness.faults.fake_cluster import POD, SLICE, Cluster, Object

ENDING = POD | {"metadata": POD["metadata"] | {"name": "program-0", "deletionTimestamp": "now"}}
OTHER_ADDRESS = SLICE | {"endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": True}}]}
QUEUED = """otelcol_exporter_queue_size{exporter="otlp_http/mlflow"} 3
otelcol_exporter_queue_size{exporter="otlp_http/phoenix"} 0
"""


def test_one_of_several_namespaces_must_be_chosen(cluster: Cluster) -> None:
    cluster.namespaces = ["rossoctl-system", "kagenti-system"]
    several = r"2 namespaces have Service otel-collector \(kagenti-system, rossoctl-system\): choose one with"
    with pytest.raises(HarnessError, match=several):
        Stack().workload_of("otel-collector")
    chosen = Stack({"SYSTEM_NAMESPACE": "kagenti-system"})
    assert chosen.workload_of("otel-collector").namespace == "kagenti-system"
    cluster.namespaces = []
    with pytest.raises(HarnessError, match=r"0 namespaces have Service weather-service \(none\)"):
        Stack().workload_of("weather-agent")


def test_only_what_is_deployed_is_waited_for(cluster: Cluster) -> None:
    assert cluster.pods
    assert Stack().components == ["otel-collector"]


def test_whose_the_stack_is_follows_from_its_collector(cluster: Cluster) -> None:
    assert Stack().is_ours()
    cluster.labels = {}
    assert not Stack().is_ours()


@pytest.mark.parametrize(
    ("what", "value", "problem"),
    [
        ("status", {"observedGeneration": 0}, "has not seen the change of otel-collector"),
        ("status", {"observedGeneration": 1, "replicas": 2}, "otel-collector is not rolled out"),
        ("pods", [POD, ENDING], "a pod of otel-collector is still ending"),
        ("slices", [OTHER_ADDRESS], "Service otel-collector does not lead to the Ready pods alone"),
        ("slices", [SLICE, OTHER_ADDRESS], "Service otel-collector does not lead to the Ready pods alone"),
        ("metrics", QUEUED, "the collector still has 3 spans to send"),
    ],
)
def test_what_changed_has_not_settled(cluster: Cluster, what: str, value: object, problem: str) -> None:
    Stack().wait_until_well()
    setattr(cluster, what, value)
    with pytest.raises(HarnessError, match=problem):
        Stack().wait_until_well()


def test_what_is_queued_is_not_waited_for_while_a_fault_is_in(cluster: Cluster) -> None:
    cluster.metrics = QUEUED
    Stack().wait_until_settled(["otel-collector"])


def route(accepted: int) -> Object:
    """Return a route to the collector in its second generation, the last accepted of which is this one."""
    condition = {"type": "Accepted", "status": "True", "observedGeneration": accepted}
    return {
        "metadata": {"name": "collector", "namespace": "kagenti-system", "generation": 2},
        "spec": {
            "parentRefs": [{"name": "http"}],
            "hostnames": ["collector.example"],
            "rules": [{"backendRefs": [{"name": "otel-collector"}]}],
        },
        "status": {"parents": [{"conditions": [condition]}]},
    }


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Run a gateway that answers the route's host name by the last of the statuses in the list."""
    statuses = [200]

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[-1] if self.headers["Host"] == "collector.example" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GATEWAY_ADDRESS", f"127.0.0.1:{server.server_port}")
        yield statuses
        server.shutdown()


def test_a_component_has_settled_once_its_gateway_reaches_it(cluster: Cluster, gateway: list[int]) -> None:
    cluster.routes = [route(accepted=2)]
    Stack().wait_until_well()
    gateway.append(404)  # of the component: it has no such page
    Stack().wait_until_well()
    gateway.append(503)
    with pytest.raises(HarnessError, match="the Gateway answers 503 for HTTPRoute collector"):
        Stack().wait_until_well()


def test_a_route_has_settled_once_its_latest_generation_is_accepted(cluster: Cluster) -> None:
    cluster.routes = [route(accepted=1)]
    with pytest.raises(HarnessError, match="HTTPRoute collector is not accepted"):
        Stack().wait_until_well()
