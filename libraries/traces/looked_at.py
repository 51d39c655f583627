"""Keeps the traces that a run looked at, as they were when it last looked."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from traces.model import Trace

MOST = 200  # traces that are kept: the latest


class LookedAt:
    """Keeps the latest traces that were read from any backend."""

    def __init__(self) -> None:
        """Start without any."""
        self._traces: dict[tuple[str, str], Trace] = {}  # by backend and trace id, the latest last
        self._lock = Lock()  # traces are also read in the background

    def keep(self, trace: Trace) -> Trace:
        """Keep a trace that was read, in place of an earlier reading; return it."""
        key = (trace.backend, trace.trace_id)
        with self._lock:
            self._traces.pop(key, None)
            self._traces[key] = trace
            if len(self._traces) > MOST:
                del self._traces[next(iter(self._traces))]
        return trace

    @property
    def traces(self) -> Sequence[Trace]:
        """The traces that are kept, in the order of their last reading."""
        with self._lock:
            return list(self._traces.values())


LOOKED_AT = LookedAt()  # in this run: each reader keeps what it reads
