"""What a real MLflow answers to spans in each state of a real PostgreSQL, and what is stored in the end."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import sqlalchemy
from mlflow.exceptions import MlflowException
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import lossless_store
from harness.common.mlflow_server import Mlflow
from lossless_store import AT_ONCE, find_state, lose_no_span
from tests.pod_programs.managed import MLFLOWS as NAME

BATCHES, SPANS = 2, 3

BY_SETTING = {
    "read-only": "default_transaction_read_only = on",
    "statement timeout": "statement_timeout = '200ms'",
    "lock timeout": "lock_timeout = '200ms'",
}
BY_STATEMENT = {
    "no connections left": (
        f"ALTER ROLE {NAME} CONNECTION LIMIT 0",
        f"ALTER ROLE {NAME} CONNECTION LIMIT -1",
    ),
    "no connection accepted": (
        f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS false",
        f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS true",
    ),
    "a right is missing": (f"REVOKE INSERT ON spans FROM {NAME}", f"GRANT INSERT ON spans TO {NAME}"),
    "a table is missing": ("ALTER TABLE spans RENAME TO aside", "ALTER TABLE aside RENAME TO spans"),
    "a column is missing": (
        "ALTER TABLE spans RENAME COLUMN content TO aside",
        "ALTER TABLE spans RENAME COLUMN aside TO content",
    ),
}
BY_CODE = {
    "disk full": "53100",
    "out of memory": "53200",
    "deadlock": "40P01",
    "serialization failure": "40001",
    "transaction idle for too long": "25P03",
    "another request inserted the row": "23505",
    "the trace was deleted meanwhile": "23503",
    "server stops": "57P01",
    "file cannot be read": "58030",
}
BAD_SPANS = {"too long for a column": "22001", "not in the encoding": "22021", "an empty column": "23502"}


@dataclass(frozen=True)
class MLflow:
    """A server that has the plugin as the pod has it, and its database."""

    server: Mlflow

    def send(self, request: ExportTraceServiceRequest, experiment: str = "0") -> requests.Response:
        """Send a batch as the collector does."""
        return self.server.send(request.SerializeToString(), experiment)

    def query(self, statement: str) -> str:
        """Return what the superuser gets for a statement in MLflow's database."""
        return self.server.query(statement)

    def end_sessions(self) -> None:
        """End MLflow's connections: a setting of its role is for new ones."""
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        self.server.postgres.query(f"{ended} WHERE usename = '{NAME}'")

    def count_stored(self, request: ExportTraceServiceRequest) -> int:
        """Return how many spans of a trace are in the database."""
        trace_id = spans_of(request)[0].trace_id.hex()
        answer = self.query(f"SELECT count(*) FROM spans WHERE trace_id = 'tr-{trace_id}'")  # noqa: S608
        return int(answer.splitlines()[-1])


def spans_of(request: ExportTraceServiceRequest) -> Any:  # noqa: ANN401 - protobuf has no types
    return request.resource_spans[0].scope_spans[0].spans


