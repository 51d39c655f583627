"""Reads traces from Phoenix by its REST API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from robot.api.deco import keyword, library

from entry.entry_point import EntryPoint
from traces.model import Event, Span, Status, Trace
from traces.waiting import POLL, wait_for_whole_trace

REQUEST_LIMIT = 15
PAGE = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS: dict[str, Status] = {"OK": "OK", "ERROR": "ERROR"}


class PhoenixError(Exception):
    """Phoenix could not be asked; the message says where and what it said."""

    ROBOT_SUPPRESS_NAME = True


@library(scope="GLOBAL")
class PhoenixTraces:
    """Asks a Phoenix server for the trace of one session."""

    @keyword(name="Read Trace From Phoenix")
    def read_trace(self, phoenix: EntryPoint, project: str, trace_id: str) -> Trace | None:
        """Return the trace of that id (32 hex digits) as far as Phoenix has it now, None without a span."""
        spans: list[Span] = []
        query: dict[str, Any] = {"trace_id": trace_id, "limit": PAGE}
        while True:
            page = _get(phoenix, f"/v1/projects/{project}/spans", query)
            spans += [convert(item) for item in page["data"]]
            if not page.get("next_cursor"):
                break
            query["cursor"] = page["next_cursor"]
        return Trace(trace_id, tuple(spans), "phoenix") if spans else None

    @keyword(name="Find Traces Of Session In Phoenix")
    def find_traces_of_session(self, phoenix: EntryPoint, project: str, session: str) -> list[str]:
        """Return the ids (32 hex digits) of a session's traces; Phoenix itself filters."""
        found = _get(phoenix, f"/v1/projects/{project}/traces", {"session_identifier": session})
        return [item["trace_id"] for item in found["data"]]

    @keyword(name="Wait For Traces In Phoenix")
    def wait_for_traces(
        self, phoenix: EntryPoint, project: str, sessions: list[str], spans: int, limit: float
    ) -> list[str]:
        """Return the sessions that have no whole trace of that many spans after `limit` seconds at most.

        Raises PhoenixError when Phoenix does not answer then.
        """
        end = time.monotonic() + limit
        missing = list(sessions)
        while True:
            try:
                missing = [each for each in missing if not self._has_whole(phoenix, project, each, spans)]
            except PhoenixError:
                if time.monotonic() >= end:
                    raise
            if not missing or time.monotonic() >= end:
                return missing
            time.sleep(POLL)

    def _has_whole(self, phoenix: EntryPoint, project: str, session: str, spans: int) -> bool:
        for trace_id in self.find_traces_of_session(phoenix, project, session):
            trace = self.read_trace(phoenix, project, trace_id)
            if trace and trace.is_whole and len(trace.spans) >= spans:
                return True
        return False

    @keyword(name="Wait For Trace In Phoenix")
    def wait_for_trace(
        self, phoenix: EntryPoint, project: str, session: str, spans: int, limit: float
    ) -> Trace | None:
        """Return the trace of a session as soon as it is whole and has that many spans.

        After `limit` seconds return what there is, None where there is nothing. Raises PhoenixError when
        Phoenix does not answer then, and AssertionError when several traces carry the session.
        """
        return wait_for_whole_trace(
            lambda: self.find_traces_of_session(phoenix, project, session),
            lambda trace_id: self.read_trace(phoenix, project, trace_id),
            PhoenixError,
            limit,
            spans,
        )


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


def _get(phoenix: EntryPoint, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
    try:
        response = requests.get(
            phoenix.url + path, params=query, headers=phoenix.headers, timeout=REQUEST_LIMIT
        )
    except requests.RequestException as error:
        raise PhoenixError(f"Phoenix at {phoenix} does not answer: {error}") from error
    if response.status_code == requests.codes.not_found and path.startswith("/v1/projects/"):
        return {"data": []}  # a project is made with its first span
    if not response.ok:
        raise PhoenixError(
            f"Phoenix at {phoenix} answers {path} with {response.status_code}: {response.text[:300]}"
        )
    answer: dict[str, Any] = response.json()
    return answer
