"""Sends export requests at a rate, from several threads, and counts how they were answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import requests

from harness.common.local_requests import local_session
from harness.load.questions import Questions

ACCEPTED = "200"  # the answer to a trace that the collector took
THREADS = 16
LIMIT = 30.0  # seconds that the collector may take for an answer


@dataclass(frozen=True)
class Sent:
    """How many requests were answered how, an HTTP status or an error's name, and in how many seconds."""

    answers: dict[str, int]
    seconds: float

    @property
    def accepted(self) -> int:
        """How many traces the collector accepted."""
        return count_accepted(self.answers)


def count_accepted(answers: Mapping[str, int]) -> int:
    """Return how many of the answers accept a trace."""
    return answers.get(ACCEPTED, 0)


def send(urls: Sequence[str], questions: Questions, rate: float, seconds: float, agents: int) -> Sent:
    """Send `rate` traces a second for so many seconds, by turns as one of the agents and to one of the URLs.

    What is late is sent late: the rate that was reached is in the result. A refused request is counted and
    not sent again.
    """
    total, answers = max(1, round(rate * seconds)), Counter[str]()
    turn, lock, start, over = iter(range(total)), threading.Lock(), time.monotonic(), threading.Event()

    def work() -> None:
        with local_session() as session:
            session.headers["content-type"] = "application/x-protobuf"
            while True:
                with lock:
                    number = next(turn, total)
                if number == total or over.wait(max(0.0, start + number / rate - time.monotonic())):
                    return
                body = questions.make(number % agents)
                try:
                    answer = str(session.post(urls[number % len(urls)], body, timeout=LIMIT).status_code)
                except requests.RequestException as error:
                    answer = type(error).__name__
                with lock:
                    answers[answer] += 1

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        over.set()  # also after Ctrl-C
    return Sent(dict(answers), time.monotonic() - start)
