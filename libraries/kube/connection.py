"""KubeLibrary on a connection of ours: its requests and, by the same rules, websockets.

The Kubernetes client on its own opens websockets, for programs in pods and for forwarded ports, by other
rules than its requests: without a proxy's login, without SOCKS, and with another reading of NO_PROXY.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPHeaderDict

if TYPE_CHECKING:
    from KubeLibrary import KubeLibrary
    from kubernetes.client import Configuration

CONNECT_LIMIT = 10  # seconds
READ_LIMIT = 60  # seconds without a byte of an answer
PROTOCOLS = "v5.channel.k8s.io,v4.channel.k8s.io"


def connect(configuration: Configuration) -> KubeLibrary:
    """Return KubeLibrary, connected as `configuration` says; it asks the API server which kinds there are.

    Its `get`, `create`, `patch` and `delete` ask for what all objects have in common. Its `v1` is the
    Kubernetes client's own, for what only pods have: logs, evictions.
    """
    from kubernetes import client, dynamic  # noqa: PLC0415 - heavy, and not needed for a dry run
    from kubernetes.stream import ws_client  # noqa: PLC0415

    with warnings.catch_warnings():  # KubeLibrary would silence those about unverified certificates
        from KubeLibrary import KubeLibrary  # noqa: PLC0415

    class Connected(KubeLibrary):  # type: ignore[misc] # it has no types
        def __init__(self) -> None:
            """Read no kubeconfig: KubeLibrary does so by the Kubernetes client's rules, not by kubectl's."""
            self.api_client = client.ApiClient(configuration)
            _complete_requests(self.api_client.rest_client, configuration)
            self.v1 = client.CoreV1Api(self.api_client)
            # By default the client keeps what it finds in a file that all users and clusters of a URL share.
            self._folder = tempfile.TemporaryDirectory()
            cache = str(Path(self._folder.name) / "kinds.json")
            self.dynamic = dynamic.DynamicClient(self.api_client, cache_file=cache)

    ws_client.create_websocket = open_websocket
    return Connected()


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
