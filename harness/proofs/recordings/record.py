"""Asks the deployed weather agent one question of each kind and records what MLflow and Phoenix store of it.

    KUBECONFIG=... python tests/recorded/record.py [NAME ...]

writes for each question `own/NAME.mlflow.json` and `own/NAME.phoenix.json`, the answers of their APIs as
they came, and `own/NAME.expectation.yaml`, what is known of the question. tests/contracts judges every
recording it finds. Nothing in the cluster is changed. `genai` and `both-instrumentations` are recorded
when they are named, into `genai/`: from a stack with kustomize/components/genai-transform, whose agent has
INSTRUMENTATIONS genai or openinference,genai.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import requests
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "libraries"))

from agent.client import AgentClient
from entry.entry_point import EntryPoint
from harness.proofs.recordings.deployed import ERRORS, RECORDED, Deployed, StackError
from traces.phoenix_reader import PhoenixTraces

# By the contract's name without `weather-`: the question, the cities whose canaries it holds, tool calls.
QUESTIONS: Mapping[str, tuple[str, list[str], int]] = {
    "one-tool": ("What is the weather in Paris?", ["Paris"], 1),
    "several-tools": ("What is the weather in Paris, Rome and Oslo?", ["Paris", "Rome", "Oslo"], 3),
    "no-tool": ("Hello, who are you?", [], 0),
    "tool-fails": ("What is the weather in Atlantis?", [], 1),
    "one-of-several-tools-fails": (
        "What is the weather in Paris, Atlantis and Oslo?",
        ["Paris", "Oslo"],
        3,
    ),
    "model-fails-after-tool": (
        "What is the weather in Paris? model-fails-after-tool-with-500",
        ["Paris"],
        1,
    ),
    "model-fails": ("What is the weather in Paris? model-fails-with-500", [], 0),
    "genai": ("What is the weather in Paris?", ["Paris"], 1),
    "both-instrumentations": ("What is the weather in Paris?", ["Paris"], 1),
}
OF_ANOTHER_STACK = ("genai", "both-instrumentations")


def record(stack: Deployed, name: str) -> None:
    """Ask the question of that name and write its recordings."""
    text, cities, tool_calls = QUESTIONS[name]
    limits, agent = stack.limits, AgentClient()
    seed = stack.kube.read_environment_variable(stack.workload("weather-tool"), "WEATHER_SEED")
    if cities and seed is None:
        raise StackError("The weather tool has no WEATHER_SEED, so its answers cannot be known: set it.")
    mlflow, experiment = stack.mlflow()
    question = agent.ask_the_agent(
        stack.entry("weather-agent"), text, agent.make_context_id(), limits["answer"]
    )

    trace = mlflow.wait_for_trace(question.context_id, experiment, limits["trace"])
    if trace is None or not trace.is_whole:
        raise StackError(f"No whole trace of {name} in MLflow in {limits['trace']} s. {question.failure}")
    phoenix = stack.entry("phoenix")
    same = PhoenixTraces().wait_for_trace(
        phoenix, stack.project, question.context_id, len(trace.spans), limits["phoenix"]
    )
    if same is None or len(same.spans) < len(trace.spans):
        raise StackError(f"The trace of {name} is not whole in Phoenix in {limits['phoenix']} s.")

    known = {
        "contract": f"weather-{name}",
        "session": question.context_id,
        "question": text,
        "canaries": [agent.compute_weather(city, seed or "")["station"] for city in cities],
        "tool_calls": tool_calls,
    }
    write(stack, folder(name) / name, trace.trace_id, known)


def write(stack: Deployed, file: Path, trace_id: str, known: Mapping[str, object]) -> None:
    """Write what both backends answer about a trace, and what is known of its question."""
    answers = {
        "mlflow": _get(stack.entry("mlflow"), "/api/3.0/mlflow/traces/get", trace_id=f"tr-{trace_id}"),
        "phoenix": _get(
            stack.entry("phoenix"),
            f"/v1/projects/{stack.project}/spans",
            trace_id=trace_id,
            limit="1000",
        ),
    }
    for backend, answer in answers.items():
        text = json.dumps(answer, ensure_ascii=False) + "\n"
        file.with_name(f"{file.name}.{backend}.json").write_text(text, encoding="utf-8")
    file.with_name(f"{file.name}.expectation.yaml").write_text(
        yaml.safe_dump([dict(known)], sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8"
    )


def _get(entry: EntryPoint, path: str, **query: str) -> object:
    answer = requests.get(entry.url + path, params=query, headers=entry.headers, timeout=30)
    answer.raise_for_status()
    found: object = answer.json()
    return found


def folder(name: str) -> Path:
    """Return where the recordings of that question are."""
    return RECORDED / ("genai" if name in OF_ANOTHER_STACK else "own")


def main() -> int:
    """Record the questions that are named, by default all of the default overlay; return the exit code."""
    names = sys.argv[1:] or [name for name in QUESTIONS if name not in OF_ANOTHER_STACK]
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        print(f"No question is named {unknown[0]}: choose from {', '.join(QUESTIONS)}.", file=sys.stderr)
        return 2
    try:
        stack = Deployed()
        for name in names:
            record(stack, name)
            print(f"recorded {name}")
    except ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
