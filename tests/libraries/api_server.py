"""A Kubernetes API server on this machine: it has Secrets and a pod, where each program prints a text."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

PRINTED = "printed in the pod"
VERSION = dict.fromkeys(
    ("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "major", "minor", "platform"), ""
) | {"gitVersion": "v1.37.0"}
SECRETS = {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get", "list"]}
ANSWERS: dict[str, tuple[int, Any]] = {
    "/version": (200, VERSION),
    "/api": (200, {"kind": "APIVersions", "versions": ["v1"]}),
    "/apis": (200, {"kind": "APIGroupList", "groups": []}),
    "/api/v1": (200, {"kind": "APIResourceList", "resources": [SECRETS]}),
    "/api/v1/namespaces/n/pods/p/log": (200, "one\ntwo\n"),
}
POD = {"metadata": {"name": "p", "namespace": "n"}}
EXEC = "/api/v1/namespaces/n/pods/p/exec"
WEBSOCKET_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass
class ApiServer:
    """Where it listens, what it answers by path, and the headers of each request that it got."""

    port: int
    answers: dict[str, tuple[int, Any]] = field(default_factory=lambda: dict(ANSWERS))
    requests: list[tuple[str, Message]] = field(default_factory=list)

    def last_headers(self, path: str) -> Message:
        """Return the headers of the last request to a path."""
        return next(headers for asked, headers in reversed(self.requests) if asked == path)


@contextmanager
def run_api_server(tls: SSLContext | None = None) -> Iterator[ApiServer]:
    """Run an API server, with TLS where a context is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path.rstrip("/")
            state.requests.append((path, self.headers))
            status, body = state.answers.get(path, (404, {"message": "not found"}))
            if path == EXEC and path not in state.answers:
                self._run_program()
                return
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _run_program(self) -> None:
            key = (self.headers["Sec-WebSocket-Key"] + WEBSOCKET_ID).encode()
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            accepted = hashlib.sha1(key, usedforsecurity=False).digest()
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(accepted).decode())
            self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
            self.end_headers()
            for channel, text in ((1, PRINTED), (3, json.dumps({"status": "Success"}))):
                payload = bytes([channel]) + text.encode()
                self.wfile.write(bytes([0x82, len(payload)]) + payload)
            self.wfile.write(bytes([0x88, 0]))
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        state = ApiServer(server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield state
        server.shutdown()


def make_kubeconfig(url: str, user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a kubeconfig with one context, `here`."""
    return {
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
    }
