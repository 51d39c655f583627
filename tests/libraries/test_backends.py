"""MLflow and Phoenix are asked for one trace and give it in one shape; waiting for it ends in time."""

from __future__ import annotations

import json
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList

from agent.client import Question
from contracts.contract import load_contract
from contracts.report import TraceReport, tree
from entry.entry_point import EntryPoint
from tests.contracts.recordings import recordings
from traces import mlflow_reader, phoenix_reader
from traces.backends import find_mlflow_release
from traces.mlflow_reader import MlflowError, MlflowExperiment, MlflowServer, MlflowTraces
from traces.phoenix_reader import PhoenixError, PhoenixProject, PhoenixTraces

OWN = {recording.name: recording for recording in recordings() if recording.name.startswith("own/")}
NAMES = sorted({name.split("/")[1].split(".")[0] for name in OWN})
MLFLOW = OWN["own/one-tool.mlflow.json"].trace
PHOENIX = OWN["own/one-tool.phoenix.json"].trace
ENTRY = EntryPoint("http://phoenix.localtest.me:8080", "192.0.2.7:8080")


@pytest.mark.parametrize("name", NAMES)
def test_both_backends_hold_the_same_spans_of_a_recorded_question(name: str) -> None:
    one, other = OWN[f"own/{name}.mlflow.json"].trace, OWN[f"own/{name}.phoenix.json"].trace
    TraceReport().traces_should_have_the_same_spans(one, other, {})
    assert one.trace_id == other.trace_id
    assert one.is_whole
    for span in one.spans:
        # Phoenix keeps microseconds.
        assert abs(other.by_id[span.span_id].start_ns - span.start_ns) < 1000
        assert abs(other.by_id[span.span_id].end_ns - span.end_ns) < 1000


def test_every_difference_between_backends_is_named() -> None:
    tool = PHOENIX.of_kind("TOOL")[0]
    changed = [
        replace(span, status="ERROR") if span is tool else span for span in PHOENIX.spans if span.parent_id
    ]
    with pytest.raises(AssertionError) as raised:
        TraceReport().traces_should_have_the_same_spans(MLFLOW, replace(PHOENIX, spans=tuple(changed)), {})
    root = MLFLOW.roots[0]
    lines = str(raised.value).splitlines()
    number = f"Trace {MLFLOW.trace_id} has {len(lines)} differences between MLflow and Phoenix: "
    assert lines[0].startswith(number)
    lines[0] = f"- {lines[0].removeprefix(number)}"
    assert f"- {root.name} [{root.span_id}]: span is there in MLflow, missing in Phoenix" in lines
    path = MLFLOW.path(MLFLOW.by_id[tool.span_id])
    assert f'- {path} [{tool.span_id}]: status is "OK" in MLflow, "ERROR" in Phoenix' in lines


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ('"Paris"', "Paris"),
        ('{"city": "Paris"}', '{"city": "Paris"}'),
        ('[{"role": "user"}]', '[{"role": "user"}]'),
        ('["a", "b"]', ["a", "b"]),
        ("55", 55),
        ("0.5", 0.5),
        ("true", True),
        ("not JSON", "not JSON"),
    ],
)
def test_an_attribute_in_mlflow_has_the_value_that_the_agent_set(stored: str, value: object) -> None:
    assert mlflow_reader._value(stored) == value


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traces.waiting.POLL", 0.001)


class _Page(list[Any]):
    """What MLflow's client returns of a search."""

    token: str | None = None


class _PagedClient:
    """MLflow's client, for 250 traces; while its pages are read another trace arrives before the others."""

    def __init__(self) -> None:
        self.ids = [f"tr-{number:032x}" for number in range(1, 251)]
        self.conditions: set[str] = set()

    def search_traces(self, *, max_results: int, page_token: str | None, **asked: Any) -> _Page:  # noqa: ANN401
        self.conditions.add(asked["filter_string"])
        start, end = int(page_token or 0), int(page_token or 0) + max_results
        page = _Page(SimpleNamespace(info=SimpleNamespace(trace_id=each)) for each in self.ids[start:end])
        page.token = str(end) if end < len(self.ids) else None
        if not start:
            self.ids.insert(0, f"tr-{0:032x}")
        return page


class _RefusingClient:
    """MLflow's client, where MLflow does not know its login."""

    def search_traces(self, **_: object) -> None:
        raise MlflowException("API request failed with error code 401 != 200. Response body: ''")


