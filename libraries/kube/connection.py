"""A connection to an API server by the Kubernetes client: requests and, by the same rules, websockets.

The client on its own opens websockets, for programs in pods and for forwarded ports, by other rules than its
requests: without a proxy's login, without SOCKS, and with another reading of NO_PROXY.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPHeaderDict

if TYPE_CHECKING:
    from kubernetes.client import Configuration

CONNECT_LIMIT = 10  # seconds
READ_LIMIT = 60  # seconds without a byte of an answer
PROTOCOLS = "v5.channel.k8s.io,v4.channel.k8s.io"


class Connection:
    """What all objects have in common is asked by the methods here.

    `api_client` and `v1` are the Kubernetes client's own, for what only some have: logs, evictions.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Ask the API server which kinds it has."""
        from kubernetes import client, dynamic  # noqa: PLC0415 - heavy, and not needed for a dry run
        from kubernetes.stream import ws_client  # noqa: PLC0415

        ws_client.create_websocket = open_websocket
        self.api_client = client.ApiClient(configuration)
        _complete_requests(self.api_client.rest_client, configuration)
        self.v1 = client.CoreV1Api(self.api_client)
        # Else the client keeps what it finds, in a file that every user and every cluster of a URL shares.
        self._folder = tempfile.TemporaryDirectory()
        cache = str(Path(self._folder.name) / "kinds.json")
        self._dynamic = dynamic.DynamicClient(self.api_client, cache_file=cache)

    def get(self, api_version: str, kind: str, **options: Any) -> Any:  # noqa: ANN401 - no types
        """Return one object, or without `name` a list."""
        return self._resource(api_version, kind).get(**options)

    def create(self, api_version: str, kind: str, **options: Any) -> Any:  # noqa: ANN401 - no types
        """Create an object of `body`; return it."""
        return self._resource(api_version, kind).create(**options)

    def patch(self, api_version: str, kind: str, **options: Any) -> None:  # noqa: ANN401 - no types
        """Merge `body` into an object."""
        self._resource(api_version, kind).patch(**options)

    def delete(self, api_version: str, kind: str, **options: Any) -> None:  # noqa: ANN401 - no types
        """Delete an object."""
        self._resource(api_version, kind).delete(**options)

    def _resource(self, api_version: str, kind: str) -> Any:  # noqa: ANN401 - no types
        return self._dynamic.resources.get(api_version=api_version, kind=kind)


def _complete_requests(rest: Any, configuration: Any) -> None:  # noqa: ANN401 - no types
    """Give each request a time limit, and the headers of `impersonation`, of which several have one name."""
    send = rest.request

    def request(method: str, url: str, headers: Mapping[str, str] | None = None, **options: Any) -> Any:  # noqa: ANN401
        sent = HTTPHeaderDict(headers or {})
        for name, value in configuration.impersonation:
            sent.add(name, value)
        limit = options.pop("_request_timeout", None) or (CONNECT_LIMIT, READ_LIMIT)
        return send(method, url, headers=sent, _request_timeout=limit, **options)

    rest.request = request


def open_websocket(configuration: Any, url: str, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
    """Return an open websocket of websocket-client; stands in for the Kubernetes client's `create_websocket`.

    Raises what urllib3 raises where there is no connection, and ApiException where the API server rejects it.
    """
    from kubernetes.client import ApiException  # noqa: PLC0415 - heavy, and not needed for a dry run
    from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415
    from websocket import WebSocket, WebSocketBadStatusException  # noqa: PLC0415

    sent = {"sec-websocket-protocol": PROTOCOLS, **(headers or {})}
    lines = [f"{name}: {sent[name]}" for name in ("authorization", "sec-websocket-protocol") if name in sent]
    lines += [f"{name}: {value}" for name, value in configuration.impersonation]
    pool = RESTClientObject(configuration).pool_manager.connection_from_url(configuration.host)
    connection = pool._new_conn()  # noqa: SLF001 - a pool lends connections for single requests only
    connection.timeout = CONNECT_LIMIT
    if pool.proxy:
        pool._prepare_proxy(connection)  # noqa: SLF001
    if connection.is_closed:
        connection.connect()
    connection.sock.settimeout(None)
    websocket: Any = WebSocket()
    try:
        websocket.connect(url, socket=connection.sock, header=lines, suppress_origin=True)
    except WebSocketBadStatusException as error:
        rejected = ApiException(status=error.status_code, reason=error.status_message)
        rejected.body = error.resp_body
        raise rejected from error
    return websocket
