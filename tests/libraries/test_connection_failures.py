"""A failed connection is named in the same words, whichever client met it."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import trustme
import urllib3

from agent.client import AgentClient
from connection_failures import ConnectionFailure, describe_failure
from entry.addresses import entry_point_at
from entry.entry_point import EntryPoint
from entry.http_requests import RequestError, send_request
from traces.mlflow_reader import MlflowError, MlflowTraces
from traces.phoenix_reader import PhoenixError, PhoenixTraces

LIMIT = 0.5


def serve(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield a port of this machine, where each connection gets that answer and is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection)
                    except OSError:
                        continue

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def closing_port() -> Iterator[int]:
    yield from serve(lambda _: None)


@pytest.fixture
def other_protocol_port() -> Iterator[int]:
    yield from serve(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))


@pytest.fixture
def tls_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return a port with a certificate for known.example, of an authority that requests trusts."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("known.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.crt"))
    yield from serve(lambda connection: context.wrap_socket(connection, server_side=True).close())


def met(entry: EntryPoint) -> ConnectionFailure:
    """Return the failure that a request meets there."""
    with pytest.raises(RequestError) as raised:
        send_request(entry, "GET", "/", LIMIT)
    assert raised.value.__cause__
    return describe_failure(raised.value)


def here(port: int, scheme: str = "http") -> EntryPoint:
    return EntryPoint(f"{scheme}://127.0.0.1:{port}")


def test_a_refused_connection(closed_port: int) -> None:
    assert met(here(closed_port)) == ConnectionFailure("refused", "connection refused")


def test_a_name_that_does_not_resolve() -> None:
    failure = met(EntryPoint("http://no-such-name.invalid"))
    assert failure.kind == "name"
    assert failure.description.startswith("its host name does not resolve (")


def test_a_server_that_does_not_answer(open_port: int) -> None:
    assert met(here(open_port)) == ConnectionFailure("timeout", "no answer within 0.5 s")


def test_a_server_that_closes_the_connection(closing_port: int) -> None:
    failure = met(here(closing_port))
    assert failure == ConnectionFailure("closed", "it closed the connection without an answer")


def test_a_server_that_speaks_another_protocol(other_protocol_port: int) -> None:
    assert met(here(other_protocol_port)).kind == "no HTTP"


def test_a_server_without_tls(closing_port: int) -> None:
    failure = met(here(closing_port, "https"))
    assert failure.kind == "tls"
    assert failure.description.startswith("TLS failed (")


def test_a_certificate_for_another_host(tls_port: int) -> None:
    failure = met(entry_point_at("https://other.example", ("127.0.0.1", tls_port)))
    assert failure.kind == "certificate"
    assert "Hostname mismatch" in failure.description


def test_a_certificate_of_an_unknown_authority(tls_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    entry = entry_point_at("https://known.example", ("127.0.0.1", tls_port))
    assert met(entry).kind == "certificate"
    with pytest.raises(
        RequestError, match=r"not trusted \(.*\); where the cluster's own .*REQUESTS_CA_BUNDLE\.$"
    ):
        send_request(entry, "GET", "/", LIMIT)


def test_a_proxy_that_is_not_there(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    assert met(EntryPoint("http://mlflow.example")) == ConnectionFailure(
        "proxy", "the proxy gave no connection (connection refused)"
    )


def test_a_url_that_is_none() -> None:
    assert met(EntryPoint("mlflow:5000")).kind == "no URL"


@pytest.mark.parametrize(
    ("error", "kind", "description"),
    [
        (OSError(113, "No route to host"), "unreachable", "unreachable (No route to host)"),
        (TimeoutError("timed out"), "timeout", "no connection in time"),
        (ValueError("a\nb"), "other", "ValueError: a b"),
        (requests.ConnectionError(), "other", "ConnectionError"),
        (
            urllib3.exceptions.MaxRetryError(
                urllib3.HTTPConnectionPool("10.96.0.1", 443),
                "/version",
                urllib3.exceptions.ConnectTimeoutError(
                    None, "Connection to 10.96.0.1 timed out. (connect timeout=10)"
                ),
            ),
            "timeout",
            "no connection within 10 s",
        ),
    ],
    ids=str,
)
def test_other_errors(error: Exception, kind: str, description: str) -> None:
    assert describe_failure(error) == ConnectionFailure(kind, description)  # type: ignore[arg-type]


def test_every_reader_names_the_failure(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    entry, mlflow = here(closed_port), MlflowTraces()
    mlflow.use_mlflow_at(entry)
    with pytest.raises(MlflowError, match=r"asked for experiment weather-agent: connection refused$"):
        mlflow.read_experiment("weather-agent")
    with pytest.raises(MlflowError, match=r"asked for its version: connection refused$"):
        mlflow.read_version()
    with pytest.raises(PhoenixError, match=f"Phoenix at {entry} could not be asked: connection refused$"):
        PhoenixTraces().read_trace(entry, "default", "a" * 32)
    question = AgentClient().ask_the_agent(entry, "?", "c-1", LIMIT)
    assert question.failure == "the request failed: connection refused"


def test_an_agent_that_does_not_answer_in_time_fails_the_question(open_port: int) -> None:
    question = AgentClient().ask_the_agent(here(open_port), "?", "c-1", LIMIT)
    assert (question.answer, question.failure) == ("", "the request failed: no answer within 0.5 s")
