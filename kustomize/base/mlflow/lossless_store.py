"""MLflow's store of spans in PostgreSQL, with four changes, so that no good span is lost.

The collector retries spans that MLflow answers with 503, and drops the whole batch at 400, 404, 422 and 500.
MLflow 3.17.2 answers 400 and 404 to good spans too, so four things differ here:

- Errors that only say in which state the database is, such as read-only, are answered with 503.
- So are spans for an experiment that is not there. It may come back, or the collector may be given another.
- A span that is twice in a batch, as after a retry of its sender, is stored once. PostgreSQL would reject
  the batch.
- A worker stores two batches at once, and others wait. Each holds a connection of the worker's pool and asks
  for a second one: as many as the pool has would wait for each other, for 30 s, and again.

What is wrong with the spans themselves is answered as before. MLflow takes `build_store` for databases of the
kind postgresql, because entry_points.txt names it as a plugin.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError

LogSpans = Callable[..., Any]

# What the codes of PostgreSQL's errors begin with that no span causes.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = (
    "08",  # the connection is lost
    "23503",  # a row that is referred to, such as the trace, was deleted meanwhile
    "23505",  # another request inserted the same row first
    "25",  # the transaction is read-only, or took too long
    "40",  # the transaction was rolled back, as after a deadlock
    "42501",  # a right is missing
    "42703",  # a column is missing, as during a migration
    "42P01",  # a table is missing, as while a backup is restored
    "53",  # the disk or the memory is full, or there are too many connections
    "55",  # a lock is not available
    "57",  # an operator or a time limit ended the statement, or the server starts or stops
    "58",  # the system failed, as to read a file
)

AT_ONCE = 2  # batches in one worker, which is one process of Python; fewer than its pool has connections
TURN_LIMIT = 20.0  # seconds that a batch waits for its turn; the collector waits 30 s for an answer

logger = logging.getLogger(__name__)


def build_store(store_uri: str, artifact_uri: str | None = None) -> Any:  # noqa: ANN401 - MLflow has no types
    """Return the store that MLflow's server would build, with another `log_spans`."""
    # MLflow loads this module while it loads itself, so its own are imported later.
    from mlflow.server import ARTIFACT_ROOT_ENV_VAR  # noqa: PLC0415
    from mlflow.server.handlers import TrackingStoreRegistryWrapper  # noqa: PLC0415
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH  # noqa: PLC0415

    root = artifact_uri or os.environ.get(ARTIFACT_ROOT_ENV_VAR, DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)
    store = TrackingStoreRegistryWrapper._get_sqlalchemy_store(store_uri, root)  # noqa: SLF001
    store.log_spans = lose_no_span(store.log_spans)
    return store


def lose_no_span(log_spans: LogSpans) -> LogSpans:
    """Return `log_spans` that stores each span once, and raises what MLflow answers with 503 for a state."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE  # noqa: PLC0415

    turns = threading.BoundedSemaphore(AT_ONCE)

    @functools.wraps(log_spans)
    def log_each_span_once(location: str, spans: list[Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        once = {(span.trace_id, span.span_id): span for span in spans}  # the last of each
        if not turns.acquire(timeout=TURN_LIMIT):
            why = f"for {TURN_LIMIT:g} s it has not stored the {AT_ONCE} batches before"
            raise MlflowException(describe(why), error_code=TEMPORARILY_UNAVAILABLE)
        try:
            return log_spans(location, list(once.values()), *arguments, **options)
        except Exception as error:
            why = find_state(error) or find_what_is_missing(error)
            if not why:
                raise
            message = describe(why)
            raise MlflowException(message, error_code=TEMPORARILY_UNAVAILABLE) from error
        finally:
            turns.release()

    return log_each_span_once


def describe(why: str) -> str:
    """Return, and log, that spans must wait."""
    message = f"MLflow's database cannot store spans now: {why}"
    logger.warning(message)
    return message


def find_missing_experiment(experiment_id: str) -> str:
    """Return that spans must wait for an experiment, and log it; empty where it is there.

    MLflow's logins reject spans for an experiment that is not there with 403, before its store is asked.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from mlflow.server.handlers import _get_tracking_store  # noqa: PLC0415

    try:
        _get_tracking_store().get_experiment(experiment_id)
    except MlflowException as error:
        why = find_what_is_missing(error)
        return describe(why) if why else ""
    return ""


def find_what_is_missing(error: Exception) -> str:
    """Return what MLflow says that it does not have; empty for any other error."""
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode  # noqa: PLC0415

    missing = getattr(error, "error_code", "") == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
    return str(error) if missing else ""


def find_state(error: BaseException | None) -> str:
    """Return what an error, or what caused it, says of the database's state; empty where it says nothing."""
    while error is not None:
        if isinstance(error, NoFreeConnectionError):
            return str(error)
        if isinstance(error, DBAPIError):
            return str(error.orig).splitlines()[0] if is_state(error) else ""
        error = error.__cause__ or error.__context__
    return ""


def is_state(error: DBAPIError) -> bool:
    """Return whether an error of the database has nothing to do with the spans."""
    code = getattr(error.orig, "pgcode", None)
    if code:
        return str(code).startswith(STATES)
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
