"""Waits until a backend has what is asked for; what a backend must offer for that is a TraceReader."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from traces.backends import BACKENDS
from traces.model import Trace

# Seconds between two looks: a share of those waited so far, so that whoever waits long asks seldom.
POLL, LONGEST_POLL = 0.1, 1.0
SHARE = 0.1
Found = TypeVar("Found")


class BackendError(Exception):
    """A backend could not be asked; the message says where and what it answered."""

    ROBOT_SUPPRESS_NAME = True


class TraceReader(Protocol):
    """Reads the traces of one place in a backend. Its methods raise BackendError where it does not answer."""

    backend: str  # its key in BACKENDS

    def read_traces_of_session(self, session: str) -> list[Trace]:
        """Return a session's traces as far as the backend has them now; the backend itself filters."""


def wait_until(look: Callable[[], Found], done: Callable[[Found], bool], limit: float) -> Found:
    """Return what `look` returns as soon as it is done, and after `limit` seconds whatever it returns.

    It looks once at least, and not again where a look itself took until the limit. Raises BackendError where
    the last look raised it: one before may fail.
    """
    begin = time.monotonic()

    def waited() -> float:
        return time.monotonic() - begin

    while True:
        try:
            found = look()
        except BackendError:
            if waited() >= limit:
                raise
        else:
            if done(found) or waited() >= limit:
                return found
        pause = min(max(POLL, waited() * SHARE), LONGEST_POLL)
        time.sleep(max(0.0, min(pause, limit - waited())))


def wait_for_trace(
    reader: TraceReader,
    session: str,
    spans: int,
    limit: float,
    has_all: Callable[[Trace], bool] | None = None,
) -> Trace | None:
    """Return the trace of a session as soon as it is whole, has that many spans, and `has_all` says so.

    After `limit` seconds return what there is, None where there is nothing. Raises BackendError where the
    backend does not answer then, and AssertionError where several traces carry the session.
    """

    def look() -> Trace | None:
        found = reader.read_traces_of_session(session)
        if len(found) > 1:
            ids = ", ".join(trace.trace_id for trace in found)
            raise AssertionError(
                f"{BACKENDS[reader.backend].title} has {len(found)} traces of session {session}, expected 1: "
                f"{ids}. The spans of one question do not share a context: the agent, or what it calls, "
                "starts a trace of its own."
            )
        return found[0] if found else None

    def has_arrived(trace: Trace | None) -> bool:
        return trace is not None and trace.has_arrived(spans) and (has_all is None or has_all(trace))

    return wait_until(look, has_arrived, limit)
