"""Finds the traces of a session that a backend has somewhere else than where they are looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from robot.api.deco import keyword, library

from entry.entry_point import EntryPoint
from traces.mlflow_reader import PAGE, MlflowServer
from traces.phoenix_reader import PhoenixProject, PhoenixServer


@library(scope="GLOBAL")
class Elsewhere:
    """Looks for a trace where nobody expects it, to say where it is."""

    @keyword(name="Find Trace Elsewhere In MLflow")
    def find_trace_in_mlflow(self, mlflow: EntryPoint, experiment_id: str, session: str) -> str:
        """Return in which other experiments MLflow has traces of a session, in words; empty for none.

        All experiments of all workspaces are searched, also deleted ones. Raises MlflowError where MLflow
        does not answer.
        """
        return " and ".join(find_elsewhere_in_mlflow(MlflowServer(mlflow), session, experiment_id))

    @keyword(name="Find Trace Elsewhere In Phoenix")
    def find_trace_in_phoenix(self, phoenix: EntryPoint, project: str, session: str) -> str:
        """Return in which other projects Phoenix has traces of a session, in words; empty for none.

        Raises PhoenixError where Phoenix does not answer.
        """
        return " and ".join(find_elsewhere_in_phoenix(PhoenixServer(phoenix), session, project))

    @keyword(name="Find Senders In MLflow")
    def find_senders_in_mlflow(self, mlflow: EntryPoint, experiment_id: str, since: float) -> list[str]:
        """Return whose traces an experiment got since a moment (seconds since the epoch), in words.

        Each is a service's name with the number of its traces; MLflow before 3.10 keeps no names. Raises
        MlflowError where MLflow does not answer.
        """
        found = MlflowServer(mlflow).search_traces(
            [experiment_id], f"timestamp_ms >= {int(since * 1000)}", spans=False
        )
        services = Counter(trace.info.tags.get("service.name", "an unnamed service") for trace in found)
        return [f"{service} ({number})" for service, number in sorted(services.items())]


def find_elsewhere_in_mlflow(server: MlflowServer, session: str, experiment_id: str) -> Iterator[str]:
    """Yield each other experiment of each workspace that has traces of a session, in words.

    Raises MlflowError where MLflow does not answer.
    """
    here = server.workspace
    workspaces = server.list_workspaces()
    for workspace in dict.fromkeys([here, *workspaces]):
        asked = server if workspace == here else server.in_workspace(workspace)
        of_workspace = f" of workspace {workspace}" if workspaces else ""
        experiments = {each["id"]: each for each in asked.list_experiments()}
        ids = [id_ for id_ in experiments if id_ != experiment_id or workspace != here]
        for start in range(0, len(ids), PAGE):
            traces = asked.search_traces(ids[start : start + PAGE], asked.is_of(session), spans=False)
            for id_ in dict.fromkeys(trace.info.experiment_id for trace in traces):
                found = experiments[id_]
                deleted = "" if found["lifecycle"] == "active" else "deleted "
                yield f"{deleted}experiment {found['name']} (id {id_}){of_workspace}"


def find_elsewhere_in_phoenix(server: PhoenixServer, session: str, project: str) -> Iterator[str]:
    """Yield each other project that has traces of a session, in words.

    Raises PhoenixError where Phoenix does not answer.
    """
    for found in server.read_items("/v1/projects", {}):
        name = str(found["name"])
        if name != project and PhoenixProject(server, name).find_traces_of_session(session):
            yield f"project {name}"
