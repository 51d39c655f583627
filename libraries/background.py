"""Lets work go on beside the tests of a run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def start(work: Callable[[], Result]) -> Future[Result]:
    """Start work and return at once; its result or its error comes with the future.

    A run that ends does not wait for it, unlike for the threads of an executor.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
