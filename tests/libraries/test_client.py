"""One connection serves all that reads or changes the cluster; what goes wrong with it is one sentence."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from KubeLibrary import KubeLibrary
from kubernetes import client

from disruption.changes import Changes
from disruption.visitors import Visitors
from kube.client import CLUSTER, ClusterClient, ClusterError, status_of
from kube.objects import Objects
from kube.pods import Pods
from tests.libraries.api_server import EXEC, POD, PRINTED, ApiServer, make_kubeconfig, run_api_server
from tests.libraries.echo import echo_server

PASSWORD = "what-nobody-may-know"  # noqa: S105 - nobody's
BINARY = b"\xff\xfe"
SECRET = {
    "kind": "Secret",
    "metadata": {"name": "mlflow-admin", "namespace": "n"},
    "data": {
        "password": base64.b64encode(PASSWORD.encode()).decode(),
        "store": base64.b64encode(BINARY).decode(),
    },
}
FORBIDDEN = {"kind": "Status", "code": 403, "message": 'secrets "other" is forbidden: User "u" cannot get'}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with run_api_server() as running:
        running.answers["/api/v1/namespaces/n/secrets/mlflow-admin"] = (200, SECRET)
        running.answers["/api/v1/namespaces/n/secrets/other"] = (403, FORBIDDEN)
        yield running


@pytest.fixture
def cluster(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterClient:
    use_kubeconfig(make_kubeconfig(f"http://127.0.0.1:{server.port}"), tmp_path, monkeypatch)
    return ClusterClient()


def use_kubeconfig(config: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a kubeconfig, and let it be the only one."""
    (folder / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(folder / "config"))


def test_a_connection_that_fails_later_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_api_server() as server:
        use_kubeconfig(make_kubeconfig(f"http://127.0.0.1:{server.port}"), tmp_path, monkeypatch)
        cluster = ClusterClient()
        assert cluster.connection
    pods = Pods(cluster)
    with pytest.raises(ClusterError, match=r"^Cannot read .* on port 8888 of pod p: connection refused\.$"):
        pods.read_from_pod(POD, 8888, "metrics")
    (answer,) = pods.connect_from_pods([(POD, "c")], [("mlflow", 5000)], 1)
    assert str(answer).endswith(": connection refused.")


def test_kubelibrary_asks_the_cluster_that_kubectl_would_ask_and_no_other(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "first", tmp_path / "last"]
    with run_api_server() as other:
        for file, port in zip(files, (server.port, other.port), strict=True):
            file.write_text(json.dumps(make_kubeconfig(f"http://127.0.0.1:{port}")))
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
        connection = ClusterClient().connection
        assert connection.get("v1", "Secret", name="mlflow-admin", namespace="n").to_dict() == SECRET
    assert isinstance(connection, KubeLibrary)
    assert other.requests == []
    default = client.Configuration.get_default_copy()
    assert (default.host, default.api_key) == (client.Configuration().host, {}), "nothing is left behind"


def test_kubelibrary_silences_no_warning(cluster: ClusterClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "KubeLibrary"]:
        monkeypatch.delitem(sys.modules, name)
    before = list(warnings.filters)
    assert cluster.connection
    assert warnings.filters == before


def test_reading_pods_changes_and_visitors_use_one_connection() -> None:
    users = (Objects(), Pods(), Changes(), Visitors())
    assert {id(user._cluster) for user in users} == {id(CLUSTER)}


