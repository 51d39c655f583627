"""Sends HTTP requests to entry points. Where there is no answer, it says which failure the request met."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import requests
from robot.api.deco import keyword, library

from connection_failures import ConnectionFailure, describe_failure
from entry.entry_point import EntryError, EntryPoint
from entry.tls import request_options

if TYPE_CHECKING:
    from RequestsLibrary import RequestsLibrary

# What to do about a failure, by its kind.
HINTS = {
    "certificate": "where the cluster's own authority signs it, name a file with that authority's "
    "certificate in REQUESTS_CA_BUNDLE",
    "name": "where no name server knows a Route's host, set ROUTER_ADDRESS=host:port "
    "(ROUTER_HTTP_ADDRESS for plain HTTP)",
}
# A server that wants a certificate may close the connection, or refuse TLS.
CLIENT_CERTIFICATE_HINT = (
    "where MLflow wants a client's certificate, name a file with certificate and key in "
    "MLFLOW_TRACKING_CLIENT_CERT_PATH"
)
# Where a request has no login, requests takes one from ~/.netrc; in mlflow's client it even replaces ours.
requests.sessions.get_netrc_auth = lambda *_, **__: None


class RequestError(EntryError):
    """A request got no answer: the `kind` of the failure, and `why`, with what can be done about it."""

    def __init__(self, entry: EntryPoint, failure: ConnectionFailure) -> None:
        """Name the entry point and the failure."""
        hint = HINTS.get(failure.kind)
        if (
            failure.kind in {"closed", "tls"}
            and entry.is_secure
            and not (entry.tls and entry.tls.certificate)
        ):
            hint = CLIENT_CERTIFICATE_HINT
        self.kind = failure.kind
        self.why = f"{failure}; {hint}" if hint else str(failure)
        super().__init__(f"The request to {entry} failed: {self.why}.")


def send_request(
    entry: EntryPoint,
    method: str,
    path: str,
    limit: float,
    **options: Any,  # noqa: ANN401 - requests' own
) -> requests.Response:
    """Return the answer to one request, whatever its status; it carries the entry point's login.

    `limit` is in seconds, for the connection and for each part of the answer. Raises RequestError where
    there is no answer.
    """
    options |= request_options(entry)
    options["headers"] = entry.workspace_headers | (options.get("headers") or {})
    try:
        return requests.request(method, entry.url + path, auth=entry.login, timeout=limit, **options)
    except OSError as error:  # requests' own errors are such too, but not all that it raises are its own
        raise RequestError(entry, describe_failure(error)) from error


@library(scope="GLOBAL")
class HttpRequests:
    """Sends HTTP requests to entry points by RequestsLibrary, which logs request and answer."""

    @cached_property
    def _requests(self) -> RequestsLibrary:
        from RequestsLibrary import RequestsLibrary  # noqa: PLC0415 - heavy, and not needed for a dry run

        return RequestsLibrary()

    @keyword
    def send_request(  # noqa: PLR0913, PLR0917 - a request has that many parts
        self,
        entry: EntryPoint,
        method: str,
        path: str,
        limit: float,
        body: str | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        follow_redirects: bool = True,
    ) -> requests.Response:
        """Return the answer to one request, whatever its status.

        The request carries the entry point's login. `limit` is in seconds, for the connection and for each
        part of the answer. Raises RequestError, which names the failure, where there is no answer.
        """
        send = getattr(self._requests, f"session_less_{method.lower()}")
        try:
            answer: requests.Response = send(
                url=entry.url + path,
                expected_status="any",
                auth=entry.login,
                timeout=limit,
                data=body,
                headers=entry.workspace_headers | (headers or {}),
                params=query,
                allow_redirects=follow_redirects,
                **request_options(entry),
            )
        except OSError as error:
            raise RequestError(entry, describe_failure(error)) from error
        return answer
