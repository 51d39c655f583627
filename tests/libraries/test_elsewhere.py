"""A trace that a backend has elsewhere is found: in which project, experiment and workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from entry.entry_point import EntryPoint
from traces import phoenix_reader
from traces.elsewhere import Elsewhere
from traces.mlflow_reader import MlflowError, MlflowServer

MLFLOW = EntryPoint("http://mlflow.localtest.me:8080")
PHOENIX = EntryPoint("http://phoenix.localtest.me:8080")
ACTIVE = ("0", "Default", "active"), ("1", "weather-agent", "active"), ("2", "other", "active")
DELETED = ("3", "gone", "deleted")


class _Page(list[Any]):
    """What MLflow's client returns of a search."""

    token: str | None = None


class _Client:
    """MLflow's client in one workspace: its experiments, and the ids of those that have the trace."""

    def __init__(self, experiments: tuple[tuple[str, str, str], ...], having: tuple[str, ...]) -> None:
        self.experiments, self.having = experiments, having

    def search_experiments(self, *_: object, **__: object) -> _Page:
        return _Page(
            SimpleNamespace(experiment_id=id_, name=name, lifecycle_stage=stage)
            for id_, name, stage in self.experiments
        )

    def search_traces(self, *, locations: list[str], filter_string: str, **_: object) -> _Page:
        assert filter_string == "metadata.`mlflow.trace.session` = 'ctx-1'"
        return _Page(
            SimpleNamespace(info=SimpleNamespace(trace_id=f"tr-{id_}", experiment_id=id_))
            for id_ in locations
            if id_ in self.having
        )


def answer(content: object, status: int = 200) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = (content if isinstance(content, str) else json.dumps(content)).encode()
    return response


def use_mlflow(
    monkeypatch: pytest.MonkeyPatch, clients: Mapping[str, _Client], workspaces: requests.Response
) -> None:
    monkeypatch.setattr(MlflowServer, "_own_client", lambda server: clients[server.workspace])
    monkeypatch.setattr(MlflowServer, "read_version", lambda _: "3.17.2")
    monkeypatch.setattr(requests, "request", lambda *_, **__: workspaces)


@pytest.mark.parametrize(
    ("having", "found"),
    [
        ((), ""),
        (("1",), ""),
        (("2",), "experiment other (id 2)"),
        (("3",), "deleted experiment gone (id 3)"),
        (("0", "2"), "experiment Default (id 0) and experiment other (id 2)"),
    ],
)
def test_another_experiment_is_named(
    having: tuple[str, ...], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_mlflow(monkeypatch, {"default": _Client((*ACTIVE, DELETED), having)}, answer("disabled", 501))
    assert Elsewhere().find_trace_in_mlflow(MLFLOW, "1", "ctx-1") == found


def test_another_workspace_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = {"default": _Client(ACTIVE, ()), "team2": _Client((("4", "weather-agent", "active"),), ("4",))}
    named = answer({"workspaces": [{"name": "default"}, {"name": "team2"}]})
    use_mlflow(monkeypatch, clients, named)
    found = Elsewhere().find_trace_in_mlflow(MLFLOW, "1", "ctx-1")
    assert found == "experiment weather-agent (id 4) of workspace team2"


def test_senders_of_traces_since_a_moment_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class _Since:
        def search_traces(self, *, locations: list[str], filter_string: str, **_: object) -> _Page:
            assert (locations, filter_string) == (["1"], "timestamp_ms >= 1500")
            climate = {"service.name": "climate-agent"}
            services: tuple[dict[str, str], ...] = (climate, {}, climate)
            return _Page(
                SimpleNamespace(info=SimpleNamespace(trace_id=str(number), tags=tags))
                for number, tags in enumerate(services)
            )

    monkeypatch.setattr(MlflowServer, "_own_client", lambda _: _Since())
    found = Elsewhere().find_senders_in_mlflow(MLFLOW, "1", 1.5)
    assert found == ["an unnamed service (1)", "climate-agent (2)"]


def test_an_mlflow_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    use_mlflow(monkeypatch, {}, answer("<html>login</html>"))
    with pytest.raises(MlflowError, match="could not be asked for its workspaces"):
        Elsewhere().find_trace_in_mlflow(MLFLOW, "1", "ctx-1")


@pytest.mark.parametrize(("having", "found"), [("default", ""), ("other one", "project other one")])
def test_another_project_is_named(having: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def request(_: str, url: str, **__: object) -> requests.Response:
        path = url.removeprefix(PHOENIX.url)
        pages: dict[str, object] = {
            "/openapi.json": {"paths": {phoenix_reader.TRACE_PATH: {}}},
            "/v1/projects": {"data": [{"name": name, "id": name} for name in ("default", "other one")]},
            f"/v1/projects/{having.replace(' ', '%20')}/traces": {"data": [{"trace_id": "a" * 32}]},
        }
        return answer(pages.get(path, {"data": []}))

    monkeypatch.setattr(requests, "request", request)
    assert Elsewhere().find_trace_in_phoenix(PHOENIX, "default", "ctx-1") == found
