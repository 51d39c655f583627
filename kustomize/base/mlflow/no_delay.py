"""uvicorn's HTTP protocol, which sends each part of an answer at once.

uvicorn sends the head of an answer, and then its body. With Nagle's algorithm the body waits until the client
acknowledges the head, and the client of a kept connection delays that by 40 ms. asyncio turns the algorithm
off for a socket that says that it is TCP. With several workers uvicorn 0.54.0 opens the socket itself, and it
does not say so: https://github.com/Kludex/uvicorn/issues/3149.

MLflow's server takes `NoDelay` by MLFLOW_UVICORN_OPTS, with every app and every number of workers.
"""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http.auto import AutoHTTPProtocol


class NoDelay(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # chosen by what is installed
    """The protocol that uvicorn takes by itself, with Nagle's algorithm off."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a connection."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
