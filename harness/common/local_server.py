"""HTTP servers inside this process, for programs that run on this machine meanwhile."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from harness.common.loopback import LOOPBACK
from harness.common.meanwhile import meanwhile


class LocalServer(http.server.ThreadingHTTPServer):
    """Listens on a port of loopback."""

    def __init__(self, handler: type[LocalHandler], port: int = 0) -> None:
        """Listen; port 0 is any that is free."""
        super().__init__((LOOPBACK, port), handler)

    @contextmanager
    def serve(self) -> Iterator[int]:
        """Take requests until the `with` ends; yield the port."""
        with self, meanwhile(self.serve_forever):
            try:
                yield self.server_port
            finally:
                self.shutdown()


class LocalHandler(http.server.BaseHTTPRequestHandler):
    """Takes a POST request and answers it, and prints nothing."""

    def do_POST(self) -> None:
        """Read a request, and take it."""
        self.take(self.rfile.read(int(self.headers["Content-Length"])))

    def take(self, body: bytes) -> None:
        """Take a request with this body, and answer it."""
        raise NotImplementedError

    def answer(self, status: int = HTTPStatus.OK, body: bytes = b"") -> None:
        """Answer with a status and a body."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
