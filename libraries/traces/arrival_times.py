"""Keeps the arrival times of the run's traces: seconds from the agent's answer until whole in a backend."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from robot.api.deco import keyword, library

from agent.client import Question
from messages import counted
from traces.model import Arrival


@library(scope="GLOBAL")
class ArrivalTimes:
    """Collects arrival times over all suites of a run, in seconds by backend and trace id."""

    def __init__(self) -> None:
        """Start without any."""
        self._seconds: defaultdict[str, dict[str, float]] = defaultdict(dict)

    @keyword
    def note_arrival_time(self, backend: str, trace_id: str, question: Question, whole_at: float) -> float:
        """Keep when a question's trace was first seen whole; return its arrival time in seconds.

        Where it was seen before, that counts.
        """
        return self._seconds[backend].setdefault(trace_id, max(0.0, whole_at - question.answered_at))

    @keyword
    def note_arrival_times(self, backend: str, questions: list[Question], arrivals: list[Arrival]) -> None:
        """Keep when the traces of questions, each in a context of its own, were first seen whole."""
        of_session = {question.context_id: question for question in questions}
        for arrival in arrivals:
            roots = arrival.trace.roots
            question = of_session.get(roots[0].session or "") if roots else None
            if question and arrival.whole_at:
                self.note_arrival_time(backend, arrival.trace.trace_id, question, arrival.whole_at)

    @keyword
    def describe_arrival_times(self) -> str:
        """Return how many traces arrived, with median and slowest, backend by backend; empty for none."""
        return "; ".join(
            f"{backend}: {counted(len(times), 'trace')}, median {median(times.values()):.2f} s, "
            f"slowest {max(times.values()):.2f} s"
            for backend, times in sorted(self._seconds.items())
        )
