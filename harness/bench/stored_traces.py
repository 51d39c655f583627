"""Stores traces in MLflow for the tasks of this folder."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from robot.api.deco import keyword, library

from harness.bench.filling import Range, database_size, fill
from harness.bench.servers import find_servers
from harness.common.errors import HarnessError
from harness.load.questions import Questions

BATCHES, BATCH = 2, 10  # of new traces, and questions in each
WITH_SPANS = 100_000  # traces that have spans: about 2 GB; those of a million would be 20 GB
BEFORE = 1000  # milliseconds: a recorded question began at most so long before its trace is sent


@dataclass(frozen=True)
class Asked:
    """A question whose trace was sent, by the context id that it was asked in."""

    context_id: str


@dataclass(frozen=True)
class NewTraces:
    """The newest traces, in batches, and a moment before them, in milliseconds since the epoch."""

    batches: list[list[Asked]]
    since: int

    @property
    def questions(self) -> list[Asked]:
        """All questions."""
        return [question for batch in self.batches for question in batch]


@library(scope="GLOBAL")
class StoredTraces:
    """Fills one MLflow's database, whose servers another process runs."""

    def __init__(self, mlflow_url: str, postgres_folder: str, postgres_port: int) -> None:
        """Name the servers; nothing is stored yet."""
        self._mlflow = find_servers(mlflow_url, postgres_folder, postgres_port)
        self._questions = Questions("bench", kept_only=True)
        self._stored = 0
        self._copies = 0
        self._original = ""

    @keyword
    def store_traces(self, number: int) -> NewTraces:
        """Fill the database until so many traces are stored; the newest are sent as the collector does."""
        new = BATCHES * BATCH
        if not self._original:
            self._original = f"bench-{uuid.uuid4()}"
            self._send(self._original)
        missing = number - self._stored - new
        if missing > 0:
            stored = self._mlflow.query(
                f"SELECT request_id FROM trace_info WHERE session_id = '{self._original}'"  # noqa: S608
            )
            copies = Range(self._copies + 1, self._copies + missing)
            fill(self._mlflow, stored.strip(), self._original, copies, WITH_SPANS)
            self._copies, self._stored = copies.last, self._stored + missing
        since = int(time.time() * 1000) - BEFORE
        batches = [[Asked(f"{uuid.uuid4()}")] for _ in range(BATCHES)]
        batches = [[Asked(f"{first.context_id}-{turn}") for turn in range(BATCH)] for (first,) in batches]
        for batch in batches:
            for question in batch:
                self._send(question.context_id)
        return NewTraces(batches, since)

    @keyword
    def describe_database(self) -> str:
        """Return what is stored and what runs, in words."""
        size = database_size(self._mlflow) / 2**30
        version = self._mlflow.query("SHOW server_version").split()[0]
        with_spans = self._stored - max(0, self._copies - WITH_SPANS)
        return (
            f"At the end PostgreSQL {version} had {self._stored:,} traces in {size:.1f} GiB, the newest "
            f"{with_spans:,} of them with {self._questions.spans} spans each."
        )

    def _send(self, session: str) -> None:
        answer = self._mlflow.send(self._questions.make(0, session))
        if not answer.ok:
            raise HarnessError(f"MLflow answers {answer.status_code} to a trace: {answer.text[:200]}")
        self._stored += 1