def test_a_secret_is_read_and_no_log_shows_it(
    cluster: ClusterClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    values = Objects(cluster).read_secret("n", "mlflow-admin")
    assert values["password"].value == PASSWORD
    assert values["store"].value.encode(errors="surrogateescape") == BINARY
    assert "GET /api/v1/namespaces/n/secrets/mlflow-admin" in caplog.text, "the client's log is on"
    assert PASSWORD not in caplog.text
    assert SECRET["data"]["password"] not in caplog.text  # type: ignore[index]


def test_a_log_is_read_line_by_line(cluster: ClusterClient) -> None:
    assert Pods(cluster).read_log(POD, "c") == ["one", "two"]


def test_what_may_not_be_read_is_said_in_the_api_servers_words(cluster: ClusterClient) -> None:
    with pytest.raises(ClusterError) as rejected:
        Objects(cluster).read_object("v1", "Secret", "other", "n")
    assert str(rejected.value) == (
        'Cannot read Secret other in namespace n: 403 secrets "other" is forbidden: User "u" cannot get; '
        "docs/permissions.yaml has what the suites need."
    )
    assert status_of(rejected.value) == 403


def test_a_kind_that_the_cluster_does_not_know_is_said(cluster: ClusterClient) -> None:
    with pytest.raises(ClusterError, match=r"^Cannot read Routes: this cluster does not know that kind\.$"):
        Objects(cluster).read_objects("route.openshift.io/v1", "Route")


@pytest.mark.parametrize("items", [[{"metadata": {"name": "a"}}], [], None])
def test_objects_of_a_list_have_version_and_kind(
    items: list[object] | None, server: ApiServer, cluster: ClusterClient
) -> None:
    server.answers["/api/v1/namespaces/n/secrets"] = (200, {"kind": "SecretList", "items": items})
    expected = [{"apiVersion": "v1", "metadata": {"name": "a"}, "kind": "Secret"}] if items else []
    assert Objects(cluster).read_objects("v1", "Secret", "n") == expected


def test_the_context_and_the_version_are_named(cluster: ClusterClient) -> None:
    found = Objects(cluster).connect_to_the_cluster()
    assert (found["context"], found["version"]) == ("here", "v1.37.0")


def test_another_context_can_be_chosen(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_kubeconfig(f"http://127.0.0.1:{server.port}")
    use_kubeconfig({**config, "current-context": "elsewhere"}, tmp_path, monkeypatch)
    cluster = ClusterClient()
    cluster.choose_context("here")
    assert cluster.describe()["context"] == "here"


def test_a_program_s_output_comes_back(cluster: ClusterClient, server: ApiServer) -> None:
    assert Pods(cluster).run_in_pod(POD, "c", ["true"]) == PRINTED
    assert server.last_headers(EXEC)["Authorization"] == "Bearer t"


def test_a_program_that_may_not_be_run_is_said_in_the_api_servers_words(
    cluster: ClusterClient, server: ApiServer
) -> None:
    server.answers[EXEC] = (403, {"message": 'pods "p" is forbidden: User "u" cannot create pods/exec'})
    with pytest.raises(
        ClusterError, match=r'^Cannot run .* pod p: 403 pods "p" is forbidden: .* pods/exec; docs'
    ):
        Pods(cluster).run_in_pod(POD, "c", ["true"])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            (401, {"message": "Unauthorized"}),
            r"^The Kubernetes API at http://127\.0\.0\.1:\d+ \(context here\) does not accept the login of u "
            r"\(401 Unauthorized\): log in again, or choose another context\.$",
        ),
        (
            (404, "<html>Not here"),
            r"^There is no Kubernetes API at http://127\.0\.0\.1:\d+ \(context here\): it answers 404 "
            r"Not Found; correct `server` of the kubeconfig's cluster\.$",
        ),
        ((404, "404 page not found"), r"\(context here\): it answers 404 page not found; correct"),
        ((200, "3.17.2"), r"\(context here\): its /version names no version of it; correct `server`"),
        ((200, "<html>Log in"), r"\(context here\): its /version names no version of it; correct `server`"),
        (
            (200, {"version": "3.17.2"}),
            r"\(context here\): its /version names no version of it; correct `server`",
        ),
        ((503, "no healthy upstream"), r"\(context here\): it answers 503 no healthy upstream; correct"),
    ],
)
def test_an_api_that_does_not_let_us_in_and_one_that_is_none_are_one_sentence_each(
    cluster: ClusterClient, server: ApiServer, answer: tuple[int, object], sentence: str
) -> None:
    server.answers["/version"] = answer
    with pytest.raises(ClusterError, match=sentence):
        _ = cluster.connection


def test_a_version_that_may_not_be_read_is_no_failure(cluster: ClusterClient, server: ApiServer) -> None:
    server.answers["/version"] = (403, FORBIDDEN)
    assert cluster.describe()["version"] == "of a version that may not be read"


def test_no_kubeconfig_and_no_server_are_one_sentence_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    use_kubeconfig(make_kubeconfig(f"http://127.0.0.1:{closed_port}"), tmp_path, monkeypatch)
    with pytest.raises(
        ClusterError,
        match=r"^Cannot reach the Kubernetes API at http://127.0.0.1:\d+ \(context here\): connection "
        r"refused; bring the cluster up, or choose another context\.$",
    ):
        _ = ClusterClient().connection
    (tmp_path / "config").unlink()
    with pytest.raises(
        ClusterError, match=r"^No cluster to verify: there is no kubeconfig \(.*\); set KUBECONFIG"
    ):
        _ = ClusterClient().connection


PROXY = "/api/v1/namespaces/n/pods/p%3A8888/proxy/metrics"  # as the client writes it
UNREACHED = {
    "kind": "Status",
    "code": 503,
    "message": "error trying to reach service: dial tcp 10.0.0.1:8888",
}


def test_a_pod_that_the_api_server_does_not_reach_is_read_by_its_node(
    server: ApiServer, cluster: ClusterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers[PROXY] = (503, UNREACHED)
    pods = Pods(cluster)
    with echo_server() as address:
        host, _, port = address.rpartition(":")
        monkeypatch.setattr(pods, "connect_to_pod", lambda *_: socket.create_connection((host, int(port))))
        assert pods.read_from_pod(POD, 8888, "metrics") == "p:8888"


@pytest.mark.parametrize("status", [403, 503])
def test_the_first_answer_is_reported_where_a_pods_node_gives_none(
    status: int, server: ApiServer, cluster: ClusterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> socket.socket:
        assert status == 503
        raise ClusterError("Cannot forward port 8888 of pod p: forbidden.")

    server.answers[PROXY] = (status, UNREACHED | {"code": status})
    pods = Pods(cluster)
    monkeypatch.setattr(pods, "connect_to_pod", connect)
    with pytest.raises(ClusterError, match=rf"^Cannot read metrics on port 8888 of pod p: {status} error"):
        pods.read_from_pod(POD, 8888, "metrics")
