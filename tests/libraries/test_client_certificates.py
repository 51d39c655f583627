"""A browser that has no certificate reaches a server that wants one, through a relay that shows ours."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from entry.addresses import entry_point_at, parse_address
from entry.entry_point import EntryPoint, Tls
from entry.http_requests import RequestError, send_request
from pages.chromium import address_switches, trust_switches
from pages.client_certificates import ClientCertificate
from tests.libraries.echo import echo_server


@pytest.mark.parametrize("host", ["mlflow.example", "127.0.0.1"])
def test_the_relay_shows_the_certificate_and_has_one_for_the_servers_host(host: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    trusted, ours = tmp_path / "ca.pem", tmp_path / "ours.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert("us.example").private_key_and_cert_chain_pem.write_to_path(str(ours))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with echo_server(context) as address:
        port = parse_address(address)[1]
        wanted = EntryPoint(f"https://{host}:{port}", address, tls=Tls(str(trusted), str(ours)))
        shown = ClientCertificate(wanted, tmp_path)
        assert shown.entry.address
        assert (shown.entry.url, shown.entry.tls) == (wanted.url, Tls(str(tmp_path / f"{host}.pem")))
        entry_point_at(shown.entry.url, parse_address(shown.entry.address))
        assert send_request(shown.entry, "GET", "/", 5).text == f"{host}:{port}"
        assert shown.entry.address in address_switches([shown.entry])[0]
        assert trust_switches([shown.entry])[0].startswith("--ignore-certificate-errors-spki-list=")
        shown.close()
        with pytest.raises(RequestError):
            send_request(shown.entry, "GET", "/", 5)


def test_a_server_that_is_not_to_be_trusted_is_named(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    ours = tmp_path / "ours.pem"
    trustme.CA().issue_cert("us.example").private_key_and_cert_chain_pem.write_to_path(str(ours))
    with (
        echo_server(context) as address,
        pytest.raises(RequestError, match="its certificate is not trusted"),
    ):
        ClientCertificate(EntryPoint(f"https://{address}", tls=Tls(certificate=str(ours))), tmp_path)
