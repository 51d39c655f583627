"""What Chromium logs about one page: its requests, how they ended, and its console's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"https?://\S+")


@dataclass
class Request:
    """One request of a page: what was asked, with what body, and how it ended (None: not yet).

    For a worker's own script Chromium logs the status, but never that it has ended.
    """

    method: str
    url: str
    body: str = ""
    worker: bool = False
    script: bool = False
    status: int | None = None
    end: str | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it is on its way."""
        return self.end is None and not (self.worker and self.status)

    @property
    def problem(self) -> str | None:
        """What went wrong, None where nothing did. A request that the page itself cancelled is no failure."""
        if self.status is not None and self.status >= 400:  # noqa: PLR2004 - RFC 9110: from here on errors
            return f"{self.method} {self.url} was answered {self.status}"
        if self.is_pending:
            return f"{self.method} {self.url} was never answered"
        if self.end in (None, "finished", "cancelled"):
            return None
        return f"{self.method} {self.url} failed: {self.end}"


@dataclass
class PageLog:
    """One page's requests by their ids, and its console's errors."""

    requests: dict[str, Request] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)

    def read_performance(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add entries of the performance log: https://chromedevtools.github.io/devtools-protocol/tot/Network/."""
        for entry in entries:
            event = json.loads(entry["message"])["message"]
            method, params = event["method"], event["params"]
            if method == "Network.requestWillBeSent":
                sent, worker = params["request"], not params.get("loaderId")
                self.requests[params["requestId"]] = Request(
                    sent["method"],
                    sent["url"],
                    sent.get("postData", ""),
                    worker,
                    params.get("type") == "Script",
                )
                continue
            request = self.requests.get(params.get("requestId", ""))
            if request is None:
                continue
            if method == "Network.responseReceived":
                request.status = params["response"]["status"]
            elif method == "Network.responseReceivedExtraInfo":
                request.status = params["statusCode"]
            elif method == "Network.loadingFinished":
                request.end = "finished"
            elif method == "Network.loadingFailed":
                request.end = "cancelled" if params.get("canceled") else params["errorText"]

    def read_console(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add entries of the browser log, without failed requests: the performance log has them too."""
        self.console += [
            f"the console logs: {entry['message']}"
            for entry in entries
            if entry["level"] == "SEVERE" and entry["source"] != "network"
        ]

    def of_origin(self, origin: str) -> dict[str, Request]:
        """Return the page's requests to one origin (scheme://host:port)."""
        return {key: request for key, request in self.requests.items() if origin_of(request.url) == origin}

    def failed_scripts(self, origin: str) -> list[str]:
        """Return why scripts of the origin do not run: they did not come, or are none (HTML in their place).

        A page whose program lacks a part does not ask for it again: it shows no more than it does.
        """
        requests = self.of_origin(origin).values()
        absent = [each.problem for each in requests if each.script and not each.is_pending and each.problem]
        return absent + [line for line in self.console if origin in line and "Uncaught SyntaxError" in line]

    def problems(self, origin: str, reports: str | None = None) -> list[str]:
        """Return the failed requests to the origin, what the page reported to it, and the console's errors.

        `reports` is the end of the path to which the page's script posts errors that it caught, JSON with a
        `message`.
        """
        requests = self.of_origin(origin).values()
        reported = [
            f"the page reports: {_message(request.body)}"
            for request in requests
            if reports and urlsplit(request.url).path.endswith(reports)
        ]
        return [request.problem for request in requests if request.problem] + reported + self.console


def origin_of(url: str) -> str:
    """Return a URL's origin, as `http://mlflow.localtest.me:8080`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def graphql_errors(body: str) -> list[str]:
    """Return the errors in an answer of GraphQL, which come with HTTP status 200."""
    try:
        answer = json.loads(body)
    except ValueError:
        return [f"GraphQL answers without JSON: {body[:200]}"]
    return [f"GraphQL answers: {_message(json.dumps(error))}" for error in answer.get("errors") or ()]


def split_tolerated(problems: Iterable[str], tolerated: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return (problems, tolerated ones with the reason); `tolerated` has regular expressions and reasons."""
    bad, known = [], []
    for problem in problems:
        reason = next((why for pattern, why in tolerated.items() if re.search(pattern, problem)), None)
        if reason is None:
            bad.append(problem)
        else:
            known.append(f"{problem} (tolerated: {reason})")
    return bad, known


def put_together(problems: Iterable[str]) -> list[str]:
    """Return problems of which no two differ in their first address alone: how many do stands behind one."""
    alike: dict[str, list[str]] = {}
    for problem in problems:
        alike.setdefault(_ADDRESS.sub("", problem, count=1), []).append(problem)
    return [f"{first} (and {len(more)} more like it)" if more else first for first, *more in alike.values()]


def _message(body: str) -> str:
    """Return the `message` of a JSON object, the body as it is where there is none."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body or "an error without any text"
