"""Certificates of https entry points."""

from __future__ import annotations

import socket

from robot.api.deco import keyword, library

from connection_failures import describe_failure
from entry.addresses import host_and_port, parse_address
from entry.entry_point import EntryPoint, Tls
from entry.http_requests import RequestError
from entry.tls import make_context

CONNECTION_LIMIT = 3  # seconds


@library(scope="GLOBAL")
class Certificates:
    """Verifies certificates."""

    @keyword
    def certificate_should_be_trusted(self, entry: EntryPoint) -> None:
        """Fail unless an https entry point presents a certificate for its host from an authority we trust."""
        verified_certificate(entry)


def verified_certificate(entry: EntryPoint) -> bytes:
    """Return the certificate (DER) that an https entry point presents, verified as requests to it verify it.

    Raises RequestError, with what to do, where it cannot be reached or is not to be trusted.
    """
    host, port = host_and_port(entry.url)
    address = parse_address(entry.address) if entry.address else (host, port)
    try:
        context = make_context(entry.tls or Tls())
        with (
            socket.create_connection(address, timeout=CONNECTION_LIMIT) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""
    except OSError as error:
        raise RequestError(entry, describe_failure(error)) from error
