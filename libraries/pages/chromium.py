"""Chromium's command line: how it reaches the entry points, and whose certificates it trusts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entry.certificates import verified_certificate
from entry.entry_point import EntryPoint, Tls
from entry.tls import trusts_more_than_default

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # Chromium's own sandbox does not work for root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",  # animations take a tenth of the processor time of a page
    "--no-first-run",
    "--window-size=1600,1000",
)


def address_switches(entries: Iterable[EntryPoint]) -> list[str]:
    """Return the switches that make Chromium reach the entry points.

    It connects to an entry point's address without asking a name server for the host. Where every entry
    point has an address, it reaches nothing else: what a page asks of the internet (fonts, a newer version)
    decides no test.
    """
    entries = list(entries)
    rules = [f"MAP {urlsplit(entry.url).netloc} {entry.address}" for entry in entries if entry.address]
    if len(rules) < len(entries):
        return [f"--host-resolver-rules={', '.join(rules)}"] if rules else []
    return [f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND'])}", "--no-proxy-server"]


def trust_switches(entries: Iterable[EntryPoint]) -> list[str]:
    """Return the switch that makes Chromium trust the authorities that requests to the entry points trust.

    Chromium reads no such file. So each certificate is verified here first, and then Chromium gets its key
    (the SHA-256 of its SubjectPublicKeyInfo). Raises RequestError where one is not to be trusted.
    """
    secure = [entry for entry in entries if entry.is_secure and trusts_more_than_default(entry.tls or Tls())]
    if not secure:
        return []
    keys = {
        x509.load_der_x509_certificate(verified_certificate(entry))
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for entry in secure
    }
    hashes = sorted(base64.b64encode(hashlib.sha256(key).digest()).decode() for key in keys)
    return [f"--ignore-certificate-errors-spki-list={','.join(hashes)}"]
