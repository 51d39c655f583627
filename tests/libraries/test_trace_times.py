"""The run's times: one a trace and backend, the first that was seen."""

from __future__ import annotations

import pytest

from agent.client import Question
from traces.mlflow_reader import Sighting
from traces.model import Span, Trace
from traces.times import TraceTimes


def asked(context: str, answered_at: float = 100.0) -> Question:
    return Question("weather?", context, "sunny", "", answered_at - 1, answered_at)


def sighting(trace_id: str, session: str, whole_at: float | None) -> Sighting:
    root = Span(trace_id, "1" * 16, None, "agent", "AGENT", 1, 2, "OK", attributes={"session.id": session})
    return Sighting(Trace(trace_id, (root,), "mlflow"), whole_at)


def test_median_and_slowest_of_all_traces_by_backend() -> None:
    times = TraceTimes()
    assert times.describe_trace_times() == ""
    for number, seconds in enumerate((0.5, 4.0, 1.0)):
        times.note_trace_time("MLflow", f"trace {number}", asked("c"), 100 + seconds)
    times.note_trace_time("Phoenix", "trace 0", asked("c"), 102)
    assert times.describe_trace_times() == (
        "MLflow: median 1.00 s, slowest 4.00 s of 3 traces; "
        "Phoenix: median 2.00 s, slowest 2.00 s of 1 traces"
    )


def test_a_trace_counts_once_and_never_before_its_answer() -> None:
    times = TraceTimes()
    assert times.note_trace_time("MLflow", "a", asked("c"), 99.5) == pytest.approx(0)
    times.note_trace_time("MLflow", "a", asked("c"), 120)
    assert times.describe_trace_times() == "MLflow: median 0.00 s, slowest 0.00 s of 1 traces"


def test_of_a_batch_what_was_seen_whole_counts_for_its_own_question() -> None:
    times = TraceTimes()
    found = [sighting("a", "one", 101.0), sighting("b", "two", None), sighting("c", "stranger", 190.0)]
    times.note_trace_times("MLflow", [asked("one"), asked("two")], found)
    assert times.describe_trace_times() == "MLflow: median 1.00 s, slowest 1.00 s of 1 traces"
