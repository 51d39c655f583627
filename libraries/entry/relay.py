"""A port of this machine whose connections are passed on to where a function connects."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable

BLOCK = 65_536  # bytes that are passed on at once
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Listens on a port of this machine, and passes each connection on to one that `connect` makes.

    With `tls` it speaks TLS with those who connect to it. Where `connect` fails, it closes their connection
    without an answer. It listens until this process ends, or `close` is called.
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]], tls: ssl.SSLContext | None = None) -> None:
        """Listen from now on."""
        self._connect = connect
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        listening = asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=tls)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.address: tuple[str, int] = self._server.sockets[0].getsockname()

    def close(self) -> None:
        """Listen no more, and drop the connections that are left."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reader_there, writer_there = await self._connect()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - there is nothing to pass on to
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_copy(reader, writer_there), _copy(reader_there, writer))
        except asyncio.CancelledError:
            writer.transport.abort()
            writer_there.transport.abort()
            raise


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read until one of the two ends, then close the other."""
    with contextlib.suppress(OSError):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
    writer.close()
