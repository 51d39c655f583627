"""What a sender of spans is answered in each state of a real PostgreSQL, and what is stored then.

The application is not Phoenix. It does with spans what Phoenix does: it answers, stores each of them
afterwards, and forgets what PostgreSQL rejects.
"""

import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import Gauge
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

import lossless_ingestion
from lossless_ingestion import TRIES, StoreBeforeAnswer
from tests.pod_programs.managed import Managed

NAME = "spans_of_phoenix"
TABLES = (
    "CREATE TABLE projects (id serial PRIMARY KEY, name text)",
    "CREATE TABLE spans (id serial PRIMARY KEY, span_id text UNIQUE, name text CHECK (name <> 'bad'))",
)
SPANS_IN_MEMORY = Gauge("phoenix_span_queue_size", "As Phoenix has it")
INSERT = sqlalchemy.text("INSERT INTO spans (span_id, name) VALUES (:id, :name) ON CONFLICT DO NOTHING")


class Session:
    """A session that is awaited, as Phoenix's are, on a connection that is not."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        """Use this connection."""
        self._connection = connection

    async def execute(self, statement: sqlalchemy.TextClause) -> None:
        """Run a statement."""
        self._connection.execute(statement)

    async def scalars(self, statement: sqlalchemy.TextClause, values: dict[str, Any]) -> list[Any]:
        """Return the first column of all rows."""
        return list(self._connection.execute(statement, values).scalars())

    async def scalar(self, statement: sqlalchemy.TextClause) -> Any:  # noqa: ANN401 - of any column
        """Return the first column of the first row."""
        return self._connection.execute(statement).scalar()


class Ingestion:
    """A client of the application, and its database."""

    def __init__(self, engine: sqlalchemy.Engine, set_read_only: Callable[[bool], None]) -> None:
        """Begin with an empty database."""
        self.set_read_only = set_read_only
        self.batches = 0  # that the application took
        self._engine = engine
        application = Starlette(
            routes=[
                Route("/v1/traces", self._take, methods=["POST"]),
                Route("/spans", self._count, methods=["POST"]),
            ],
            middleware=[Middleware(StoreBeforeAnswer)],
        )
        application.state.db = self._session
        self.client = TestClient(application)

    def send(self, *names: str, encode: Callable[[bytes], bytes] = gzip.compress) -> tuple[int, str]:
        """Send spans with these names, which are their ids too, as the collector does."""
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        for name in names:
            spans.add(span_id=name.ljust(8).encode(), name=name.split()[0])
        headers = {"content-encoding": "gzip"} if encode is gzip.compress else {}
        answer = self.client.post("/v1/traces", content=encode(request.SerializeToString()), headers=headers)
        return answer.status_code, answer.text

    def count_stored(self) -> int:
        """Return how many spans are in the database."""
        with self._engine.connect() as connection:
            return int(connection.execute(sqlalchemy.text("SELECT count(*) FROM spans")).scalar_one())

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        with self._engine.begin() as connection:
            yield Session(connection)

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if not body.startswith(b"\x1f\x8b"):
            return PlainTextResponse("no spans", 422)
        return PlainTextResponse("taken", background=BackgroundTask(self._store, gzip.decompress(body)))

    async def _count(self, request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    def _store(self, body: bytes) -> None:
        self.batches += 1
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for span in request.resource_spans[0].scope_spans[0].spans:
            try:
                with self._engine.begin() as connection:
                    connection.execute(INSERT, {"id": span.span_id.hex(), "name": span.name})
            except DBAPIError:
                continue


@pytest.fixture
def ingestion(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ingestion]:
    server = managed.server
    server.query(f"CREATE ROLE {NAME} LOGIN PASSWORD 'servers-own'")
    server.query(f"CREATE DATABASE {NAME} OWNER {NAME}")
    uri = f"postgresql+psycopg2://{NAME}:servers-own@127.0.0.1:{server.port}/{NAME}?sslmode=require"
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sqlalchemy.text(table))

    def set_read_only(read_only: bool) -> None:
        server.query(f"ALTER ROLE {NAME} SET default_transaction_read_only = {'on' if read_only else 'off'}")

    monkeypatch.setattr(lossless_ingestion, "IDLE", 0.2)
    yield Ingestion(engine, set_read_only)
    engine.dispose()
    server.query(f"DROP DATABASE {NAME} WITH (FORCE)")
    server.query(f"DROP ROLE {NAME}")


def test_spans_are_stored_when_they_are_answered(ingestion: Ingestion) -> None:
    assert ingestion.send("a", "b", "c") == (200, "taken")
    assert ingestion.count_stored() == 3


def test_spans_wait_while_the_database_is_read_only(ingestion: Ingestion) -> None:
    ingestion.set_read_only(True)
    for _ in range(TRIES + 1):
        status, text = ingestion.send("a", "b")
        assert (status, "read-only transaction" in text) == (503, True)
    ingestion.set_read_only(False)
    assert ingestion.count_stored() == 0
    assert ingestion.send("a", "b") == (200, "taken")
    assert ingestion.count_stored() == 2


def test_spans_wait_while_the_database_is_away(ingestion: Ingestion, managed: Managed) -> None:
    managed.server.query(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS false")
    status, _ = ingestion.send("a")
    managed.server.query(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS true")
    assert status == 503
    assert ingestion.send("a") == (200, "taken")


def test_a_span_that_is_rejected_does_not_wait_for_ever(
    ingestion: Ingestion, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [ingestion.send("good", "bad")[0] for _ in range(TRIES)]
    assert answers == [503] * (TRIES - 1) + [200]
    assert ingestion.count_stored() == 1
    assert "Phoenix rejects 1 spans, which are lost: 6261642020202020" in caplog.text


def test_spans_that_phoenix_still_works_on_are_not_given_to_it_again(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(lossless_ingestion, "LIMIT", 0.0)
        assert ingestion.send("bad")[0] == 503
        assert ingestion.batches == 1
    assert ingestion.send("bad")[0] == 503
    assert ingestion.batches == 1
    assert ingestion.send("bad")[0] == 503
    assert ingestion.batches == 2


def test_a_phoenix_that_is_slow_is_not_taken_for_one_that_rejects_spans(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lossless_ingestion, "LIMIT", 1.0)
    SPANS_IN_MEMORY.set(1)
    try:
        assert [ingestion.send("bad")[0] for _ in range(TRIES + 1)] == [503] * (TRIES + 1)
    finally:
        SPANS_IN_MEMORY.set(0)
    assert ingestion.batches == 1


def test_spans_that_are_sent_again_are_stored_once(ingestion: Ingestion) -> None:
    assert ingestion.send("a", "b") == ingestion.send("b", "c") == (200, "taken")
    assert ingestion.count_stored() == 3


@pytest.mark.parametrize("body", [b"", b"no protobuf"])
def test_what_is_no_batch_is_answered_as_before(ingestion: Ingestion, body: bytes) -> None:
    assert ingestion.send("a", encode=lambda _: body) == (422, "no spans")


def test_other_requests_pass(ingestion: Ingestion) -> None:
    assert ingestion.client.post("/spans", content=b"four").text == "4"
