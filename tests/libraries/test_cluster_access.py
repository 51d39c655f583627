"""Requests and programs in pods reach an API server over TLS, by plugins, token files and proxies."""

from __future__ import annotations

import base64
import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from kube.client import ClusterClient, ClusterError
from kube.objects import Objects
from kube.pods import Pods
from tests.libraries.api_server import EXEC, POD, PRINTED, ApiServer, make_kubeconfig, run_api_server
from tests.libraries.forward_proxies import Proxy, run_http_proxy, run_socks_proxy

HOST = "api.cluster.example"  # which no name server knows, so only a proxy leads there
PLUGIN = """
import json, os, pathlib, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
runs = pathlib.Path(sys.argv[1])
number = len(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text("x" * number)
status = json.loads(os.environ["STATUS"].replace("NUMBER", str(number)))
print(json.dumps({"kind": "ExecCredential", "apiVersion": info["apiVersion"], "status": status}))
"""
Connect = Callable[..., ClusterClient]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[ApiServer]:
    """Run an API server whose certificate is for HOST and for 127.0.0.1, and which may be shown one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)
    authority.issue_cert(HOST, "127.0.0.1").configure_cert(context)
    with run_api_server(context) as running:
        yield running


@pytest.fixture
def connect(
    server: ApiServer, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Connect:
    """Return what makes a client, by a kubeconfig for that server, of a user and of fields of the cluster."""

    def made(user: dict[str, Any] | None = None, *, host: str = "127.0.0.1", **cluster: Any) -> ClusterClient:  # noqa: ANN401
        trusted = base64.b64encode(authority.cert_pem.bytes()).decode()
        fields = {"certificate-authority-data": trusted, **cluster}
        config = make_kubeconfig(f"https://{host}:{server.port}", user, **fields)
        (tmp_path / "config").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        return ClusterClient()

    return made


def plugin(folder: Path, status: object, **more: object) -> dict[str, Any]:
    """Return a user that logs in by a plugin. NUMBER in its answer is how many times it was run."""
    (folder / "plugin.py").write_text(PLUGIN)
    said = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never",
        "command": sys.executable,
        "args": [str(folder / "plugin.py"), str(folder / "runs")],
        "env": [{"name": "STATUS", "value": json.dumps(status)}],
    }
    return {"exec": {**said, **more}}


def log_in(cluster: ClusterClient, server: ApiServer) -> list[str | None]:
    """Return the header Authorization of a request, and that of a program in a pod."""
    assert Pods(cluster).read_log(POD, "c") == ["one", "two"]
    assert Pods(cluster).run_in_pod(POD, "c", ["true"]) == PRINTED
    return [server.last_headers(path)["Authorization"] for path in (EXEC.replace("exec", "log"), EXEC)]


def test_a_token_is_sent(connect: Connect, server: ApiServer) -> None:
    assert log_in(connect({"token": "t"}), server) == ["Bearer t", "Bearer t"]


def test_a_name_and_a_password_are_sent(connect: Connect, server: ApiServer) -> None:
    basic = f"Basic {base64.b64encode(b'u:p').decode()}"
    assert log_in(connect({"username": "u", "password": "p"}), server) == [basic, basic]


def test_a_token_file_wins_over_a_token_and_is_read_anew(
    connect: Connect, server: ApiServer, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("first\n")
    cluster = connect({"token": "old", "tokenFile": "token"})
    assert log_in(cluster, server) == ["Bearer first", "Bearer first"]
    (tmp_path / "token").write_text("second\n")
    assert log_in(cluster, server) == ["Bearer second", "Bearer second"]
    (tmp_path / "token").unlink()
    with pytest.raises(
        ClusterError, match=r"^Cannot read .* the token file of user u cannot be read: /.*/token: No"
    ):
        Pods(cluster).read_log(POD, "c")


def test_a_plugin_logs_in_and_is_run_again_when_its_token_ends(
    connect: Connect, server: ApiServer, tmp_path: Path
) -> None:
    lasting = plugin(tmp_path, {"token": "NUMBER"})
    cluster = connect(lasting)
    assert log_in(cluster, server) + log_in(cluster, server) == ["Bearer 1"] * 4
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    cluster = connect(plugin(tmp_path, {"token": "NUMBER", "expirationTimestamp": now}))
    first, second = log_in(cluster, server)
    assert first != second


def test_a_plugin_with_a_certificate_shows_it(
    connect: Connect, authority: trustme.CA, server: ApiServer, tmp_path: Path
) -> None:
    own = authority.issue_cert("u@cluster.example")
    status = {
        "clientCertificateData": own.cert_chain_pems[0].bytes().decode(),
        "clientKeyData": own.private_key_pem.bytes().decode(),
    }
    assert log_in(connect(plugin(tmp_path, status)), server) == [None, None]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"command": "/missing/plugin", "installHint": "Install it.\nAnd more."},
            "No such file or directory (Install it.)",
        ),
        ({"args": ["-c", "import sys; sys.exit('log in first')"]}, "exec: process returned 1. log in first"),
        (
            {"args": ["-c", "print(1, 2)"]},
            "exec: failed to decode process output: Extra data: line 1 column 3 (char 2)",
        ),
        ({"env": [{"name": "STATUS", "value": "{}"}]}, "it answered neither a token nor a certificate"),
    ],
)
def test_a_plugin_that_fails_is_an_error_and_no_anonymous_request(
    connect: Connect, server: ApiServer, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    cluster = connect(plugin(tmp_path, {"token": "t"}, **changes))
    with pytest.raises(ClusterError) as failed:
        _ = cluster.connection
    command = changes.get("command", sys.executable)
    assert str(failed.value) == (
        f"No cluster to verify: the login plugin {command} of user u failed: {reason}."
    )
    assert not server.requests


def test_a_plugin_whose_token_ends_at_no_time_is_an_error(connect: Connect, tmp_path: Path) -> None:
    cluster = connect(plugin(tmp_path, {"token": "t", "expirationTimestamp": "soon"}))
    with pytest.raises(
        ClusterError, match=r"the login plugin of user u: Invalid isoformat string: 'soon'\.$"
    ):
        _ = cluster.connection


def oidc(expires: float) -> dict[str, Any]:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return {"auth-provider": {"name": "oidc", "config": {"id-token": f"e30.{claims}.c2ln"}}}


def test_a_login_of_auth_provider_oidc_is_used_while_it_is_valid(connect: Connect, server: ApiServer) -> None:
    user = oidc((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    token = user["auth-provider"]["config"]["id-token"]
    assert log_in(connect(user), server) == [f"Bearer {token}"] * 2


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (oidc(1), r"the OIDC login of user u has expired: renew it with any kubectl command"),
        ({"auth-provider": {"name": "oidc"}}, r"the OIDC login of user u has expired"),
        ({"auth-provider": {"name": "gcp"}}, r"logs in by auth-provider gcp, which kubectl has no more"),
        (
            {"client-certificate": "u.crt", "client-key": "u.key"},
            r"not there: File does not exist: .*/u\.crt",
        ),
        ({"client-certificate-data": "a", "client-key-data": "a"}, r"here are not there: Invalid base64"),
    ],
)
def test_a_login_that_cannot_be_used_is_one_sentence(
    connect: Connect, user: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClusterError, match=rf"^No cluster to verify: .*{reason}"):
        _ = connect(user).connection


def test_no_message_shows_a_token_that_is_none(connect: Connect) -> None:
    with pytest.raises(ClusterError) as wrong:
        _ = connect({"token": "top\nsecret"}).connection
    assert str(wrong.value).endswith("the token of user u has characters that no request can carry.")
    assert "secret" not in str(wrong.value)


def test_a_certificate_that_is_none_is_named(connect: Connect) -> None:
    none = base64.b64encode(b"no certificate").decode()
    sentence = r"TLS failed \(.*\); check that `server` .* speaks HTTPS, and check its certificates\."
    with pytest.raises(ClusterError, match=sentence):
        _ = connect({"client-certificate-data": none, "client-key-data": none}).connection


def test_another_identity_is_taken_on(connect: Connect, server: ApiServer) -> None:
    user = {
        "token": "t",
        "as": "other",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"x/y": ["z"]},
    }
    assert log_in(connect(user), server) == ["Bearer t"] * 2
    for path in (EXEC.replace("exec", "log"), EXEC):
        headers = server.last_headers(path)
        assert headers["Impersonate-User"] == "other"
        assert headers["Impersonate-Uid"] == "7"
        assert headers.get_all("Impersonate-Group") == ["a", "b"]
        assert headers["Impersonate-Extra-x%2Fy"] == "z"


def test_the_servers_name_in_its_certificate_can_be_another_one(connect: Connect, server: ApiServer) -> None:
    with pytest.raises(
        ClusterError, match=r"its certificate is not trusted \(.*localhost.*\); name its authority in"
    ):
        _ = connect(host="localhost").connection
    assert log_in(connect(host="localhost", **{"tls-server-name": HOST}), server)


def test_the_certificate_is_verified_unless_the_kubeconfig_says_otherwise(
    connect: Connect, server: ApiServer
) -> None:
    other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    distrusting = {"certificate-authority-data": other}
    with pytest.raises(
        ClusterError, match=r"certificate is not trusted .* name its authority in certificate-authority"
    ):
        _ = connect(**distrusting).connection
    assert log_in(connect(**distrusting, **{"insecure-skip-tls-verify": True}), server)


@pytest.mark.parametrize(
    "server_url", ["192.0.2.7:6443", "https://192.0.2.7:99999", "", "https://", "ftp://192.0.2.7"]
)
def test_a_server_that_is_no_url_is_named(connect: Connect, server_url: str) -> None:
    with pytest.raises(
        ClusterError, match=rf"cluster c has the server '{server_url}': write a URL, as https://"
    ):
        _ = connect(server=server_url).connection


@pytest.fixture(params=[("http", run_http_proxy), ("socks5", run_socks_proxy)], ids=["http", "socks5"])
def proxy(request: pytest.FixtureRequest, server: ApiServer) -> Iterator[tuple[str, Proxy]]:
    """Run a proxy to that server; return its URL too."""
    scheme, run = request.param
    with run(server.port) as running:
        yield f"{scheme}://{running.address}", running


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_requests_and_programs_in_pods_go_through_the_proxy_of_the_environment(
    connect: Connect,
    server: ApiServer,
    proxy: tuple[str, Proxy],
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, proxy[0])
    assert log_in(connect(host=HOST), server)
    assert set(proxy[1].asked) == {f"{HOST}:{server.port}"}
    assert len(proxy[1].asked) >= 3  # the version, other requests, and the program in the pod


def test_no_proxy_does_not_concern_the_proxy_of_the_kubeconfig(
    connect: Connect, server: ApiServer, proxy: tuple[str, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert log_in(connect(host=HOST, **{"proxy-url": proxy[0]}), server)
    assert set(proxy[1].asked) == {f"{HOST}:{server.port}"}


@pytest.mark.parametrize(
    "exceptions", ["*", " api.cluster.example , other", ".cluster.example", "other,cluster.example"]
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_names_is_asked_directly(
    connect: Connect, exceptions: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, exceptions)
    with pytest.raises(ClusterError, match=r"its host name does not resolve .*; correct `server`"):
        _ = connect(host=HOST).connection


def test_this_machine_is_asked_directly(
    connect: Connect, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert log_in(connect(), server)


def test_a_proxy_gets_its_login_and_no_message_shows_it(
    connect: Connect, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_http_proxy(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:top%20secret@{proxy.address}")
        assert log_in(connect(host=HOST), server)
    assert set(proxy.logins) == {f"Basic {base64.b64encode(b'me:top secret').decode()}"}
    with pytest.raises(ClusterError) as failed:
        _ = connect(host=HOST).connection
    assert f"through the proxy http://{proxy.address}: the proxy" in str(failed.value)
    assert "connection refused); correct the proxy, or name the server's host in NO_PROXY." in str(
        failed.value
    )
    assert "secret" not in str(failed.value)


def test_a_server_that_does_not_answer_is_given_up(
    connect: Connect, open_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kube.client.CONNECT_LIMIT", 0.2)
    started = time.monotonic()
    with pytest.raises(ClusterError, match=r"no answer within 0\.2 s; bring the cluster up"):
        _ = connect(server=f"http://127.0.0.1:{open_port}").connection
    assert time.monotonic() - started < 5


def test_the_context_is_the_one_that_the_cluster_is_asked_by(connect: Connect) -> None:
    assert Objects(connect()).connect_to_the_cluster()["context"] == "here"
