"""Proxies on this machine, which lead every host to one port here, and remember for which they were asked."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Where it listens, and the hosts and logins that it was asked with."""

    address: str
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@contextmanager
def run_http_proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy that knows the method CONNECT."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            state.asked.append(self.rfile.readline().decode().split()[1])
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                if name.lower() == "proxy-authorization":
                    state.logins.append(value.strip())
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _join(self.connection, target)

    with _run(Handler) as state:
        yield state


@contextmanager
def run_socks_proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy of SOCKS 5 (RFC 1928) without logins."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _, methods = self.rfile.read(2)
            self.rfile.read(methods)
            self.wfile.write(b"\x05\x00")
            kind = self.rfile.read(4)[3]
            length = {1: 4, 4: 16}.get(kind) or self.rfile.read(1)[0]
            host, port = self.rfile.read(length), self.rfile.read(2)
            name = host.decode() if kind == 3 else socket.inet_ntoa(host)
            state.asked.append(f"{name}:{int.from_bytes(port)}")
            self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
            _join(self.connection, target)

    with _run(Handler) as state:
        yield state


@contextmanager
def _run(handler: type[socketserver.StreamRequestHandler]) -> Iterator[Proxy]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Proxy(f"127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def _join(client: socket.socket, target: int) -> None:
    """Pass on what both sides send, until one of them ends."""
    with socket.create_connection(("127.0.0.1", target)) as server:
        thread = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        thread.start()
        _pass_on(client, server)
        thread.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has gone
