"""Names which failure a connection met. Every room asks here, so all messages say it in the same words."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal

from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, ReadTimeoutError

Kind = Literal[
    "certificate",
    "closed",
    "name",
    "no HTTP",
    "no URL",
    "other",
    "proxy",
    "refused",
    "timeout",
    "tls",
    "unreachable",
]
LONGEST = 200  # characters of an error that has no words of its own here


@dataclass(frozen=True)
class ConnectionFailure:
    """Why a connection or a request failed: the kind of failure, and the words for a message."""

    kind: Kind
    description: str

    def __str__(self) -> str:
        """Return the description, as in `The request to MLflow failed: connection refused`."""
        return self.description


def describe_failure(error: BaseException) -> ConnectionFailure:
    """Return which failure an error of socket, ssl, urllib3, requests or a client on top of them is about.

    Those wrap one error in another, and only an inner one says what happened.
    """
    for cause in _causes(error):
        for types, kind, describe in _KNOWN:
            if isinstance(cause, types):
                return ConnectionFailure(kind, describe(cause))
        if isinstance(cause, OSError) and cause.errno is not None:
            return ConnectionFailure("unreachable", f"unreachable ({cause.strerror})")
    text = " ".join(str(error).split())[:LONGEST]
    return ConnectionFailure("other", f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that it wraps, outermost first."""
    known: list[BaseException] = []
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if any(current is each for each in known):
            continue
        known.append(current)
        if not isinstance(current, NewConnectionError):  # to urllib3 any of them is a kind of timeout
            yield current
        wrapped = (getattr(current, "reason", None), current.__cause__, current.__context__, *current.args)
        waiting += [each for each in wrapped if isinstance(each, BaseException)]


def _limit(error: BaseException) -> str:
    """Return the time limit that an error of urllib3 writes, as `within 3 s`."""
    seconds = re.search(r"timeout=([\d.]+)", str(error))
    return f"within {float(seconds[1]):g} s" if seconds else "in time"


# The errors that say what happened, special ones before general ones; the others wrap one of these.
_KNOWN: tuple[
    tuple[type[BaseException] | tuple[type[BaseException], ...], Kind, Callable[[Any], str]], ...
] = (
    (
        ProxyError,
        "proxy",
        lambda error: f"the proxy gave no connection ({describe_failure(error.original_error)})",
    ),
    (
        ssl.SSLCertVerificationError,
        "certificate",
        lambda error: f"its certificate is not trusted ({error.verify_message})",
    ),
    (ssl.SSLError, "tls", lambda error: f"TLS failed ({error.reason or error})"),
    (socket.gaierror, "name", lambda error: f"its host name does not resolve ({error.strerror})"),
    (ConnectionRefusedError, "refused", lambda _: "connection refused"),
    (
        (ConnectionResetError, ConnectionAbortedError, BrokenPipeError),
        "closed",
        lambda _: "it closed the connection without an answer",
    ),
    (ReadTimeoutError, "timeout", lambda error: f"no answer {_limit(error)}"),
    ((ConnectTimeoutError, TimeoutError), "timeout", lambda error: f"no connection {_limit(error)}"),
    (HTTPException, "no HTTP", lambda error: f"its answer is not HTTP ({type(error).__name__})"),
    ((InvalidSchema, InvalidURL, MissingSchema), "no URL", lambda error: f"that is not a URL ({error})"),
)
