"""Arrival times: one a trace and backend, the first that was seen."""

from __future__ import annotations

import pytest

from agent.client import Question
from traces.arrival_times import ArrivalTimes
from traces.model import Arrival, Span, Trace


def asked(context: str, answered_at: float = 100.0) -> Question:
    return Question("weather?", context, "sunny", "", answered_at - 1, answered_at)


def arrival(trace_id: str, session: str, whole_at: float | None) -> Arrival:
    root = Span(trace_id, "1" * 16, None, "agent", "AGENT", 1, 2, "OK", attributes={"session.id": session})
    return Arrival(Trace(trace_id, (root,), "mlflow"), whole_at)


def test_median_and_slowest_of_all_traces_by_backend() -> None:
    times = ArrivalTimes()
    assert times.describe_arrival_times() == ""
    for number, seconds in enumerate((0.5, 4.0, 1.0)):
        times.note_arrival_time("MLflow", f"trace {number}", asked("c"), 100 + seconds)
    times.note_arrival_time("Phoenix", "trace 0", asked("c"), 102)
    assert times.describe_arrival_times() == (
        "MLflow: 3 traces, median 1.00 s, slowest 4.00 s; Phoenix: 1 trace, median 2.00 s, slowest 2.00 s"
    )


def test_a_trace_counts_once_and_never_before_its_answer() -> None:
    times = ArrivalTimes()
    assert times.note_arrival_time("MLflow", "a", asked("c"), 99.5) == pytest.approx(0)
    assert times.note_arrival_time("MLflow", "a", asked("c"), 120) == pytest.approx(0)
    assert times.describe_arrival_times() == "MLflow: 1 trace, median 0.00 s, slowest 0.00 s"


def test_of_a_batch_what_was_seen_whole_counts_for_its_own_question() -> None:
    times = ArrivalTimes()
    found = [arrival("a", "one", 101.0), arrival("b", "two", None), arrival("c", "foreign", 190.0)]
    times.note_arrival_times("MLflow", [asked("one"), asked("two")], found)
    assert times.describe_arrival_times() == "MLflow: 1 trace, median 1.00 s, slowest 1.00 s"
