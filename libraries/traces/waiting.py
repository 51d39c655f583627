"""Waits for the one trace of a session, in whichever backend."""

from __future__ import annotations

import time
from collections.abc import Callable

from traces.model import Trace

POLL = 0.25


def wait_for_whole_trace(
    find: Callable[[], list[str]],
    read: Callable[[str], Trace | None],
    unreachable: type[Exception],
    limit: float,
    spans: int = 1,
) -> Trace | None:
    """Return the trace as soon as it is whole and has that many spans.

    `find` gives the ids of the session's traces, `read` what the backend has of one now. After `limit`
    seconds return what there is, None where there is nothing. Raises `unreachable`, which both raise when
    the backend does not answer, only where it does not answer then; and AssertionError when there are
    several traces.
    """
    end = time.monotonic() + limit
    trace: Trace | None = None
    while True:
        try:
            ids = find()
            if ids:
                trace = read(ids[0])
        except unreachable:
            if time.monotonic() >= end:
                raise
        else:
            if len(ids) > 1:
                raise AssertionError(
                    f"one question made {len(ids)} traces, its context was lost: {', '.join(ids)}"
                )
            if trace and trace.is_whole and len(trace.spans) >= spans:
                return trace
        if time.monotonic() >= end:
            return trace
        time.sleep(POLL)
