"""Waiting for a trace is the same for every backend, and ends in time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from traces import waiting
from traces.model import Span, Trace
from traces.waiting import BackendError, wait_for_trace, wait_until

ROOT = Span("a" * 32, "1" * 16, None, "agent", "AGENT", 1, 9, "OK")
MODEL = Span("a" * 32, "2" * 16, "1" * 16, "model", "LLM", 2, 3, "OK")
WHOLE = Trace("a" * 32, (ROOT, MODEL), "mlflow", state="OK")
ROOTLESS = replace(WHOLE, spans=(MODEL,))
UNFINISHED = replace(WHOLE, state="IN_PROGRESS")
AWAY = BackendError("MLflow answers 503")


class _Reader:
    """A backend whose answers, one a look, are the session's traces or an error; the last one stays."""

    backend = "mlflow"

    def __init__(self, *answers: list[Trace] | BackendError) -> None:
        self.answers = list(answers)

    def read_traces_of_session(self, session: str) -> list[Trace]:
        assert session == "s"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BackendError):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traces.waiting.POLL", 0.001)


def test_it_ends_when_the_trace_is_whole() -> None:
    reader = _Reader([], AWAY, [ROOTLESS], [UNFINISHED], [WHOLE])
    assert wait_for_trace(reader, "s", 2, 5) == WHOLE


def test_it_goes_on_until_there_are_as_many_spans() -> None:
    fewer = replace(WHOLE, spans=(ROOT,))
    assert wait_for_trace(_Reader([fewer], [WHOLE]), "s", 2, 5) == WHOLE


def test_after_the_limit_it_gives_what_there_is() -> None:
    assert wait_for_trace(_Reader([UNFINISHED]), "s", 1, 0.01) == UNFINISHED
    assert wait_for_trace(_Reader([]), "s", 1, 0.01) is None


def test_a_backend_that_never_answers_is_an_error() -> None:
    with pytest.raises(BackendError, match="503"):
        wait_for_trace(_Reader(AWAY), "s", 1, 0.01)


def test_without_a_limit_it_looks_once() -> None:
    reader = _Reader([ROOTLESS], [WHOLE])
    assert wait_for_trace(reader, "s", 1, 0) == ROOTLESS


def test_several_traces_of_one_question_are_counted_and_named() -> None:
    with pytest.raises(AssertionError) as failure:
        wait_for_trace(_Reader([WHOLE, replace(WHOLE, trace_id="f" * 32)]), "s", 1, 5)
    assert str(failure.value).startswith(
        f"MLflow has 2 traces of session s, expected 1: {'a' * 32}, {'f' * 32}. "
    )


def test_who_waits_long_looks_seldom_and_no_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(waiting, "POLL", 0.1)
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    wait_until(lambda: looks.append(now - 100), lambda _: False, 30)
    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert max(pauses[:10]) == pytest.approx(0.1)
    assert max(pauses) == pytest.approx(1)
    assert looks[-1] == pytest.approx(30)
    assert len(looks) < 60


def test_a_look_that_takes_until_the_limit_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = 100.0, 0

    def look() -> None:
        nonlocal now, looks
        now, looks = now + 15, looks + 1
        raise BackendError("no answer within 15 s")

    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now, sleep=lambda _: None))
    with pytest.raises(BackendError):
        wait_until(look, lambda _: True, 30)
    assert looks == 2
