"""Reads experiments and traces from MLflow by its own client."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import requests
from robot.api.deco import keyword, library

import background
from agent.client import Question
from connection_failures import describe_failure
from entry.entry_point import EntryPoint, UserInfo
from entry.http_requests import RequestError, send_request
from traces import waiting
from traces.backends import MLFLOW_RELEASES, MlflowRelease, find_mlflow_release
from traces.looked_at import LOOKED_AT
from traces.model import Arrival, Event, Span, Status, Trace

if TYPE_CHECKING:
    from mlflow.entities import Trace as MlflowTrace
    from mlflow.tracking import MlflowClient

REQUEST_LIMIT = 15  # seconds
PAGE = 100  # traces that one search asks for; MLflow's search gives 500 at most
UNIQUE = 36  # characters, of a UUID: context ids that begin alike that far are of one batch
SESSION = "metadata.`mlflow.trace.session`"
EVERY = 3  # mlflow.entities.ViewType.ALL: experiments that are active or deleted
EXPERIMENTS = 1000  # that one search asks for
WORKSPACES = "/api/3.0/mlflow/workspaces"
DEFAULT_WORKSPACE = "default"  # mlflow.utils.workspace_utils
_STATUS: dict[str, Status] = {"STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}


class MlflowError(waiting.BackendError):
    """MLflow could not be asked; the message says where and what it answered."""


class _EntryHeaders:
    """An mlflow request header provider: the login for MLflow."""

    entry: EntryPoint | None = None

    def in_context(self) -> bool:
        return self.entry is not None

    def request_headers(self) -> dict[str, str]:
        return self.entry.login_headers if self.entry else {}


class MlflowServer:
    """One MLflow server, asked through mlflow's own client. Its methods raise MlflowError."""

    def __init__(self, entry: EntryPoint) -> None:
        """Name the server; nothing is asked yet."""
        self.entry = entry
        self._client: MlflowClient | None = None
        self._release: MlflowRelease | None = None

    def read_version(self) -> str:
        """Return the server's version."""
        try:
            response = send_request(self.entry, "GET", "/version", REQUEST_LIMIT)
            response.raise_for_status()
        except (RequestError, requests.RequestException) as error:
            raise self._failure("its version", error) from error
        return response.text.strip()

    @property
    def release(self) -> MlflowRelease:
        """What this server's release keeps and can be asked; its version is read once."""
        if self._release is None:
            self._release = find_mlflow_release(self.read_version())
        return self._release

    def read_experiment(self, name: str) -> dict[str, str] | None:
        """Return `id`, `name` and `lifecycle` (active or deleted) of an experiment by its name, or None."""
        return _experiment(self._ask(f"experiment {name}", "get_experiment_by_name", name))

    def read_experiment_by_id(self, id_: str) -> dict[str, str] | None:
        """Return the same of an experiment by its id, None where MLflow has no such id."""
        try:
            return _experiment(self._ask(f"experiment {id_}", "get_experiment", id_))
        except MlflowError as error:
            if getattr(error.__cause__, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def is_of(self, session: str) -> str:
        """Return the condition that a trace is of a session."""
        stored = f'"{session}"' if self.release.quotes_session else session
        return f"{SESSION} = '{stored}'"

    def read_trace(self, trace_id: str) -> Trace:
        """Return a trace, with all spans that MLflow has of it now, by its id (32 hex digits)."""
        found = self._ask(f"trace {trace_id}", "get_trace", f"tr-{trace_id}", display=False)
        return LOOKED_AT.keep(convert(found, self.release))

    def list_experiments(self) -> list[Mapping[str, str]]:
        """Return all experiments, also deleted ones, each as `read_experiment` does."""
        found: list[Mapping[str, str]] = []
        token: str | None = None
        while True:
            page = self._ask("its experiments", "search_experiments", EVERY, EXPERIMENTS, page_token=token)
            found += [experiment for each in page if (experiment := _experiment(each))]
            token = page.token
            if not token:
                return found

    def list_workspaces(self) -> list[str]:
        """Return the names of its workspaces, none where it has none: 3.9 does not, 3.17 can (measured)."""
        try:
            response = send_request(self.entry, "GET", WORKSPACES, REQUEST_LIMIT)
            return [str(each["name"]) for each in response.json()["workspaces"]] if response.ok else []
        except (RequestError, ValueError, KeyError, TypeError) as error:
            raise self._failure("its workspaces", error) from error

    def in_workspace(self, name: str) -> MlflowServer:
        """Return the same server, asked in a workspace."""
        return MlflowServer(replace(self.entry, workspace=name))

    @property
    def workspace(self) -> str:
        """The name of the workspace that is asked."""
        return self.entry.workspace or DEFAULT_WORKSPACE

    def search_traces(
        self, experiment_ids: Sequence[str], condition: str, *, spans: bool
    ) -> list[MlflowTrace]:
        """Return the traces of experiments that fulfil a condition, oldest first, with or without spans."""
        # A trace that arrives meanwhile can move another one to the next page: each is kept once.
        found: dict[str, MlflowTrace] = {}
        token: str | None = None
        while True:
            page = self._ask(
                f"the traces with {condition}",
                "search_traces",
                locations=list(experiment_ids),
                filter_string=condition,
                max_results=PAGE,
                order_by=["timestamp_ms ASC"],
                page_token=token,
                include_spans=spans,
            )
            found |= {trace.info.trace_id: trace for trace in page}
            token = page.token
            if not token:
                return list(found.values())

    def _ask(self, what: str, function: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        client = self._own_client()
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            return getattr(client, function)(*arguments, **options)
        except (MlflowException, requests.RequestException) as error:
            raise self._failure(what, error) from error

    def _own_client(self) -> MlflowClient:
        if self._client is None:
            # The client's own retries would hide an outage for minutes; who waits here waits with a limit.
            os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
            os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(REQUEST_LIMIT)
            from mlflow.tracking import MlflowClient  # noqa: PLC0415 - takes seconds, not needed for a dry run
            from mlflow.tracking.request_header import registry  # noqa: PLC0415

            if _EntryHeaders.entry is None:
                registry._request_header_provider_registry.register(_EntryHeaders)  # noqa: SLF001 - has no public way
            if isinstance(self.entry.login, UserInfo):
                _prefer_login_of_url(self.entry.login)
            self._client = MlflowClient(self.entry.url)
        _EntryHeaders.entry = self.entry
        return self._client

    def _failure(self, what: str, error: Exception) -> MlflowError:
        return MlflowError(f"MLflow at {self.entry} could not be asked for {what}: {_reason(error)}")


@dataclass(frozen=True)
class MlflowExperiment:
    """The traces of one experiment, by its id."""

    server: MlflowServer
    id: str
    backend = "mlflow"

    def read_traces_of_session(self, session: str) -> list[Trace]:
        """Return a session's traces, oldest first, with the spans that MLflow has now; it filters itself."""
        return self.find_traces(self.server.is_of(session))

    def find_traces(self, condition: str) -> list[Trace]:
        """Return the traces that fulfil a condition, oldest first, with spans; MLflow itself filters."""
        found = self.server.search_traces([self.id], condition, spans=True)
        return [LOOKED_AT.keep(convert(trace, self.server.release)) for trace in found]

    def find_traces_of_sessions(self, sessions: Iterable[str]) -> list[Trace]:
        """Return the traces of sessions, those of each search oldest first, with spans.

        One search finds those of a batch, whose context ids begin alike, and whatever else begins so. Context
        ids that an agent made have nothing in common, so each is a search of its own.
        """
        names = list(dict.fromkeys(sessions))
        begin = os.path.commonprefix(names)  # noqa: RUF071 - these are no paths
        if len(names) > 1 and len(begin) >= UNIQUE:
            quote = '"' if self.server.release.quotes_session else ""
            return self.find_traces(f"{SESSION} LIKE '{quote}{begin}%'")
        return [trace for name in names for trace in self.read_traces_of_session(name)]


@library(scope="GLOBAL")
class MlflowTraces:
    """Asks one MLflow server, named by `Use MLflow At`."""

    def __init__(self) -> None:
        """Start without a server."""
        self._server: MlflowServer | None = None

    @keyword(name="Use MLflow At")
    def use_mlflow_at(self, entry: EntryPoint) -> None:
        """Ask this MLflow from now on; what is known of it already is not asked again."""
        if self._server is None or self._server.entry != entry:
            self._server = MlflowServer(entry)

    @keyword(name="Read MLflow Version")
    def read_version(self) -> str:
        """Return the server's version; raises MlflowError where it does not answer."""
        return self._mlflow.read_version()

    @keyword
    def read_experiment(self, name: str, limit: float = 0) -> dict[str, str] | None:
        """Return `id`, `name` and `lifecycle` (active or deleted) of an experiment, or None.

        Raises MlflowError where MLflow does not answer within `limit` seconds; 0 means to ask once.
        """
        mlflow = self._mlflow
        return waiting.wait_until(lambda: mlflow.read_experiment(name), lambda _: True, limit)

    @keyword
    def read_experiment_by_id(self, experiment_id: str, limit: float = 0) -> dict[str, str] | None:
        """Return the same of an experiment by its id; see `Read Experiment`."""
        mlflow = self._mlflow
        return waiting.wait_until(lambda: mlflow.read_experiment_by_id(experiment_id), lambda _: True, limit)

    @keyword(name="Read Trace From MLflow")
    def read_trace(self, trace_id: str) -> Trace:
        """Return a trace, with all spans that MLflow has of it now, by its id (32 hex digits)."""
        return self._mlflow.read_trace(trace_id)

    @keyword(name="Find Traces In MLflow")
    def find_traces(self, experiment_id: str, condition: str) -> list[Trace]:
        """Return the traces that fulfil a condition in MLflow's filter language, oldest first, with spans."""
        return MlflowExperiment(self._mlflow, experiment_id).find_traces(condition)

    @keyword(name="Wait For Trace In MLflow")
    def wait_for_trace(
        self,
        session: str,
        experiment_id: str,
        limit: float,
        has_all: Callable[[Trace], bool] | None = None,
        spans: int = 1,
    ) -> Trace | None:
        """Return a session's trace as soon as it is whole, has so many spans, and `has_all` misses none.

        After `limit` seconds return what there is, None where there is nothing. Raises MlflowError where
        MLflow does not answer then, and AssertionError where several traces carry the session.
        """
        experiment = MlflowExperiment(self._mlflow, experiment_id)
        return waiting.wait_for_trace(experiment, session, spans, limit, has_all)

    @keyword(name="Wait For Conversations In MLflow")
    def wait_for_conversations(
        self, questions: list[Question], experiment_id: str, has_all: Callable[[Trace], bool], limit: float
    ) -> list[Arrival]:
        """Return the traces of the questions' contexts, oldest first, each with when it was whole.

        Waits until as many as there are questions are whole and `has_all` says that no span is missing, for
        `limit` seconds at most; then returns what there is, whole or not. Raises MlflowError where MLflow
        does not answer then.
        """
        return _wait_for_conversations(
            MlflowExperiment(self._mlflow, experiment_id), questions, has_all, limit
        )

    @keyword(name="Start Waiting For Conversations In MLflow")
    def start_waiting_for_conversations(
        self,
        asked: Future[list[Question]],
        experiment_id: str,
        has_all: Callable[[Trace], bool],
        limit: float,
    ) -> Future[list[Arrival]]:
        """As `Wait For Conversations In MLflow`, for questions of `Start Conversations`, without waiting.

        The future has what that keyword returns, or its error.
        """
        experiment = MlflowExperiment(self._mlflow, experiment_id)
        return background.start(lambda: _wait_for_conversations(experiment, asked.result(), has_all, limit))

    @property
    def _mlflow(self) -> MlflowServer:
        if self._server is None:
            raise MlflowError("No MLflow is named yet: call `Use MLflow At` first.")
        return self._server


def _wait_for_conversations(
    experiment: MlflowExperiment, questions: list[Question], has_all: Callable[[Trace], bool], limit: float
) -> list[Arrival]:
    sessions = [question.context_id for question in questions]
    whole_at: dict[str, float] = {}

    def look() -> list[Arrival]:
        found = experiment.find_traces_of_sessions(sessions)
        for trace in found:
            if trace.is_whole and has_all(trace):
                whole_at.setdefault(trace.trace_id, time.time())
        return [Arrival(trace, whole_at.get(trace.trace_id)) for trace in found]

    return waiting.wait_until(look, lambda _: len(whole_at) >= len(questions), limit)


def _prefer_login_of_url(login: UserInfo) -> None:
    """Let mlflow's client send the login of MLFLOW_TRACKING_URI, whatever else its environment gives."""
    for variable in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH"):
        os.environ.pop(variable, None)
    name, _, password = login.text.value.partition(":")
    os.environ |= {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password}


def _reason(error: Exception) -> str:
    """Return which failure the request met, or what MLflow answered, without words about retries."""
    if isinstance(error, RequestError):
        return error.why
    failure = describe_failure(error)
    if failure.kind != "other":
        return str(failure)
    text = " ".join(str(error).split())
    if "error code 401" in text or "401 Client Error" in text:
        return "it answers 401, the login is wrong or missing"
    status = re.search(r"too many (\d+) error responses", text)
    return f"it answers {status[1]}" if status else text[:300]


def _experiment(found: Any) -> dict[str, str] | None:  # noqa: ANN401 - mlflow has no types
    if found is None:
        return None
    return {"id": found.experiment_id, "name": found.name, "lifecycle": found.lifecycle_stage}


def convert(found: MlflowTrace, release: MlflowRelease = MLFLOW_RELEASES[-1]) -> Trace:
    """Return an mlflow trace in the shape that all backends share.

    MLflow loses the scope and turns the resource's attributes into tags of the trace.
    """
    trace_id = found.info.trace_id.removeprefix("tr-")
    tags = {key: value for key, value in found.info.tags.items() if not key.startswith("mlflow.")}
    usage = found.info.token_usage
    tokens = usage and {
        "prompt": usage["input_tokens"],
        "completion": usage["output_tokens"],
        "total": usage["total_tokens"],
    }
    spans = tuple(_span(span, trace_id, tags) for span in found.data.spans)
    state = str(found.info.state)
    return Trace(trace_id, spans, "mlflow", state, tokens or None, release_lacks=release.not_kept)


def _span(span: Any, trace_id: str, tags: dict[str, Any]) -> Span:  # noqa: ANN401 - mlflow has no types
    stored = span.to_dict()
    attributes = {key: _value(text) for key, text in stored["attributes"].items()}
    return Span(
        trace_id=trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        name=span.name,
        kind=attributes.get("openinference.span.kind"),
        start_ns=span.start_time_ns,
        end_ns=span.end_time_ns,
        status=_STATUS.get(stored["status"]["code"], "UNSET"),
        status_message=stored["status"].get("message") or "",
        attributes=attributes,
        events=tuple(Event(event.name, event.timestamp, dict(event.attributes)) for event in span.events),
        resource=tags,
    )


def _value(text: Any) -> Any:  # noqa: ANN401 - an attribute's value
    """Return the value that the application set, of which MLflow keeps the JSON.

    Text that is JSON of an object or of a list of such is kept as it came, so it stays text.
    """
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return text
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    ):
        return text
    return value
