"""A Service without a route is reached at its Ready pods, through a port of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from robot.api.types import Secret

from entry.entry_point import EntryError
from entry.http_requests import RequestError, send_request
from entry.logins import Logins
from entry.port_forward import PortForward
from entry.tokens import ClientCredentials, TokenError
from kube.model import Object
from tests.libraries.echo import echo_server

HOST = "mlflow.system.svc.cluster.local"
HTTP = {"name": "http", "port": 5000, "targetPort": "web"}


def service(*ports: dict[str, Any], **selector: str) -> Object:
    return {
        "metadata": {"namespace": "system", "name": "mlflow"},
        "spec": {"ports": list(ports), "selector": selector or {"app": "mlflow", "tier": "a"}},
    }


def pod(name: str, ready: str = "True", **metadata: str) -> Object:
    return {
        "metadata": {"name": name, "namespace": "system"} | metadata,
        "spec": {"containers": [{"name": "mlflow", "ports": [{"name": "web", "containerPort": 5001}]}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


class Cluster:
    """A cluster with pods, each of which is a server on this machine."""

    def __init__(self, address: str, *pods: Object) -> None:
        """Connect to that address whatever the pod is."""
        self.address, self.pods = address, list(pods)
        self.selectors: list[str] = []
        self.connected: list[tuple[str, int]] = []

    def read_objects(self, _version: str, _kind: str, _namespace: str, selector: str) -> list[Object]:
        """Return the pods."""
        self.selectors.append(selector)
        return self.pods

    def read_object(self, _version: str, _kind: str, _name: str, _namespace: str) -> Object:
        """Return the Service."""
        return service(HTTP)

    def connect_to_pod(self, found: Object, port: int) -> socket.socket:
        """Return a connection to the server, and remember for what."""
        self.connected.append((found["metadata"]["name"], port))
        host, _, number = self.address.rpartition(":")
        return socket.create_connection((host, int(number)))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with echo_server() as address:
        yield Cluster(address, pod("starting", "False"), pod("old", deletionTimestamp="now"), pod("new"))


def forward(cluster: Cluster) -> PortForward:
    return PortForward(cluster, cluster)  # type: ignore[arg-type] # it has what is used of both


def test_a_service_is_reached_by_its_name_at_a_ready_pod(cluster: Cluster) -> None:
    entry = forward(cluster).get_entry_point_of_service(service(HTTP))
    assert entry.url == f"http://{HOST}:5000"
    assert str(entry) == f"{entry.url} (by port-forward: no route leads there)"
    assert send_request(entry, "GET", "/", 5).text == f"{HOST}:5000"
    assert set(cluster.connected) == {("new", 5001)}
    assert set(cluster.selectors) == {"app=mlflow,tier=a"}


def test_each_connection_goes_to_a_pod_that_is_ready_then(cluster: Cluster) -> None:
    entry = forward(cluster).get_entry_point_of_service(service(HTTP))
    cluster.pods[:] = [pod("newer")]
    assert send_request(entry, "GET", "/", 5).text == f"{HOST}:5000"
    assert cluster.connected[-1] == ("newer", 5001)
    cluster.pods.clear()
    with pytest.raises(RequestError, match="it closed the connection without an answer"):
        send_request(entry, "GET", "/", 5)


def test_one_port_of_this_machine_serves_for_all_requests(cluster: Cluster) -> None:
    forwarded = forward(cluster)
    first, second = (forwarded.get_entry_point_of_service(service(HTTP)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("ports", "url", "target"),
    [
        ([{"name": "grpc", "port": 4317}, HTTP], f"http://{HOST}:5000", 5001),
        ([{"appProtocol": "grpc", "port": 1}, {"appProtocol": "http", "port": 2}], f"http://{HOST}:2", 2),
        ([{"port": 80, "targetPort": 8080}, {"name": "x", "port": 2}], f"http://{HOST}", 8080),
        ([{"name": "https", "port": 8443}], f"https://{HOST}:8443", 8443),
    ],
)
def test_the_port_is_the_one_that_speaks_http(
    ports: list[dict[str, Any]], url: str, target: int, cluster: Cluster
) -> None:
    assert forward(cluster).get_entry_point_of_service(service(*ports)).url == url
    assert cluster.connected == [("new", target)]


@pytest.mark.parametrize(
    ("ports", "why"),
    [
        ([], "Service system/mlflow has no port"),
        ([{"port": 80, "targetPort": "other"}], "Pod new has no port other, which its Service leads to"),
    ],
)
def test_a_service_without_a_port_is_named(ports: list[dict[str, Any]], why: str, cluster: Cluster) -> None:
    with pytest.raises(EntryError, match=why):
        forward(cluster).get_entry_point_of_service(service(*ports))


def test_a_service_without_a_ready_pod_is_named(cluster: Cluster) -> None:
    cluster.pods.pop()
    with pytest.raises(EntryError, match="Service system/mlflow has no Ready pod"):
        forward(cluster).get_entry_point_of_service(service(HTTP))


def test_the_token_url_of_a_provider_in_the_cluster_is_reached_so_too(cluster: Cluster) -> None:
    values = {
        "OIDC_CLIENT_ID": "me",
        "OIDC_CLIENT_SECRET": "word",
        "OIDC_TOKEN_URL": f"http://{HOST}:5000/token",
    }
    login = Logins(forward(cluster)).make_login_from_secret(
        "Secret mlflow-oauth-secret", {key: Secret(value) for key, value in values.items()}
    )
    assert isinstance(login, ClientCredentials)
    with pytest.raises(TokenError, match=rf"{HOST}:5000/token \(by port-forward\) gives client me no token"):
        login.read_token()
    assert cluster.connected == [("new", 5001)] * 2


def test_a_port_that_the_service_of_a_url_lacks_is_named(cluster: Cluster) -> None:
    with pytest.raises(EntryError, match="Service system/mlflow has no port 80, which http://mlflow names"):
        forward(cluster).get_entry_point_of_url("http://mlflow", "system", "mlflow")
