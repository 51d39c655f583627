"""Asks the deployed weather agent one question of each kind and records what MLflow and Phoenix store of it.

    KUBECONFIG=... python tests/recorded/record.py [NAME ...]

writes for each question `own/NAME.mlflow.json` and `own/NAME.phoenix.json`, the answers of their APIs as
they came, and `own/NAME.expectation.yaml`, what is known of the question. tests/contracts judges every
recording it finds. The cluster of the current context is read as the suites read it, with the places and time
limits of resources/settings.yaml; nothing in it is changed. `genai` and `both-instrumentations` are recorded
when they are named, into `genai/`: from a stack with kustomize/components/genai-transform, whose agent has
INSTRUMENTATIONS genai or openinference,genai.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
import yaml

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS.parent / "libraries"))

from agent_client import AgentClient  # noqa: E402
from gateway import EntryPoint, Gateway, GatewayError  # noqa: E402
from kube import ClusterError, Kube  # noqa: E402
from mlflow_traces import MlflowError, MlflowTraces  # noqa: E402
from phoenix_traces import PhoenixError, PhoenixTraces  # noqa: E402

RECORDED = TESTS / "recorded"
SETTINGS = TESTS.parent / "resources" / "settings.yaml"
GATEWAY_API = "gateway.networking.k8s.io/v1"

# By the contract's name without `weather-`: the question, the cities whose canaries it holds, tool calls.
QUESTIONS: Mapping[str, tuple[str, list[str], int]] = {
    "one-tool": ("What is the weather in Paris?", ["Paris"], 1),
    "several-tools": ("What is the weather in Paris, Rome and Oslo?", ["Paris", "Rome", "Oslo"], 3),
    "no-tool": ("Hello, who are you?", [], 0),
    "tool-fails": ("What is the weather in Atlantis?", [], 1),
    "model-fails": ("What is the weather in Paris? model-fails-with-500", [], 0),
    "genai": ("What is the weather in Paris?", ["Paris"], 1),
    "both-instrumentations": ("What is the weather in Paris?", ["Paris"], 1),
}
OF_ANOTHER_STACK = ("genai", "both-instrumentations")


class RecordingError(Exception):
    """A question's trace could not be recorded; the message says why."""


class Stack:
    """The deployed stack, as far as recording needs it."""

    def __init__(self) -> None:
        """Find the ways in to the agent and both backends; raises the libraries' errors."""
        self.settings: dict[str, Any] = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
        self._kube, self._gateway = Kube(), Gateway()
        place = self.settings["HTTP_GATEWAY"]
        gateway = self._kube.read_object(GATEWAY_API, "Gateway", place["name"], place["namespace"])
        self._address = self._gateway.find_gateway(gateway, place["listener"], place["port"])
        self.agent, self.mlflow, self.phoenix = map(self._entry, ("weather-agent", "mlflow", "phoenix"))
        tool = self.settings["COMPONENTS"]["weather-tool"]
        deployed = self._kube.read_object("apps/v1", tool["kind"], tool["name"], tool["namespace"])
        self.seed = self._kube.read_environment(deployed, "WEATHER_SEED")

    def _entry(self, component: str) -> EntryPoint:
        place = self.settings["ROUTES"][component]
        route = self._kube.read_object(GATEWAY_API, "HTTPRoute", place["name"], place["namespace"])
        return self._gateway.entry_point_of_route(route, self._address)


def record(stack: Stack, name: str) -> None:
    """Ask the question of that name and write its recordings."""
    text, cities, tool_calls = QUESTIONS[name]
    limits, agent = stack.settings["LIMITS"], AgentClient()
    if cities and stack.seed is None:
        raise RecordingError("The weather tool has no WEATHER_SEED, so its answers cannot be known: set it.")
    question = agent.ask_the_agent(stack.agent, text, agent.new_context(), limits["answer"])

    mlflow = MlflowTraces()
    mlflow.use_mlflow_at(stack.mlflow)
    experiment = mlflow.read_experiment(stack.settings["EXPERIMENT_NAME"])
    if experiment is None:
        raise RecordingError(
            f"MLflow has no experiment {stack.settings['EXPERIMENT_NAME']}: deploy the stack first."
        )
    trace = mlflow.wait_for_trace(question.context_id, experiment["id"], limits["trace"])
    if trace is None or not trace.is_whole:
        raise RecordingError(f"No whole trace of {name} in MLflow in {limits['trace']} s. {question.failure}")
    project = stack.settings["PHOENIX_PROJECT"]
    phoenix = PhoenixTraces()
    same = phoenix.wait_for_trace(
        stack.phoenix, project, question.context_id, len(trace.spans), limits["phoenix"]
    )
    if same is None or len(same.spans) < len(trace.spans):
        raise RecordingError(f"The trace of {name} is not whole in Phoenix in {limits['phoenix']} s.")

    _write(
        folder(name) / f"{name}.mlflow.json",
        _get(stack.mlflow, "/api/3.0/mlflow/traces/get", trace_id=f"tr-{trace.trace_id}"),
    )
    _write(
        folder(name) / f"{name}.phoenix.json",
        _get(stack.phoenix, f"/v1/projects/{project}/spans", trace_id=trace.trace_id, limit="1000"),
    )
    known = {
        "contract": f"weather-{name}",
        "session": question.context_id,
        "question": text,
        "canaries": [agent.expected_weather(city, stack.seed or "")["station"] for city in cities],
        "tool_calls": tool_calls,
    }
    (folder(name) / f"{name}.expectation.yaml").write_text(
        yaml.safe_dump([known], sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8"
    )


def _get(entry: EntryPoint, path: str, **query: str) -> object:
    answer = requests.get(entry.url + path, params=query, headers=entry.headers, timeout=30)
    answer.raise_for_status()
    found: object = answer.json()
    return found


def folder(name: str) -> Path:
    """Return where the recordings of that question are."""
    return RECORDED / ("genai" if name in OF_ANOTHER_STACK else "own")


def _write(file: Path, found: object) -> None:
    file.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Record the questions that are named, by default all of the default overlay; return the exit code."""
    names = sys.argv[1:] or [name for name in QUESTIONS if name not in OF_ANOTHER_STACK]
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        print(f"No question is named {unknown[0]}: choose from {', '.join(QUESTIONS)}.", file=sys.stderr)
        return 2
    try:
        stack = Stack()
        for name in names:
            record(stack, name)
            print(f"recorded {name}")
    except (
        ClusterError,
        GatewayError,
        MlflowError,
        PhoenixError,
        RecordingError,
        requests.RequestException,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
