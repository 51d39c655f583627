"""Reads traces from Phoenix by its REST API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
from robot.api.deco import keyword, library

from entry.entry_point import EntryPoint
from entry.http_requests import RequestError, send_request
from traces import waiting
from traces.model import Event, Span, Status, Trace

REQUEST_LIMIT = 15  # seconds
PAGE = 1000  # spans or traces that one request asks for
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS: dict[str, Status] = {"OK": "OK", "ERROR": "ERROR"}


class PhoenixError(waiting.BackendError):
    """Phoenix could not be asked; the message says where and what it answered."""


@dataclass(frozen=True)
class PhoenixProject:
    """The traces of one project, by its name. Phoenix makes a project with its first span."""

    phoenix: EntryPoint
    name: str
    backend = "phoenix"

    def read_id(self) -> str:
        """Return Phoenix's own id of the project, which the addresses of its pages contain."""
        answer = self._get("", {})
        if answer is None:
            raise PhoenixError(
                f"Phoenix at {self.phoenix} has no project {self.name}: no span has come to it."
            )
        return str(answer["data"]["id"])

    def find_traces_of_session(self, session: str) -> list[str]:
        """Return the ids (32 hex digits) of a session's traces; Phoenix itself filters."""
        return [item["trace_id"] for item in self._items("traces", {"session_identifier": session})]

    def read_trace(self, trace_id: str) -> Trace | None:
        """Return the trace of that id (32 hex digits) as far as Phoenix has it now, None without a span."""
        spans = tuple(convert(item) for item in self._items("spans", {"trace_id": trace_id}))
        return Trace(trace_id, spans, self.backend) if spans else None

    def has_arrived(self, session: str, spans: int) -> bool:
        """Return whether a trace of the session is whole and has at least so many spans."""
        traces = (self.read_trace(trace_id) for trace_id in self.find_traces_of_session(session))
        return any(trace is not None and trace.has_arrived(spans) for trace in traces)

    def _items(self, what: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield what the project has of something, page by page; nothing where there is no such project."""
        asked: dict[str, Any] = {**query, "limit": PAGE}
        while True:
            page = self._get(f"/{what}", asked) or {"data": ()}
            yield from page["data"]
            if not page.get("next_cursor"):
                return
            asked["cursor"] = page["next_cursor"]

    def _get(self, path: str, query: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what Phoenix answers about the project, None where it has no such project."""
        path = f"/v1/projects/{quote(self.name, safe='')}{path}"
        try:
            response = send_request(self.phoenix, "GET", path, REQUEST_LIMIT, params=query)
        except RequestError as error:
            raise PhoenixError(f"Phoenix at {self.phoenix} could not be asked: {error.why}") from error
        if response.status_code == requests.codes.not_found and "not found" in response.text:
            return None
        body = " ".join(response.text.split())[:300]
        if not response.ok:
            raise PhoenixError(
                f"Phoenix at {self.phoenix} answers {path} with {response.status_code}: {body}"
            )
        try:
            answer: dict[str, Any] = response.json()
        except requests.JSONDecodeError as error:
            raise PhoenixError(
                f"Phoenix at {self.phoenix} answers {path} without JSON: its version lacks this API, or the "
                f"project's name has a slash. It answers: {body}"
            ) from error
        return answer


@library(scope="GLOBAL")
class PhoenixTraces:
    """Asks a Phoenix server for traces by their session."""

    @keyword(name="Read Phoenix Project Id")
    def read_project_id(self, phoenix: EntryPoint, project: str) -> str:
        """Return Phoenix's own id of a project; raises PhoenixError where there is no such project."""
        return PhoenixProject(phoenix, project).read_id()

    @keyword(name="Read Trace From Phoenix")
    def read_trace(self, phoenix: EntryPoint, project: str, trace_id: str) -> Trace | None:
        """Return the trace of that id (32 hex digits) as far as Phoenix has it now, None without a span."""
        return PhoenixProject(phoenix, project).read_trace(trace_id)

    @keyword(name="Wait For Trace In Phoenix")
    def wait_for_trace(
        self, phoenix: EntryPoint, project: str, session: str, spans: int, limit: float
    ) -> Trace | None:
        """Return the trace of a session as soon as it is whole and has that many spans.

        After `limit` seconds return what there is, None where there is nothing. Raises PhoenixError where
        Phoenix does not answer then, and AssertionError where several traces carry the session.
        """
        return waiting.wait_for_trace(PhoenixProject(phoenix, project), session, spans, limit)

    @keyword(name="Wait For Traces In Phoenix")
    def wait_for_traces(
        self, phoenix: EntryPoint, project: str, sessions: list[str], spans: int, limit: float
    ) -> list[str]:
        """Return the sessions that have no whole trace of that many spans after `limit` seconds at most.

        Raises PhoenixError where Phoenix does not answer then.
        """
        place, missing = PhoenixProject(phoenix, project), list(sessions)

        def look() -> list[str]:
            missing[:] = [session for session in missing if not place.has_arrived(session, spans)]
            return missing

        return waiting.wait_until(look, lambda missing: not missing, limit)


def convert(item: Mapping[str, Any]) -> Span:
    """Return a span of Phoenix's REST API in the shape that all backends share; it keeps microseconds."""
    return Span(
        trace_id=item["context"]["trace_id"],
        span_id=item["context"]["span_id"],
        parent_id=item.get("parent_id"),
        name=item["name"],
        kind=item["span_kind"],
        start_ns=_nanoseconds(item["start_time"]),
        end_ns=_nanoseconds(item["end_time"]),
        status=_STATUS.get(item["status_code"], "UNSET"),
        status_message=item.get("status_message", ""),
        attributes=item.get("attributes", {}),
        events=tuple(
            Event(event["name"], _nanoseconds(event["timestamp"]), event.get("attributes", {}))
            for event in item.get("events", ())
        ),
    )


def _nanoseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1) * 1000
