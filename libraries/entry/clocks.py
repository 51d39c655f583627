"""How far the clock behind an entry point is ahead of this machine's."""

from __future__ import annotations

import time

from robot.api.deco import keyword, library

from entry.entry_point import EntryPoint
from entry.http_requests import send_request
from kube.clock import clock_ahead


@library(scope="GLOBAL")
class Clocks:
    """Compares the clocks of components with this machine's, each once a run."""

    def __init__(self) -> None:
        """Start without any."""
        self._ahead: dict[str, float | None] = {}  # by URL

    @keyword
    def measure_clock_behind(self, entry: EntryPoint, path: str, limit: float) -> float | None:
        """Return by how many seconds the clock that dates the answers of an entry point is ahead.

        That is the component's, or a proxy's before it. None where answers have no date. `limit` is in
        seconds. Raises RequestError where there is no answer.

        It is asked once a run: some agents make a trace of each request.
        """
        url = entry.url + path
        if url not in self._ahead:
            asked = time.time()
            response = send_request(entry, "GET", path, limit)
            self._ahead[url] = clock_ahead(response.headers, asked, time.time())
        return self._ahead[url]
