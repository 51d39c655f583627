"""TLS with MLflow is as mlflow's own client has it by its environment; REQUESTS_CA_BUNDLE is for all."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from entry.certificates import verified_certificate
from entry.entry_point import EntryError, EntryPoint
from entry.http_requests import RequestError, send_request
from entry.tls import TlsOfMlflow
from tests.libraries.echo import echo_server

SERVER, INSECURE, CLIENT = (
    f"MLFLOW_TRACKING_{name}" for name in ("SERVER_CERT_PATH", "INSECURE_TLS", "CLIENT_CERT_PATH")
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (SERVER, INSECURE, CLIENT, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)


class Pki:
    """An authority, its file, and the file of a client's certificate of it."""

    def __init__(self, folder: Path) -> None:
        """Make them in a folder."""
        self.authority = trustme.CA()
        self.file, self.client = folder / "ca.pem", folder / "client.pem"
        self.authority.cert_pem.write_to_path(str(self.file))
        self.authority.issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(
            str(self.client)
        )


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


def serve(pki: Pki, *, wants_certificate: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki.authority.issue_cert("127.0.0.1").configure_cert(context)
    if wants_certificate:
        pki.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def server(pki: Pki) -> Iterator[EntryPoint]:
    with echo_server(serve(pki, wants_certificate=False)) as address:
        yield EntryPoint(f"https://{address}")


@pytest.fixture
def strict_server(pki: Pki) -> Iterator[EntryPoint]:
    with echo_server(serve(pki, wants_certificate=True)) as address:
        yield EntryPoint(f"https://{address}")


def ask(entry: EntryPoint) -> str:
    """Return the answer to a request of our own, made with the TLS of mlflow's client."""
    asked = TlsOfMlflow().with_tls_of_mlflow_client(entry)
    answer = send_request(asked, "GET", "/", 5).text
    assert verified_certificate(asked)
    return answer


def test_without_a_variable_only_known_authorities_are_trusted(server: EntryPoint) -> None:
    with pytest.raises(RequestError, match=r"certificate is not trusted .* REQUESTS_CA_BUNDLE"):
        ask(server)


@pytest.mark.parametrize("variable", [SERVER, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_authority_of_the_server_may_be_named(
    variable: str, server: EntryPoint, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(pki.file))
    assert ask(server) in server.url


def test_the_file_for_mlflow_wins(server: EntryPoint, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pki.client))
    monkeypatch.setenv(SERVER, str(pki.file))
    assert ask(server) in server.url


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_the_certificate_may_go_unverified_and_that_is_said(
    value: str, server: EntryPoint, monkeypatch: pytest.MonkeyPatch, pki: Pki
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pki.client))
    monkeypatch.setenv(INSECURE, value)
    assert ask(server) in server.url
    entry = TlsOfMlflow().with_tls_of_mlflow_client(server)
    assert str(entry) == f"{server.url} (its certificate is not verified)"


def test_a_certificate_of_the_client_is_shown(
    strict_server: EntryPoint, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVER, str(pki.file))
    with pytest.raises(RequestError, match=CLIENT):
        send_request(TlsOfMlflow().with_tls_of_mlflow_client(strict_server), "GET", "/", 5)
    monkeypatch.setenv(CLIENT, str(pki.client))
    assert ask(strict_server) in strict_server.url


@pytest.mark.parametrize("variable", [SERVER, CLIENT])
def test_a_file_that_is_not_there_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/no/such.pem")
    with pytest.raises(EntryError, match=rf"^{variable} names /no/such.pem, which does not exist\.$"):
        ask(EntryPoint("https://mlflow.example"))


def test_a_missing_bundle_is_named_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch, server: EntryPoint
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(EntryError, match=r"^REQUESTS_CA_BUNDLE names /no/such.pem"):
        ask(server)
    with echo_server() as address:
        assert send_request(EntryPoint(f"http://{address}"), "GET", "/", 5).text == address


def test_two_variables_that_exclude_each_other_are_named(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER, str(pki.file))
    monkeypatch.setenv(INSECURE, "true")
    with pytest.raises(EntryError, match=f"{INSECURE} and {SERVER} exclude each other"):
        ask(EntryPoint("https://mlflow.example"))


def test_a_file_without_a_certificate_is_named(
    server: EntryPoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    monkeypatch.setenv(SERVER, str(tmp_path / "empty.pem"))
    entry = TlsOfMlflow().with_tls_of_mlflow_client(server)
    for ask_for_it in (verified_certificate, lambda each: send_request(each, "GET", "/", 5)):
        with pytest.raises(RequestError, match=r"empty\.pem|TLS failed"):
            ask_for_it(entry)