def experiment_with(
    client: object, monkeypatch: pytest.MonkeyPatch, version: str = "3.17.2"
) -> MlflowExperiment:
    monkeypatch.setattr(MlflowServer, "_own_client", lambda _: client)
    monkeypatch.setattr(MlflowServer, "read_version", lambda _: version)
    return MlflowExperiment(MlflowServer(EntryPoint("http://192.0.2.7:5000")), "1")


def test_all_pages_of_a_search_in_mlflow_are_read_and_no_trace_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _PagedClient()
    server = experiment_with(client, monkeypatch).server
    found = server.search_traces(["1"], server.is_of("s"), spans=False)
    assert [trace.info.trace_id for trace in found] == [f"tr-{number:032x}" for number in range(1, 251)]
    assert client.conditions == {"metadata.`mlflow.trace.session` = 's'"}


@pytest.mark.parametrize("version", ["3.9.0", "3.13.0"])
def test_older_releases_of_mlflow_store_the_session_in_quotes(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _EmptyClient()
    assert experiment_with(client, monkeypatch, version).read_traces_of_session("s") == []
    assert client.conditions == ["metadata.`mlflow.trace.session` = '\"s\"'"]


class _EmptyClient:
    """MLflow's client, where MLflow has no trace."""

    def __init__(self) -> None:
        self.conditions: list[str] = []

    def search_traces(self, **asked: Any) -> _Page:  # noqa: ANN401
        self.conditions.append(asked["filter_string"])
        return _Page()


BATCH = "acceptance-6b1f6a52-6a0f-4a45-9d5a-7c3d1b1b1b1b"


@pytest.mark.parametrize(
    ("version", "sessions", "conditions"),
    [
        ("3.17.2", [f"{BATCH}-001", f"{BATCH}-002"], [f"LIKE '{BATCH}-00%'"]),
        ("3.9.0", [f"{BATCH}-001", f"{BATCH}-002"], [f"LIKE '\"{BATCH}-00%'"]),
        ("3.17.2", ["7", "7", "7"], ["= '7'"]),
        ("3.17.2", ["71", "72"], ["= '71'", "= '72'"]),
    ],
    ids=["a batch", "a batch in quotes", "turns of one context", "contexts that the agent made"],
)
def test_a_batch_is_one_search_and_contexts_of_the_agent_are_one_each(
    version: str, sessions: list[str], conditions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _EmptyClient()
    experiment_with(client, monkeypatch, version).find_traces_of_sessions(sessions)
    assert client.conditions == [f"metadata.`mlflow.trace.session` {condition}" for condition in conditions]


def test_traces_are_waited_for_in_the_background_from_the_answers_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MlflowExperiment, "find_traces_of_sessions", lambda *_: [MLFLOW])
    reader, asked = MlflowTraces(), Future[list[Question]]()
    reader.use_mlflow_at(ENTRY)
    arrivals = reader.start_waiting_for_conversations(asked, "1", lambda _: True, 10)
    assert not arrivals.done()
    asked.set_result([Question("?", "s", "sunny", "", 1, 2)])
    [arrival] = arrivals.result(10)
    assert arrival.trace == MLFLOW
    assert arrival.whole_at is not None


def test_an_outage_while_traces_are_waited_for_in_the_background_is_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MlflowServer, "_own_client", lambda _: _RefusingClient())
    monkeypatch.setattr(MlflowServer, "read_version", lambda _: "3.17.2")
    reader, asked = MlflowTraces(), Future[list[Question]]()
    reader.use_mlflow_at(ENTRY)
    asked.set_result([Question("?", "s", "sunny", "", 1, 2)])
    with pytest.raises(MlflowError, match="401"):
        reader.start_waiting_for_conversations(asked, "1", lambda _: True, 0.01).result(10)


@pytest.mark.parametrize(
    ("version", "since"),
    [("3.17.2", (3, 14)), ("3.13.0", (3, 9)), ("3.9.0", (3, 9)), ("2.22.0", (3, 9)), ("nightly", (3, 14))],
)
def test_each_version_of_mlflow_has_its_release(version: str, since: tuple[int, int]) -> None:
    assert find_mlflow_release(version).since == since


def test_a_release_that_loses_the_resource_is_not_asked_for_it() -> None:
    old = replace(MLFLOW, release_lacks=find_mlflow_release("3.9.0").not_kept)
    assert old.not_kept == {"scope", "resource"}


