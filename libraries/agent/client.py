"""Asks the weather agent a question by A2A, and computes what its tool must have answered."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library

import background
from agent.answer import Answer
from agent.asker import Asker, NoAnswerError
from agent.card import Interface, read_interface
from entry.entry_point import EntryError, EntryPoint
from entry.http_requests import RequestError

PAUSE_AFTER_FAILURE = 1.0  # seconds before the background asks again, so that no flood meets a broken agent
_CONDITIONS = ("clear", "cloudy", "foggy", "rainy", "snowy", "stormy", "sunny", "windy")


@dataclass(frozen=True)
class Question:
    """A question asked, and what came of it; times in seconds since the epoch.

    `context_id` is the A2A contextId, which the agent's root span carries as its session; it is the agent's
    own where it answered in another context than ours. `answer` is the text of its artifacts or of its
    message, empty where there is none; then `failure` says what came instead. `events` counts those of a
    stream, which is answered when the last one has come.
    """

    text: str
    context_id: str
    answer: str
    failure: str
    asked_at: float
    answered_at: float
    events: int = 0

    @property
    def seconds(self) -> float:
        """How long the agent took, in seconds."""
        return self.answered_at - self.asked_at


@dataclass(frozen=True)
class BackgroundQuestions:
    """Questions that are asked in the background until `stop` is set."""

    stop: threading.Event
    asked: list[Future[list[tuple[int, Question]]]]


@library(scope="GLOBAL")
class AgentClient:
    """Speaks A2A 0.3 and 1.0, as the agent's card says, which is read once a run."""

    def __init__(self) -> None:
        """Start without any question in the background, and without any card."""
        self._background: list[BackgroundQuestions] = []
        self._interfaces: dict[str, Interface] = {}  # by the entry point's URL

    @keyword
    def make_context_id(self) -> str:
        """Return a contextId that no other question has."""
        return f"acceptance-{uuid.uuid4()}"

    @keyword
    def read_agent_card(self, agent: EntryPoint, limit: float) -> Interface:
        """Return how the agent is asked: what its card offers, or A2A 0.3 where it has none.

        A card is read once a run. Raises EntryError where it cannot be read within `limit` seconds, or offers
        nothing that is spoken here.
        """
        interface = self._find_asker(agent, limit).interface
        if interface.problem or not interface.lasts:
            raise EntryError(f"The agent at {agent}: {interface.problem or interface.reason}.")
        return interface

    @keyword
    def ask_the_agent(
        self, agent: EntryPoint, text: str, context_id: str, limit: float, stream: bool = False
    ) -> Question:
        """Ask a question and wait `limit` seconds at most for its answer; a failure is in the result.

        With `stream` ask for the answer in events, and wait for the last one.
        """
        asker = self._find_asker(agent, limit, stream=stream)
        question = _ask(asker, text, context_id)
        result = question.answer or question.failure
        logger.info(
            f"Asked {text!r} in context {question.context_id} by {asker.interface}. "
            f"After {question.seconds:.2f} s: {result}"
        )
        return question

    @keyword
    def ask_at_once(self, agent: EntryPoint, texts: list[str], batch: str, limit: float) -> list[Question]:
        """Ask all questions at the same time, each in a context of its own whose id begins with `batch`.

        Returns them in the order of the texts when all are answered or have failed.
        """
        return self.start_conversations(agent, [[text] for text in texts], batch, limit).result()

    @keyword
    def start_conversations(
        self, agent: EntryPoint, conversations: list[list[str]], batch: str, limit: float
    ) -> Future[list[Question]]:
        """Hold conversations at the same time, each in a context of its own whose id begins with `batch`.

        The texts of one are asked one after the other, until there is no answer. Returns at once: the future
        has the questions, in the order of the texts, when all conversations are over.
        """
        asker = self._find_asker(agent, limit)
        contexts = [f"{batch}-{number:03d}" for number in range(1, len(conversations) + 1)]
        held = [
            background.start(partial(_hold, asker, texts, context))
            for texts, context in zip(conversations, contexts, strict=True)
        ]
        return background.start(lambda: [question for each in held for question in each.result()])

    @keyword
    def ask_in_background(
        self, agent: EntryPoint, texts: list[str], batch: str, limit: float, at_once: int
    ) -> BackgroundQuestions:
        """Ask the texts in turn, over and over, `at_once` at any moment, until `Stop Asking`; do not wait."""
        stop, numbers = threading.Event(), itertools.count()
        self._find_asker(agent, limit)  # reads the card once for all threads

        def ask_on() -> list[tuple[int, Question]]:
            asked = []
            for number in numbers:
                if stop.is_set():
                    break
                text, context = texts[number % len(texts)], f"{batch}-{number:03d}"
                question = _ask(self._find_asker(agent, limit), text, context)
                asked.append((number, question))
                if question.failure:
                    stop.wait(PAUSE_AFTER_FAILURE)
            return asked

        asking = BackgroundQuestions(stop, [background.start(ask_on) for _ in range(at_once)])
        self._background.append(asking)
        return asking

    @keyword
    def stop_all_asking(self) -> None:
        """Ask no further in the background, also where a test failed before it came to `Stop Asking`."""
        while self._background:
            self.stop_asking(self._background.pop())

    @keyword
    def stop_asking(self, asking: BackgroundQuestions) -> list[Question]:
        """Ask no further; return the questions, in order, when the last are answered or have failed."""
        asking.stop.set()
        asked = sorted((pair for each in asking.asked for pair in each.result()), key=lambda pair: pair[0])
        return [question for _, question in asked]

    @keyword
    def compute_stations(self, seed: str, *cities: str) -> list[str]:
        """Return the station that the weather tool answers for each city under a seed: its canary."""
        return [self.compute_weather(city, seed)["station"] for city in cities]

    @keyword
    def compute_weather(self, city: str, seed: str) -> dict[str, Any]:
        """Return what the weather tool answers for a city under a seed; `station` is the canary."""
        digest = hashlib.sha256(f"{seed}:{city.strip().lower()}".encode()).hexdigest()
        return {
            "city": city,
            "conditions": _CONDITIONS[int(digest[8:10], 16) % len(_CONDITIONS)],
            "humidity_percent": int(digest[4:8], 16) % 101,
            "station": f"WX-{digest[10:18].upper()}",
            "temperature_celsius": (int(digest[0:4], 16) % 400 - 50) / 10,
        }

    def _find_asker(self, agent: EntryPoint, limit: float, *, stream: bool = False) -> Asker:
        """Return who asks the agent as its card says; a card that cannot be read now is looked for again."""
        interface = self._interfaces.get(agent.url)
        if interface is None:
            try:
                interface = read_interface(agent, limit)
            except RequestError as error:
                problem = f"the request failed: {error.why}"
                interface = Interface("its card cannot be read", problem=problem, lasts=False)
            if interface.lasts:
                self._interfaces[agent.url] = interface
        return Asker(agent, interface, limit, stream)


def _hold(asker: Asker, texts: list[str], context_id: str) -> list[Question]:
    """Ask one after the other in one context, ours or the agent's own, until there is no answer."""
    questions: list[Question] = []
    for text in texts:
        questions.append(_ask(asker, text, context_id))
        if questions[-1].failure:
            break
        context_id = questions[-1].context_id
    return questions


def _ask(asker: Asker, text: str, context_id: str) -> Question:
    asked_at, answer = time.time(), Answer()
    try:
        answer = asker.ask(text, context_id)
        failure = answer.failure
    except NoAnswerError as error:
        failure = str(error)
    answered_at = time.time()
    said, context = "" if failure else answer.text, answer.context_id or context_id
    return Question(text, context, said, failure, asked_at, answered_at, answer.events if asker.stream else 0)
