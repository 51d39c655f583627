"""Shows a server the certificate that it wants of its clients: Chromium alone needs a window for that.

A relay stands between the two. It has a certificate of its own for the server's host.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from entry.addresses import format_address, host_and_port, parse_address
from entry.certificates import verified_certificate
from entry.entry_point import EntryPoint, Tls
from entry.relay import Relay, Streams
from entry.tls import make_context

LIFETIME = dt.timedelta(days=1)


class ClientCertificate:
    """Makes an entry point that needs a client's certificate one that needs none, until it is closed."""

    def __init__(self, entry: EntryPoint, folder: Path) -> None:
        """Open the relay, whose certificate and key are written into a folder that is private to this run.

        Raises RequestError where the server is not to be trusted or does not accept the certificate.
        """
        verified_certificate(entry)
        host, port = host_and_port(entry.url)
        there = parse_address(entry.address) if entry.address else (host, port)
        context = make_context(entry.tls or Tls())

        async def connect() -> Streams:
            return await asyncio.open_connection(*there, ssl=context, server_hostname=host)

        file = folder / f"{host}.pem"
        _write_certificate(host, file)
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(file)
        self._relay = Relay(connect, own)
        self.entry = replace(entry, address=format_address(*self._relay.address), tls=Tls(str(file)))

    def close(self) -> None:
        """Close the relay."""
        self._relay.close()


def _write_certificate(host: str, file: Path) -> None:
    """Write a new certificate for a host, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay of the acceptance suites")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.touch(mode=0o600)
    file.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
