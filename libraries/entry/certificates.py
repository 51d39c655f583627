"""Certificates of https entry points."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from robot.api.deco import keyword, library

from connection_failures import describe_failure
from entry.addresses import host_and_port, parse_address
from entry.entry_point import EntryPoint
from entry.http_requests import RequestError

CONNECTION_LIMIT = 3  # seconds


@library(scope="GLOBAL")
class Certificates:
    """Verifies certificates."""

    @keyword
    def certificate_should_be_trusted(self, entry: EntryPoint) -> None:
        """Fail unless an https entry point presents a certificate for its host from an authority we trust."""
        verified_certificate(entry)


def verified_certificate(entry: EntryPoint) -> bytes:
    """Return the certificate (DER) that an https entry point presents, verified as requests verifies it.

    Raises RequestError, with what to do, where it cannot be reached or is not to be trusted.
    """
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = Path(named or DEFAULT_CA_BUNDLE_PATH)
    context = (
        ssl.create_default_context(capath=bundle)
        if bundle.is_dir()
        else ssl.create_default_context(cafile=bundle)
    )
    host, port = host_and_port(entry.url)
    address = parse_address(entry.address) if entry.address else (host, port)
    try:
        with (
            socket.create_connection(address, timeout=CONNECTION_LIMIT) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""
    except OSError as error:
        raise RequestError(entry, describe_failure(error)) from error
