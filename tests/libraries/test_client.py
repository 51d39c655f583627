"""One connection serves all that reads or changes the cluster; what goes wrong with it is one sentence."""

from __future__ import annotations

import base64
import http.server
import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from disruption.changes import Changes
from disruption.visitors import Visitors
from kube.client import CLUSTER, ClusterClient, ClusterError, status_of
from kube.objects import Objects
from kube.pods import Pods

PASSWORD = "what-nobody-may-know"  # noqa: S105 - nobody's
BINARY = b"\xff\xfe"
VERSION = dict.fromkeys(
    ("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "major", "minor", "platform"), ""
) | {"gitVersion": "v1.37.0"}
SECRET = {
    "kind": "Secret",
    "metadata": {"name": "mlflow-admin", "namespace": "n"},
    "data": {
        "password": base64.b64encode(PASSWORD.encode()).decode(),
        "store": base64.b64encode(BINARY).decode(),
    },
}
FORBIDDEN = {"kind": "Status", "code": 403, "message": 'secrets "other" is forbidden: User "u" cannot get'}
ANSWERS: dict[str, tuple[int, Any]] = {
    "/version/": (200, VERSION),
    "/version": (200, VERSION),
    "/api": (200, {"kind": "APIVersions", "versions": ["v1"]}),
    "/apis": (200, {"kind": "APIGroupList", "groups": []}),
    "/api/v1": (
        200,
        {
            "kind": "APIResourceList",
            "resources": [
                {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get", "list"]}
            ],
        },
    ),
    "/api/v1/namespaces/n/secrets/mlflow-admin": (200, SECRET),
    "/api/v1/namespaces/n/secrets/other": (403, FORBIDDEN),
    "/api/v1/namespaces/n/pods/p/log": (200, "one\ntwo\n"),
}


class _ApiServer(http.server.BaseHTTPRequestHandler):
    """An API server that knows Secrets, and everybody or nobody."""

    status: int | None = None

    def do_GET(self) -> None:
        status, body = ANSWERS.get(urlsplit(self.path).path, (404, {"message": "not found"}))
        self.send_response(self.status or status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

    def log_message(self, *_: object) -> None:
        pass


def write_kubeconfig(folder: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a kubeconfig for an API server on this machine, and let the client keep its caches there too."""
    named = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "u"}}],
        "clusters": [named],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (folder / "config").write_text(json.dumps(config))
    # The client reads KUBECONFIG when it is imported, and caches what it discovers in the temporary folder.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "config"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture
def api_server() -> Iterator[http.server.ThreadingHTTPServer]:
    handler = type("Handler", (_ApiServer,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def cluster(
    api_server: http.server.ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ClusterClient:
    write_kubeconfig(tmp_path, api_server.server_port, monkeypatch)
    return ClusterClient()


def test_a_connection_that_fails_later_is_one_sentence(
    cluster: ClusterClient, api_server: http.server.ThreadingHTTPServer
) -> None:
    pods = Pods(cluster)
    assert cluster.library
    api_server.shutdown()
    api_server.server_close()
    pod = {"metadata": {"name": "p", "namespace": "n"}}
    with pytest.raises(ClusterError, match=r"^Cannot read .* on port 8888 of pod p: connection refused\.$"):
        pods.read_from_pod(pod, 8888, "metrics")
    (answer,) = pods.connect_from_pods([(pod, "c")], [("mlflow", 5000)], 1)
    assert str(answer).endswith(": connection refused.")


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
    assert Pods(cluster).read_log({"metadata": {"name": "p", "namespace": "n"}}, "c") == ["one", "two"]


def test_what_may_not_be_read_is_said_in_the_api_servers_words(cluster: ClusterClient) -> None:
    with pytest.raises(ClusterError) as rejected:
        Objects(cluster).read_object("v1", "Secret", "other", "n")
    assert str(rejected.value) == (
        'Cannot read Secret other in namespace n: 403 secrets "other" is forbidden: User "u" cannot get.'
    )
    assert status_of(rejected.value) == 403


def test_a_kind_that_the_cluster_does_not_know_is_said(cluster: ClusterClient) -> None:
    with pytest.raises(ClusterError, match=r"^Cannot read Routes: this cluster does not know that kind\.$"):
        Objects(cluster).read_objects("route.openshift.io/v1", "Route")


def test_the_context_and_the_version_are_named(cluster: ClusterClient) -> None:
    found = Objects(cluster).connect_to_the_cluster()
    assert (found["context"], found["version"]) == ("here", "v1.37.0")


def test_a_rejected_kubeconfig_is_one_sentence(
    cluster: ClusterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWERS, "/version/", (401, {}))
    monkeypatch.setitem(ANSWERS, "/version", (401, {}))
    with pytest.raises(ClusterError, match=r"rejects this kubeconfig: 401 Unauthorized\.$"):
        _ = cluster.library


def test_no_kubeconfig_and_no_server_are_one_sentence_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kubeconfig(tmp_path, 1, monkeypatch)
    with pytest.raises(
        ClusterError, match=r"http://127.0.0.1:1 could not be asked: connection refused; is the cluster up\?$"
    ):
        _ = ClusterClient().library
    (tmp_path / "config").unlink()
    with pytest.raises(ClusterError, match=r"No cluster to verify: no usable kubeconfig .*; set KUBECONFIG"):
        _ = ClusterClient().library
