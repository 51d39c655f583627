"""A web server on this machine that answers with the Host header that it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext


class Echo(BaseHTTPRequestHandler):
    """Answers with the Host header."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def echo_server(tls: SSLContext | None = None) -> Iterator[str]:
    """Run the server, with TLS where a context is given; yield its address, as host:port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
