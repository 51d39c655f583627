"""Phoenix's answer to spans, held back until they are in its database, so that no good span is lost.

Phoenix 20.26.1 answers 200 to spans and stores them afterwards. It forgets what its database does not take,
as while that is read-only, and what waits in its memory when it ends. With this middleware it answers 503
instead, and the collector sends the spans again. Phoenix does not store a span twice.

PHOENIX_FASTAPI_MIDDLEWARE_PATHS names this file and its class. Spans that come by gRPC do not pass here.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from prometheus_client import REGISTRY
from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TAKEN = 200  # Phoenix's answer
LIMIT = 25.0  # seconds for a batch; the collector waits 30 s for an answer
IDLE = 10.0  # seconds with no span in its memory and no new one: Phoenix will not store what is missing
POLL, LONGEST_POLL = 0.1, 1.0  # seconds; a look takes time that Phoenix needs to store spans
TRIES = 3  # of a batch that Phoenix does not store although its database takes writes
EMPTY_ANSWER: list[Message] = [
    {
        "type": "http.response.start",
        "status": TAKEN,
        "headers": [(b"content-type", b"application/x-protobuf")],
    },
    {"type": "http.response.body", "body": ExportTraceServiceResponse().SerializeToString()},
]

# Of Phoenix's own tables. PostgreSQL rejects the first while it takes no writes, though it changes no row.
WRITE = text("UPDATE projects SET name = name WHERE false")
STORED = text("SELECT span_id FROM spans WHERE span_id IN :ids").bindparams(bindparam("ids", expanding=True))
NEWEST = text("SELECT max(id) FROM spans")
IN_MEMORY = "phoenix_span_queue_size"  # Phoenix's own metric: spans that it has and still works on

DECODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}

logger = logging.getLogger(__name__)


class StoreBeforeAnswer(BaseHTTPMiddleware):
    """Answers POST /v1/traces with 200 only when Phoenix's database has the spans, with 503 until then."""

    def __init__(self, app: ASGIApp) -> None:
        """Begin without any batch."""
        super().__init__(app)
        self._waiting: set[tuple[str, ...]] = set()  # batches that Phoenix has and still works on
        self._failed: Counter[tuple[str, ...]] = Counter()  # how often Phoenix did not store all of a batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only that for spans is answered otherwise than Phoenix does.

        `dispatch` cannot do it: Phoenix takes the spans up after its answer, and `dispatch` ends before that.
        """
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/v1/traces"):
            for message in await self._store(scope, receive):
                await send(message)
        else:
            await self.app(scope, receive, send)

    async def _store(self, scope: Scope, receive: Receive) -> list[Message]:
        """Return the answer to spans, when Phoenix has stored them or could not."""
        end, database = monotonic() + LIMIT, scope["app"].state.db
        request = Request(scope, receive)
        body = await request.body()
        ids = await run_in_threadpool(read_span_ids, body, request.headers.get("content-encoding", ""))
        if ids and (why := await find_obstacle(database)):
            return answer_later(why)
        answer = EMPTY_ANSWER
        if ids not in self._waiting:
            self._waiting.add(ids)  # so that Phoenix does not get it twice, when it is sent again meanwhile
            answer = await self._pass_on(scope, receive, body)
        if not ids or answer[0]["status"] != TAKEN:
            self._waiting.discard(ids)
            return answer
        missing, at_work = await wait_until_stored(database, ids, end)
        if not at_work:
            self._waiting.discard(ids)
        if not missing:
            del self._failed[ids]
        elif at_work or not await self._is_rejected(database, ids, missing):
            return answer_later(f"{len(missing)} of {len(ids)} spans are not stored")
        return answer

    async def _pass_on(self, scope: Scope, receive: Receive, body: bytes) -> list[Message]:
        """Return Phoenix's own answer, when it has the spans in its memory."""
        unread: list[Message] = [{"type": "http.request", "body": body}]
        answer: list[Message] = []

        async def read_again() -> Message:
            return unread.pop() if unread else await receive()

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app(scope, read_again, keep)
        return answer

    async def _is_rejected(self, database: Any, ids: tuple[str, ...], missing: list[str]) -> bool:  # noqa: ANN401
        """Return whether Phoenix has failed with a batch so often that its spans must be the cause."""
        if await find_obstacle(database):
            return False
        self._failed[ids] += 1
        if self._failed[ids] < TRIES:
            return False
        del self._failed[ids]
        logger.error(f"Phoenix rejects {len(missing)} spans, which are lost: {', '.join(missing[:10])}")
        return True


def answer_later(why: str) -> list[Message]:
    """Return the answer after which the collector sends the spans again."""
    message = f"Phoenix's database cannot store spans now: {why}"
    logger.warning(message)
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    return [
        {"type": "http.response.start", "status": 503, "headers": headers},
        {"type": "http.response.body", "body": message.encode()},
    ]


def read_span_ids(body: bytes, encoding: str) -> tuple[str, ...]:
    """Return the ids of a batch's spans; none where Phoenix itself will say what is wrong with the body."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(DECODERS.get(encoding, bytes)(body))
    except Exception:  # noqa: BLE001 - decoders and protobuf share no error; Phoenix answers to all of them
        return ()
    scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
    return tuple(dict.fromkeys(span.span_id.hex() for scope in scopes for span in scope.spans))


async def find_obstacle(database: Any) -> str:  # noqa: ANN401 - of Phoenix
    """Return why the database takes no writes now; empty where it does."""
    try:
        async with database() as session:
            await session.execute(WRITE)
    except (DBAPIError, OSError) as error:
        return str(getattr(error, "orig", error)).splitlines()[0]
    return ""


async def wait_until_stored(
    database: Any,  # noqa: ANN401 - of Phoenix
    ids: tuple[str, ...],
    end: float,
) -> tuple[list[str], bool]:
    """Return which spans are not stored when the time is over, and whether Phoenix still stores any."""
    missing, newest, since, pause = list(ids), -1, monotonic(), POLL
    while missing and monotonic() < end:
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_POLL)
        try:
            async with database() as session:
                found = await session.scalars(STORED, {"ids": missing})
                missing = sorted(set(missing) - set(found))
                last = await session.scalar(NEWEST)
        except (DBAPIError, OSError):
            continue
        if last != newest or REGISTRY.get_sample_value(IN_MEMORY):
            newest, since = last, monotonic()
        elif monotonic() > since + IDLE:
            return missing, False
    return missing, bool(missing)
