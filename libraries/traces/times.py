"""Keeps how long each trace of the run took, from the agent's answer until it was seen whole in a backend."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from robot.api.deco import keyword, library

from agent.client import Question
from traces.mlflow_reader import Sighting


@library(scope="GLOBAL")
class TraceTimes:
    """Collects times over all suites of a run, in seconds by backend and trace id."""

    def __init__(self) -> None:
        """Start without any."""
        self._seconds: defaultdict[str, dict[str, float]] = defaultdict(dict)

    @keyword
    def note_trace_time(self, backend: str, trace_id: str, question: Question, whole_at: float) -> float:
        """Keep when a question's trace was first seen whole; return its seconds since the answer."""
        seconds = max(0.0, whole_at - question.answered_at)
        self._seconds[backend].setdefault(trace_id, seconds)
        return seconds

    @keyword
    def note_trace_times(self, backend: str, questions: list[Question], sightings: list[Sighting]) -> None:
        """Keep when the traces of questions asked at once, each in a context of its own, were seen whole."""
        of_session = {question.context_id: question for question in questions}
        for each in sightings:
            roots = each.trace.roots
            question = of_session.get(str(roots[0].attributes.get("session.id"))) if roots else None
            if question and each.whole_at:
                self.note_trace_time(backend, each.trace.trace_id, question, each.whole_at)

    @keyword
    def describe_trace_times(self) -> str:
        """Return median and slowest of all times kept so far, backend by backend; empty for none."""
        return "; ".join(
            f"{backend}: median {median(times.values()):.2f} s, slowest {max(times.values()):.2f} s "
            f"of {len(times)} traces"
            for backend, times in sorted(self._seconds.items())
        )
