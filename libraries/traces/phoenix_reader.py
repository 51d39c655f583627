"""Reads traces from Phoenix: by its REST API, or by GraphQL where that has no traces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
from robot.api.deco import keyword, library

from entry.entry_point import EntryPoint
from entry.http_requests import RequestError, send_request
from traces import waiting
from traces.looked_at import LOOKED_AT
from traces.model import Event, Span, Status, Trace

REQUEST_LIMIT = 15  # seconds
SHOWN = 300  # characters of an answer that is none
PAGE = 1000  # spans or traces that one request asks for
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRACE_PATH = "/v1/projects/{project_identifier}/traces"
# PROJECT stands for the id itself, because a variable needs its type, and that is GlobalID or ID: what
# strawberry-graphql is installed beside Phoenix 8.32.1 decides (measured with 0.262.5 and 0.270.0).
SPANS_OF_SESSION = """query($condition: String!, $first: Int!) {
  node(id: PROJECT) { ... on Project {
    spans(filterCondition: $condition, first: $first) { edges { node { trace { traceId } } } }
  } }
}"""
SPANS_OF_TRACE = """query($trace: ID!, $first: Int!, $after: String) {
  node(id: PROJECT) { ... on Project {
    trace(traceId: $trace) { spans(first: $first, after: $after) {
      edges { node {
        spanId parentId name spanKind statusCode statusMessage startTime endTime attributes
        events { name message timestamp }
      } }
      pageInfo { hasNextPage endCursor }
    } }
  } }
}"""
TOKENS_OF_TRACE = """query($trace: ID!, $first: Int!) {
  node(id: PROJECT) { ... on Project {
    trace(traceId: $trace) { spans(first: $first) { edges { node {
      spanId parentId cumulativeTokenCountPrompt cumulativeTokenCountCompletion
    } } } }
  } }
}"""
_STATUS: dict[str, Status] = {"OK": "OK", "ERROR": "ERROR"}


class PhoenixError(waiting.BackendError):
    """Phoenix could not be asked; the message says where and what it answered."""


class PhoenixServer:
    """One Phoenix server. Its methods raise PhoenixError where it does not answer as it must."""

    def __init__(self, entry: EntryPoint) -> None:
        """Name the server; nothing is asked yet."""
        self._entry = entry
        self._paths: frozenset[str] | None = None
        self._projects: dict[str, str] = {}

    def read_version(self) -> str:
        """Return the server's version, which each of its answers carries."""
        return self._send("GET", "/v1/projects").headers.get("x-phoenix-server-version", "unknown")

    @property
    def has_trace_api(self) -> bool:
        """Whether the REST API gives spans and traces: 20.26.1 does, 8.32.1 does not (measured)."""
        if self._paths is None:
            self._paths = frozenset(self.read_json("/openapi.json", {})["paths"])
        return TRACE_PATH in self._paths

    def read_json(self, path: str, query: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """Return what a path answers, None where it answers that there is no such project."""
        response = self._send("GET", path, params=query)
        return None if response.status_code == requests.codes.not_found else self._json(path, response)

    def ask_graphql(self, query: str, variables: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """Return the data that GraphQL answers."""
        body = {"query": query, "variables": dict(variables)}
        answer = self._json("/graphql", self._send("POST", "/graphql", json=body))
        if answer.get("errors"):
            raise PhoenixError(f"{self} answers GraphQL with an error: {answer['errors'][0]['message']}")
        return answer["data"]

    def find_project(self, name: str) -> str | None:
        """Return Phoenix's own id of a project by its name, None where no span has come to it."""
        if name not in self._projects:
            self._projects = {each["name"]: str(each["id"]) for each in self.read_items("/v1/projects", {})}
        return self._projects.get(name)

    def read_items(self, path: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield what a path lists, page by page."""
        asked: dict[str, Any] = {**query, "limit": PAGE}
        while True:
            page = self.read_json(path, asked) or {"data": ()}
            yield from page["data"]
            if not page.get("next_cursor"):
                return
            asked["cursor"] = page["next_cursor"]

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - of requests
        try:
            response = send_request(self._entry, method, path, REQUEST_LIMIT, **options)
        except RequestError as error:
            raise PhoenixError(f"{self} could not be asked: {error.why}") from error
        no_project = response.status_code == requests.codes.not_found and "not found" in response.text
        if not response.ok and not no_project:
            raise PhoenixError(f"{self} answers {path} with {response.status_code}: {_beginning(response)}")
        return response

    def _json(self, path: str, response: requests.Response) -> Any:  # noqa: ANN401 - any JSON
        try:
            return response.json()
        except requests.JSONDecodeError as error:
            raise PhoenixError(
                f"{self} answers {path} without JSON: its version lacks this API, or the project's name has "
                f"a slash. It answers: {_beginning(response)}"
            ) from error

    def __str__(self) -> str:
        """Return where it is."""
        return f"Phoenix at {self._entry}"


@dataclass(frozen=True)
class PhoenixProject:
    """The traces of one project, by its name. Phoenix makes a project with its first span.

    They are read by the REST API, and by GraphQL where the server's REST API has no traces.
    """

    server: PhoenixServer
    name: str
    backend = "phoenix"

    def read_id(self) -> str:
        """Return Phoenix's own id of the project, which the addresses of its pages contain."""
        if self.server.has_trace_api:
            answer = self.server.read_json(self._path, {})
            found = answer and str(answer["data"]["id"])
        else:
            found = self.server.find_project(self.name)
        if not found:
            raise PhoenixError(f"{self.server} has no project {self.name}: no span has come to it.")
        return found

    def find_traces_of_session(self, session: str) -> list[str]:
        """Return the ids (32 hex digits) of a session's traces; Phoenix itself filters."""
        if self.server.has_trace_api:
            found = self.server.read_items(f"{self._path}/traces", {"session_identifier": session})
            return [item["trace_id"] for item in found]
        project = self.server.find_project(self.name)
        if project is None:
            return []
        condition = f"attributes['session']['id'] == {json.dumps(session)}"
        spans = self._ask_project(project, SPANS_OF_SESSION, condition=condition)["spans"]["edges"]
        return list(dict.fromkeys(edge["node"]["trace"]["traceId"] for edge in spans))

    def read_traces_of_session(self, session: str) -> list[Trace]:
        """Return a session's traces as far as Phoenix has them now; it filters itself."""
        found = (self.read_trace(trace_id) for trace_id in self.find_traces_of_session(session))
        return [trace for trace in found if trace is not None]

    def read_trace(self, trace_id: str) -> Trace | None:
        """Return the trace of that id (32 hex digits) as far as Phoenix has it now, None without a span.

        It has no sum of tokens: see `add_tokens`.
        """
        lacks = frozenset({"tokens"})
        if self.server.has_trace_api:
            items = self.server.read_items(f"{self._path}/spans", {"trace_id": trace_id})
            spans = tuple(convert(item) for item in items)
        else:
            spans = tuple(convert_node(node, trace_id) for node in self._read_nodes(trace_id))
            lacks |= {"event_attributes"}
        return LOOKED_AT.keep(Trace(trace_id, spans, self.backend, release_lacks=lacks)) if spans else None

    def add_tokens(self, trace: Trace) -> Trace:
        """Return a trace with Phoenix's own sum of its tokens; as it is where Phoenix does not say that."""
        tokens = self._read_tokens(trace.trace_id)
        if tokens is None:
            return trace
        return LOOKED_AT.keep(replace(trace, tokens=tokens, release_lacks=trace.release_lacks - {"tokens"}))

    def has_arrived(self, session: str, spans: int) -> bool:
        """Return whether a trace of the session is whole and has at least so many spans."""
        return any(trace.has_arrived(spans) for trace in self.read_traces_of_session(session))

    @property
    def _path(self) -> str:
        return f"/v1/projects/{quote(self.name, safe='')}"

    def _read_nodes(self, trace_id: str) -> Iterator[Mapping[str, Any]]:
        project, cursor = self.server.find_project(self.name), None
        while project:
            trace = self._ask_project(project, SPANS_OF_TRACE, trace=trace_id, after=cursor)["trace"]
            if trace is None:
                return
            yield from (edge["node"] for edge in trace["spans"]["edges"])
            if not trace["spans"]["pageInfo"]["hasNextPage"]:
                return
            cursor = trace["spans"]["pageInfo"]["endCursor"]

    def _read_tokens(self, trace_id: str) -> dict[str, int] | None:
        """Return Phoenix's own sums of a trace: its tops' cumulative counts; None where it does not say them.

        A top is a span without a parent in the trace: an orphan has its own sum.
        """
        project = self.server.find_project(self.name)
        try:
            trace = project and self._ask_project(project, TOKENS_OF_TRACE, trace=trace_id)["trace"]
        except PhoenixError:
            return None
        if not trace:
            return None
        nodes = [edge["node"] for edge in trace["spans"]["edges"]]
        ids = {node["spanId"] for node in nodes}
        tops = [node for node in nodes if node["parentId"] not in ids]
        prompt, completion = (
            sum(round(top[f"cumulativeTokenCount{part}"] or 0) for top in tops)
            for part in ("Prompt", "Completion")
        )
        return {"prompt": prompt, "completion": completion, "total": prompt + completion}

    def _ask_project(self, project: str, query: str, **variables: Any) -> Any:  # noqa: ANN401 - any JSON
        query = query.replace("PROJECT", json.dumps(project))
        return self.server.ask_graphql(query, {"first": PAGE, **variables})["node"]


@library(scope="GLOBAL")
class PhoenixTraces:
    """Asks Phoenix servers for traces by their session."""

    def __init__(self) -> None:
        """Start without a server."""
        self._servers: dict[EntryPoint, PhoenixServer] = {}

    @keyword(name="Read Phoenix Version")
    def read_version(self, phoenix: EntryPoint) -> str:
        """Return the server's version; raises PhoenixError where it does not answer."""
        return self._server(phoenix).read_version()

    @keyword(name="Read Phoenix Project Id")
    def read_project_id(self, phoenix: EntryPoint, project: str) -> str:
        """Return Phoenix's own id of a project; raises PhoenixError where there is no such project."""
        return PhoenixProject(self._server(phoenix), project).read_id()

    @keyword(name="Read Trace From Phoenix")
    def read_trace(self, phoenix: EntryPoint, project: str, trace_id: str) -> Trace | None:
        """Return the trace of that id (32 hex digits) as far as Phoenix has it now, None without a span."""
        return PhoenixProject(self._server(phoenix), project).read_trace(trace_id)

    @keyword(name="Wait For Trace In Phoenix")
    def wait_for_trace(
        self, phoenix: EntryPoint, project: str, session: str, spans: int, limit: float
    ) -> Trace | None:
        """Return the trace of a session as soon as it is whole and has that many spans.

        After `limit` seconds return what there is, None where there is nothing. Raises PhoenixError where
        Phoenix does not answer then, and AssertionError where several traces carry the session.
        """
        place = PhoenixProject(self._server(phoenix), project)
        trace = waiting.wait_for_trace(place, session, spans, limit)
        return trace and place.add_tokens(trace)

    @keyword(name="Wait For Traces In Phoenix")
    def wait_for_traces(
        self, phoenix: EntryPoint, project: str, sessions: list[str], spans: int, limit: float
    ) -> list[str]:
        """Return the sessions that have no whole trace of that many spans after `limit` seconds at most.

        Raises PhoenixError where Phoenix does not answer then.
        """
        place, missing = PhoenixProject(self._server(phoenix), project), list(sessions)

        def look() -> list[str]:
            missing[:] = [session for session in missing if not place.has_arrived(session, spans)]
            return missing

        return waiting.wait_until(look, lambda missing: not missing, limit)

    @keyword(name="Count Traces In Phoenix")
    def count_traces(self, phoenix: EntryPoint, project: str, sessions: list[str]) -> int:
        """Return how many traces of these sessions Phoenix has. Raises PhoenixError where it cannot say."""
        place = PhoenixProject(self._server(phoenix), project)
        return sum(len(place.find_traces_of_session(session)) for session in sessions)

    def _server(self, phoenix: EntryPoint) -> PhoenixServer:
        return self._servers.setdefault(phoenix, PhoenixServer(phoenix))


def _beginning(response: requests.Response) -> str:
    """Return how the body of an answer begins, in one line."""
    return " ".join(response.text.split())[:SHOWN]


def convert(item: Mapping[str, Any]) -> Span:
    """Return a span of Phoenix's REST API in the shape that all backends share; it keeps microseconds."""
    return Span(
        trace_id=item["context"]["trace_id"],
        span_id=item["context"]["span_id"],
        parent_id=item.get("parent_id"),
        name=item["name"],
        kind=_kind(item["span_kind"]),
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


def convert_node(node: Mapping[str, Any], trace_id: str) -> Span:
    """Return a span of Phoenix's GraphQL API in the same shape; of an event it has only the message."""
    return Span(
        trace_id=trace_id,
        span_id=node["spanId"],
        parent_id=node["parentId"],
        name=node["name"],
        kind=_kind(node["spanKind"].upper()),
        start_ns=_nanoseconds(node["startTime"]),
        end_ns=_nanoseconds(node["endTime"]),
        status=_STATUS.get(node["statusCode"], "UNSET"),
        status_message=node["statusMessage"],
        attributes=dict(_flatten(json.loads(node["attributes"]))),
        events=tuple(
            Event(
                event["name"],
                _nanoseconds(event["timestamp"]),
                {"exception.message": event["message"]} if event["message"] else {},
            )
            for event in node["events"]
        ),
    )


def _kind(kind: str) -> str | None:
    """Return a span's kind, None where it has none: Phoenix says UNKNOWN of it."""
    return None if kind == "UNKNOWN" else kind


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    """Yield the attributes that Phoenix nests: `{"llm": {"tools": [{...}]}}` is `llm.tools.0...`."""
    nested: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        nested = value.items()
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        nested = enumerate(value)
    else:
        yield path, value
        return
    for key, inner in nested:
        yield from _flatten(inner, f"{path}.{key}" if path else str(key))


def _nanoseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1) * 1000