def test_an_mlflow_that_refuses_says_where_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MlflowError) as failure:
        experiment_with(_RefusingClient(), monkeypatch).read_traces_of_session("s")
    assert str(failure.value) == (
        "MLflow at http://192.0.2.7:5000 could not be asked for the traces with "
        "metadata.`mlflow.trace.session` = 's': it answers 401, the login is wrong or missing"
    )


def test_an_mlflow_must_be_named_before_it_is_asked() -> None:
    with pytest.raises(MlflowError, match="call `Use MLflow At` first"):
        MlflowTraces().read_experiment("weather-agent", 60)


def test_an_mlflow_that_is_named_again_is_asked_once_for_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read_version(server: MlflowServer) -> str:
        asked.append(server.entry.url)
        return "3.17.2"

    monkeypatch.setattr(MlflowServer, "read_version", read_version)
    monkeypatch.setattr(MlflowServer, "_ask", lambda *_, **__: PagedList([], None))
    mlflow = MlflowTraces()
    for url in ("http://a.example", "http://a.example", "http://b.example"):
        mlflow.use_mlflow_at(EntryPoint(url))
        assert mlflow.wait_for_trace("s", "1", limit=0) is None
    assert asked == ["http://a.example", "http://b.example"]


class _FakePhoenix:
    """Answers GET of spans with the given pages, one a request, or with a status; a session has one trace."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *pages: dict[str, Any] | int | tuple[int, str]
    ) -> None:
        self.pages = list(pages)
        self.asked: list[dict[str, Any]] = []
        monkeypatch.setattr(requests, "request", self.request)

    def request(self, _: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401
        self.asked.append({"url": url, **options, "params": dict(options.get("params", {}))})
        response = requests.Response()
        page: dict[str, Any] | int | tuple[int, str] = {"data": [{"trace_id": "a" * 32}]}
        if url.endswith("/openapi.json"):
            self.asked.pop()
            page = {"paths": {phoenix_reader.TRACE_PATH: {}}}
        elif url.endswith("/v1/projects"):
            page = {"data": [{"name": "default", "id": "P1"}]}
        elif url.endswith("/graphql"):
            page = {"data": {"node": {"trace": None}}}
        elif not url.endswith("/traces"):
            page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, int):
            page = page, "out of order"
        response.status_code, text = page if isinstance(page, tuple) else (200, json.dumps(page))
        response._content = text.encode()
        return response


def span(number: int) -> dict[str, Any]:
    return {
        "context": {"trace_id": "a" * 32, "span_id": f"{number:016x}"},
        "parent_id": None if number == 1 else f"{1:016x}",
        "name": "n",
        "span_kind": "CHAIN",
        "start_time": "2026-11-24T00:57:44.150819+00:00",
        "end_time": "2026-11-24T00:57:44.150820+00:00",
        "status_code": "UNSET",
    }


def test_phoenix_gives_all_pages_of_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    phoenix = _FakePhoenix(monkeypatch, {"data": [span(1)], "next_cursor": "c"}, {"data": [span(2)]})
    trace = PhoenixTraces().read_trace(ENTRY, "default", "a" * 32)
    assert trace is not None
    assert [found.span_id for found in trace.spans] == ["0000000000000001", "0000000000000002"]
    assert trace.spans[0].end_ns - trace.spans[0].start_ns == 1000
    first, second = phoenix.asked
    assert first["url"] == "http://phoenix.localtest.me:8080/v1/projects/default/spans"
    assert first["params"]["trace_id"] == "a" * 32
    assert second["params"]["cursor"] == "c"


def test_phoenix_without_the_project_has_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    _FakePhoenix(monkeypatch, (404, "Project with name default not found"))
    assert PhoenixTraces().read_trace(ENTRY, "default", "a" * 32) is None
    with pytest.raises(PhoenixError, match="has no project default: no span has come to it"):
        PhoenixTraces().read_project_id(ENTRY, "default")


def test_a_phoenix_without_the_api_is_not_one_without_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    _FakePhoenix(monkeypatch, (404, '{"detail": "Not Found"}'))
    with pytest.raises(PhoenixError, match="answers /v1/projects/default/spans with 404"):
        PhoenixTraces().read_trace(ENTRY, "default", "a" * 32)
    _FakePhoenix(monkeypatch, (200, "<html>Phoenix</html>"))
    with pytest.raises(PhoenixError, match="without JSON: its version lacks this API"):
        PhoenixTraces().read_trace(ENTRY, "default", "a" * 32)


def test_a_projects_name_may_have_any_character(monkeypatch: pytest.MonkeyPatch) -> None:
    phoenix = _FakePhoenix(monkeypatch, {"data": {"id": "UHJvamVjdDox"}})
    assert PhoenixTraces().read_project_id(ENTRY, "my agent?") == "UHJvamVjdDox"
    assert phoenix.asked[0]["url"] == "http://phoenix.localtest.me:8080/v1/projects/my%20agent%3F"


def test_waits_until_phoenix_has_all_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    _FakePhoenix(monkeypatch, {"data": []}, 503, {"data": [span(1)]}, {"data": [span(1), span(2)]})
    trace = PhoenixTraces().wait_for_trace(ENTRY, "default", "s", 2, 5)
    assert trace is not None
    assert len(trace.spans) == 2


def test_names_the_sessions_that_phoenix_has_no_whole_trace_of(monkeypatch: pytest.MonkeyPatch) -> None:
    _FakePhoenix(monkeypatch, 503, {"data": [span(1), span(2)]})
    assert PhoenixTraces().wait_for_traces(ENTRY, "default", ["a", "b"], 2, 5) == []
    _FakePhoenix(monkeypatch, {"data": [span(1)]})
    assert PhoenixTraces().wait_for_traces(ENTRY, "default", ["a", "b"], 2, 0.01) == ["a", "b"]


def test_counts_all_traces_of_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"a": ["1", "2"], "b": [], "c": ["3"]}
    monkeypatch.setattr(PhoenixProject, "find_traces_of_session", lambda _, session: found[session])
    assert PhoenixTraces().count_traces(ENTRY, "default", [*found]) == 3


def test_waiting_for_phoenix_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    _FakePhoenix(monkeypatch, {"data": []})
    assert PhoenixTraces().wait_for_trace(ENTRY, "default", "s", 2, 0.01) is None
    _FakePhoenix(monkeypatch, 503)
    with pytest.raises(PhoenixError, match="answers /v1/projects/default/spans with 503"):
        PhoenixTraces().wait_for_trace(ENTRY, "default", "s", 2, 0.01)


def test_a_tree_shows_kinds_texts_and_orphans() -> None:
    lines = tree(MLFLOW).splitlines()
    assert lines[0] == f"{MLFLOW.trace_id} in MLflow: {len(MLFLOW.spans)} spans, state OK"
    assert lines[1].startswith("  invoke_agent weather-assistant [AGENT] ")
    assert lines[2] == "      <- What is the weather in Paris?"
    assert any("get_weather [TOOL]" in line for line in lines)
    headless = replace(MLFLOW, spans=tuple(span for span in MLFLOW.spans if span.parent_id))
    assert f"ORPHAN, its parent {MLFLOW.roots[0].span_id} is missing" in tree(headless)


def test_the_tokens_of_an_orphan_count_in_phoenixs_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    phoenix = _OldPhoenix(monkeypatch)
    root, child = phoenix._sum(1), phoenix._sum(2) | {"parentId": "f" * 16}
    monkeypatch.setattr(phoenix, "_sum", lambda number: root if number == 1 else child)
    trace = PhoenixTraces().wait_for_trace(ENTRY, "default", "ctx-1", 2, 0)
    assert trace is not None
    assert trace.tokens == {"prompt": 269, "completion": 82, "total": 351}


def test_a_phoenix_that_does_not_say_its_sum_is_not_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _FakePhoenix(monkeypatch, {"data": [span(1), span(2)]})
    trace = PhoenixTraces().wait_for_trace(ENTRY, "default", "s", 2, 0)
    assert trace is not None
    assert trace.tokens is None
    assert "tokens" in trace.not_kept


def test_a_broken_contract_names_every_violation() -> None:
    recording = OWN["own/one-tool.mlflow.json"]
    known = recording.expectation
    question = Question(known.question, known.session, "", "", 0, 0)
    contract = load_contract("weather-one-tool.yaml")
    TraceReport().trace_should_fulfil_contract(MLFLOW, contract, question, list(known.canaries))
    with pytest.raises(AssertionError) as raised:
        TraceReport().trace_should_fulfil_contract(MLFLOW, contract, question, ["WX-00000000"])
    root = MLFLOW.roots[0].span_id
    assert str(raised.value) == (
        f"Trace {MLFLOW.trace_id} in MLflow breaks contract weather-one-tool: canaries.foreign: "
        f"invoke_agent weather-assistant [{root}]: expected no canary but WX-00000000, seen WX-266581A3; "
        "the same at 6 other spans; with it 3 more violations (causality.canary-comes-from-tool, "
        "causality.canary-reaches-model, causality.canary-reaches-answer)"
    )


class _OldPhoenix:
    """Phoenix 8.32.1: its REST API has projects and no traces; its GraphQL API has a trace of two pages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.variables: list[dict[str, Any]] = []
        monkeypatch.setattr(requests, "request", self.request)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401
        answers: dict[str, Any] = {
            "/openapi.json": {"paths": {"/v1/projects": {}}},
            "/v1/projects": {"data": [{"name": "default", "id": "P1"}], "next_cursor": None},
        }
        path = url.removeprefix(ENTRY.url)
        response = requests.Response()
        response.status_code = requests.codes.ok
        response.headers["x-phoenix-server-version"] = "8.32.1"
        text = json.dumps(answers[path]) if path in answers else "<html>Phoenix</html>"
        if path == "/graphql":
            assert method == "POST"
            # The type that a variable of the id would need is ID or GlobalID, and nothing says which.
            assert 'node(id: "P1")' in options["json"]["query"]
            assert "$project" not in options["json"]["query"]
            text = json.dumps({"data": {"node": self._project(options["json"]["variables"])}})
        response._content = text.encode()
        return response

    def _project(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.variables.append(variables)
        if "condition" in variables:
            return {"spans": {"edges": [{"node": {"trace": {"traceId": "a" * 32}}}] * 2}}
        if "after" not in variables:
            return {"trace": {"spans": {"edges": [{"node": self._sum(number)} for number in (1, 2)]}}}
        number = 2 if variables["after"] else 1
        page = {"hasNextPage": number == 1, "endCursor": "c"}
        return {"trace": {"spans": {"edges": [{"node": self._node(number)}], "pageInfo": page}}}

    @staticmethod
    def _sum(number: int) -> dict[str, Any]:
        return {
            "spanId": f"{number:016x}",
            "parentId": None if number == 1 else f"{1:016x}",
            "cumulativeTokenCountPrompt": 214.0 if number == 1 else 55.0,
            "cumulativeTokenCountCompletion": 82.0 if number == 1 else None,
        }

    @staticmethod
    def _node(number: int) -> dict[str, Any]:
        return {
            "spanId": f"{number:016x}",
            "parentId": None if number == 1 else f"{1:016x}",
            "name": "ChatOpenAI",
            "spanKind": "llm",
            "statusCode": "ERROR",
            "statusMessage": "it failed",
            "startTime": "2026-11-24T00:57:44.150819+00:00",
            "endTime": "2026-11-24T00:57:44.150820+00:00",
            "attributes": json.dumps(
                {"llm": {"input_messages": [{"message": {"role": "user"}}], "stop": ["a", "b"]}}
            ),
            "events": [
                {"name": "exception", "message": "no", "timestamp": "2026-11-24T00:57:44.150819+00:00"}
            ],
        }


def test_a_phoenix_without_traces_in_its_rest_api_is_asked_by_graphql(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phoenix = _OldPhoenix(monkeypatch)
    reader = PhoenixTraces()
    assert reader.read_version(ENTRY) == "8.32.1"
    assert reader.read_project_id(ENTRY, "default") == "P1"
    trace = reader.wait_for_trace(ENTRY, "default", "ctx-1", 2, 0)
    assert trace is not None
    assert phoenix.variables[0]["condition"] == "attributes['session']['id'] == \"ctx-1\""
    first, second = trace.spans
    assert (first.kind, first.status, second.parent_id) == ("LLM", "ERROR", first.span_id)
    assert first.attributes == {"llm.input_messages.0.message.role": "user", "llm.stop": ["a", "b"]}
    assert first.events[0].attributes == {"exception.message": "no"}
    assert "event_attributes" in trace.not_kept
    assert trace.tokens == {"prompt": 214, "completion": 82, "total": 296}
    assert "tokens" not in trace.not_kept
    assert reader.wait_for_trace(ENTRY, "another", "ctx-1", 1, 0) is None
