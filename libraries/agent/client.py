"""Asks the weather agent a question by A2A, and computes what its tool must have answered."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
from robot.api import logger
from robot.api.deco import keyword, library

from entry.entry_point import EntryPoint
from entry.http_requests import RequestError, send_request

PAUSE_AFTER_FAILURE = 1.0  # seconds before the background asks again, so that no flood meets a broken agent
LONGEST = 300  # characters of an answer that is a failure
_CONDITIONS = ("clear", "cloudy", "foggy", "rainy", "snowy", "stormy", "sunny", "windy")


@dataclass(frozen=True)
class Question:
    """A question asked, and what came of it; times in seconds since the epoch.

    `context_id` is the A2A contextId, which the agent's root span carries as its session. `answer` is the
    text of the agent's artifacts, empty where there is none; then `failure` says what came instead.
    """

    text: str
    context_id: str
    answer: str
    failure: str
    asked_at: float
    answered_at: float

    @property
    def seconds(self) -> float:
        """How long the agent took, in seconds."""
        return self.answered_at - self.asked_at


@dataclass(frozen=True)
class BackgroundQuestions:
    """Questions that are asked in the background, each in a context whose id begins with `batch`."""

    batch: str
    stop: threading.Event
    asked: list[Future[list[tuple[int, Question]]]]


@library(scope="GLOBAL")
class AgentClient:
    """Speaks A2A 0.3 (JSON-RPC `message/send`), which the public weather agent understands too."""

    def __init__(self) -> None:
        """Start without any question in the background."""
        self._background: list[BackgroundQuestions] = []

    @keyword
    def make_context_id(self) -> str:
        """Return a contextId that no other question has."""
        return f"acceptance-{uuid.uuid4()}"

    @keyword
    def ask_the_agent(self, agent: EntryPoint, text: str, context_id: str, limit: float) -> Question:
        """Ask a question and wait `limit` seconds at most for its answer; a failure is in the result."""
        question = _ask(agent, text, context_id, limit)
        result = question.answer or question.failure
        logger.info(f"Asked {text!r} in context {context_id}; after {question.seconds:.2f} s: {result}")
        return question

    @keyword
    def ask_at_once(self, agent: EntryPoint, texts: list[str], batch: str, limit: float) -> list[Question]:
        """Ask all questions at the same time, each in a context of its own whose id begins with `batch`.

        Returns them in the order of the texts when all are answered or have failed.
        """
        contexts = [f"{batch}-{number:03d}" for number in range(1, len(texts) + 1)]
        with ThreadPoolExecutor(max_workers=len(texts)) as threads:
            return list(threads.map(lambda text, context: _ask(agent, text, context, limit), texts, contexts))

    @keyword
    def ask_in_background(
        self, agent: EntryPoint, texts: list[str], batch: str, limit: float, at_once: int
    ) -> BackgroundQuestions:
        """Ask the texts in turn, over and over, `at_once` at any moment, until `Stop Asking`; do not wait."""
        stop, numbers = threading.Event(), itertools.count()

        def ask_on() -> list[tuple[int, Question]]:
            asked = []
            for number in numbers:
                if stop.is_set():
                    break
                text, context = texts[number % len(texts)], f"{batch}-{number:03d}"
                question = _ask(agent, text, context, limit)
                asked.append((number, question))
                if question.failure:
                    stop.wait(PAUSE_AFTER_FAILURE)
            return asked

        threads = ThreadPoolExecutor(max_workers=at_once)
        asking = BackgroundQuestions(batch, stop, [threads.submit(ask_on) for _ in range(at_once)])
        threads.shutdown(wait=False)
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


def _ask(agent: EntryPoint, text: str, context_id: str, limit: float) -> Question:
    message = {
        "kind": "message",
        "role": "user",
        "messageId": str(uuid.uuid4()),
        "contextId": context_id,
        "parts": [{"kind": "text", "text": text}],
    }
    body = {"jsonrpc": "2.0", "id": context_id, "method": "message/send", "params": {"message": message}}
    asked_at = time.time()
    try:
        answer, failure = _read(send_request(agent, "POST", "/", limit, json=body))
    except RequestError as error:
        answer, failure = "", f"the request failed: {error.why}"
    return Question(text, context_id, answer, failure, asked_at, time.time())


def _read(response: requests.Response) -> tuple[str, str]:
    """Return (answer, failure) of a JSON-RPC response; one of them is empty."""
    text = response.text[:LONGEST].strip()
    if response.status_code != requests.codes.ok:
        return "", f"HTTP status {response.status_code}: {text}"
    try:
        body = response.json()
    except ValueError:
        return "", f"an answer that is not JSON: {text}"
    if isinstance(body, dict) and "error" in body:
        return "", f"JSON-RPC error {json.dumps(body['error'])[:LONGEST]}"
    task = body.get("result") if isinstance(body, dict) else None
    status = task.get("status") if isinstance(task, dict) else None
    if not isinstance(task, dict) or not isinstance(status, dict):
        return "", f"an answer without a task: {text}"
    answer = "\n".join(_texts(task))
    state = status.get("state")
    if state != "completed":
        return "", f"task state {state!r}: {(answer or json.dumps(status))[:LONGEST]}"
    return (answer, "") if answer else ("", "a completed task without any text")


def _texts(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a task's artifacts (A2A 0.3, section 6, Protocol Data Objects)."""
    for artifact in task.get("artifacts") or ():
        for part in artifact.get("parts") or ():
            if part.get("kind") == "text":
                yield part.get("text") or ""