def make_trace(session: str = "a session") -> ExportTraceServiceRequest:
    """Return a request with a new trace: a root and its children."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    trace_id, root = os.urandom(16), os.urandom(8)
    for number in range(SPANS):
        now = time.time_ns()
        span = spans.add(trace_id=trace_id, name="step", start_time_unix_nano=now, end_time_unix_nano=now + 1)
        span.span_id = os.urandom(8) if number else root
        span.parent_span_id = root if number else b""
        span.attributes.add(key="session.id").value.string_value = session
    return request


@pytest.fixture
def mlflow(mlflow_server: Mlflow) -> MLflow:
    return MLflow(mlflow_server)


@contextmanager
def setting(mlflow: MLflow, assignment: str) -> Iterator[None]:
    """Have a setting in all sessions of MLflow from now on, while another session holds the table."""
    server = mlflow.server.postgres
    server.query(f"ALTER ROLE {NAME} SET {assignment}")
    mlflow.end_sessions()
    password = (server.folder / "superuser").read_text()
    uri = f"postgresql+psycopg2://postgres:{password}@127.0.0.1:{server.port}/{NAME}?sslmode=require"
    try:
        with sqlalchemy.create_engine(uri).connect() as holder:
            holder.execute(sqlalchemy.text("LOCK TABLE spans IN EXCLUSIVE MODE"))
            yield
    finally:
        server.query(f"ALTER ROLE {NAME} RESET {assignment.split(maxsplit=1)[0]}")
        mlflow.end_sessions()


@contextmanager
def statement(mlflow: MLflow, done: str, undone: str) -> Iterator[None]:
    """Do something to the database or the role, and undo it."""
    change = mlflow.query if " spans " in done else mlflow.server.postgres.query
    change(done)
    mlflow.end_sessions()
    try:
        yield
    finally:
        change(undone)


@contextmanager
def code(mlflow: MLflow, error_code: str) -> Iterator[None]:
    """Have PostgreSQL reject each span with an error of this code."""
    raising = f"BEGIN RAISE EXCEPTION 'made for a test' USING ERRCODE = '{error_code}'; END"
    mlflow.query(
        f"CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$;"
        "CREATE TRIGGER reject BEFORE INSERT ON spans FOR EACH ROW EXECUTE FUNCTION reject()"
    )
    try:
        yield
    finally:
        mlflow.query("DROP FUNCTION reject CASCADE")


@pytest.mark.parametrize("state", [*BY_SETTING, *BY_STATEMENT, *BY_CODE])
def test_spans_wait_while_the_database_cannot_store_them(mlflow: MLflow, state: str) -> None:
    traces = [make_trace() for _ in range(BATCHES)]
    with ExitStack() as until_healed:
        if state in BY_SETTING:
            until_healed.enter_context(setting(mlflow, BY_SETTING[state]))
        elif state in BY_STATEMENT:
            until_healed.enter_context(statement(mlflow, *BY_STATEMENT[state]))
        else:
            until_healed.enter_context(code(mlflow, BY_CODE[state]))
        answers = [mlflow.send(trace) for trace in traces]
    assert [(answer.status_code, "cannot store spans now" in answer.text) for answer in answers] == [
        (503, True)
    ] * BATCHES, answers[0].text
    assert [mlflow.send(trace).status_code for trace in traces] == [200] * BATCHES
    assert [mlflow.count_stored(trace) for trace in traces] == [SPANS] * BATCHES


def test_spans_wait_for_an_experiment_that_is_not_there(mlflow: MLflow) -> None:
    trace, next_one = make_trace(), "1"
    answer = mlflow.send(trace, next_one)
    why = f"cannot store spans now: No Experiment with id={next_one} exists"
    assert (answer.status_code, why in answer.text) == (503, True), answer.text
    created = requests.post(
        f"{mlflow.server.url}/api/2.0/mlflow/experiments/create", json={"name": "new"}, timeout=60
    )
    assert created.json()["experiment_id"] == next_one
    assert mlflow.send(trace, next_one).status_code == 200
    assert mlflow.count_stored(trace) == SPANS


@pytest.mark.parametrize("error", BAD_SPANS)
def test_spans_that_the_database_rejects_do_not_wait(mlflow: MLflow, error: str) -> None:
    with code(mlflow, BAD_SPANS[error]):
        answer = mlflow.send(make_trace())
    assert (answer.status_code, "made for a test" in answer.text) == (400, True)


def test_a_span_that_mlflow_rejects_does_not_wait(mlflow: MLflow) -> None:
    answer = mlflow.send(make_trace(session="s" * 251))
    assert (answer.status_code, "exceeds the maximum length of 250" in answer.text) == (400, True)


def test_a_span_that_is_twice_in_a_batch_is_stored_once(mlflow: MLflow) -> None:
    trace = make_trace()
    spans_of(trace).add().CopyFrom(spans_of(trace)[0])
    assert mlflow.send(trace).status_code == 200
    assert mlflow.count_stored(trace) == SPANS


def make_big_trace(spans: int = SPANS, attributes: int = 0, length: int = 0) -> ExportTraceServiceRequest:
    """Return a request with a trace that is big in one way: its spans, attributes, or one long attribute."""
    request = make_trace()
    root, child = spans_of(request)[0], spans_of(request)[1]
    for number in range(attributes):
        root.attributes.add(key=f"key {number}").value.string_value = "value"
    if length:
        root.attributes.add(key="long").value.string_value = "x" * length
    for _ in range(spans - SPANS):
        another = spans_of(request).add()
        another.CopyFrom(child)
        another.span_id = os.urandom(8)
    return request


@pytest.mark.parametrize(
    "trace",
    [make_big_trace(spans=5_000), make_big_trace(attributes=300), make_big_trace(length=10_000_000)],
    ids=["5,000 spans", "300 attributes", "an attribute of 10 MB"],
)
def test_a_big_trace_is_stored_whole(mlflow: MLflow, trace: ExportTraceServiceRequest) -> None:
    assert mlflow.send(trace).status_code == 200
    assert mlflow.count_stored(trace) == len(spans_of(trace))


def test_spans_that_are_sent_twice_are_stored_once(mlflow: MLflow) -> None:
    trace = make_trace()
    assert [mlflow.send(trace).status_code for _ in range(2)] == [200, 200]
    assert mlflow.count_stored(trace) == SPANS


def test_parts_of_a_trace_that_come_at_once_are_all_stored_once(mlflow: MLflow) -> None:
    """As two collectors send them: each has a part, and tries again after 503."""
    traces = [make_big_trace(spans=8) for _ in range(10)]
    parts = [part for trace in traces for part in split(trace, 4)]

    def send(part: ExportTraceServiceRequest) -> None:
        while (answer := mlflow.send(part)).status_code == 503:
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, parts))
    assert [mlflow.count_stored(trace) for trace in traces] == [8] * len(traces)


def test_batches_that_come_at_once_do_not_wait_for_each_others_connections(mlflow: MLflow) -> None:
    """As many come as a worker has threads, which are more than its pool has connections."""
    traces = [make_trace() for _ in range(40)]
    with ThreadPoolExecutor(12) as senders:
        answers = list(senders.map(mlflow.send, traces))
    assert [answer.text for answer in answers if not answer.ok] == []


def test_a_batch_waits_for_its_turn_no_longer_than_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lossless_store, "TURN_LIMIT", 0.1)
    begun, end = threading.Semaphore(0), threading.Event()

    def store(*_: object) -> None:
        begun.release()
        end.wait()

    log_spans = lose_no_span(store)
    with ThreadPoolExecutor(AT_ONCE) as senders:
        for _ in range(AT_ONCE):
            senders.submit(log_spans, "0", [])
            begun.acquire()
        with pytest.raises(MlflowException, match="it has not stored the 2 batches before") as caught:
            log_spans("0", [])
        end.set()
    assert caught.value.get_http_status_code() == 503
    assert log_spans("0", []) is None


def split(trace: ExportTraceServiceRequest, parts: int) -> list[ExportTraceServiceRequest]:
    """Return a trace in so many requests. Each has its root, and a part of the other spans."""
    split_up = [ExportTraceServiceRequest() for _ in range(parts)]
    root, *others = spans_of(trace)
    for part, request in enumerate(split_up):
        request.resource_spans.add().scope_spans.add().spans.extend([root, *others[part::parts]])
    return split_up


def test_spans_wait_for_a_free_connection() -> None:
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=sqlalchemy.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    with engine.connect(), pytest.raises(sqlalchemy.exc.TimeoutError) as raised:
        engine.connect()
    assert "QueuePool limit of size 1" in find_state(raised.value)


def test_other_errors_say_nothing_of_the_database() -> None:
    assert not find_state(ValueError("no span"))
