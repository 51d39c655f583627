"""The recorded traces, each with the contract it fulfils and what is known of its question.

A recording is a file `NAME.BACKEND.json` (or `NAME.otlp.jsonl`) beside `NAME.expectation.yaml`, which says
for each trace in it, earliest first: contract and its layers, session, question, canaries and tool calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from mlflow.entities import Trace as MlflowTrace
from mlflow.protos.service_pb2 import GetTrace
from mlflow.utils.proto_json_utils import parse_dict

from contracts.contract import Contract, load_contract
from contracts.evaluation import Expectation, Facts, QuestionTimes
from harness.common.yaml_loader import load_yaml
from tests.contracts import otlp_json
from traces import mlflow_reader, phoenix_reader
from traces.model import Trace

TESTS = Path(__file__).resolve().parent.parent
CONTRACTS = TESTS.parent / "resources" / "contracts"

# As the agent and the cluster were when the traces were recorded.
FACTS = Facts(model="scripted", clock_ahead=0, clock_tolerance=5)
# What the collector lets through to the backends.
OPENINFERENCE = re.compile(r"^openinference\.")


@dataclass(frozen=True)
class Recording:
    """One recorded trace, the name of its contract and what is known of its question."""

    name: str
    contract: Path
    layers: tuple[str, ...]
    expectation: Expectation
    trace: Trace
    unfiltered: Trace


@cache
def shared_contract(path: Path, layers: tuple[str, ...] = ()) -> Contract:
    """Return a contract with FACTS, read once for all tests: that takes longer than judging by it."""
    return replace(load_contract(path, layers), facts=FACTS)


@cache
def recordings() -> Sequence[Recording]:
    """Return every recorded trace below tests/recorded."""
    return tuple(_recordings())


def recorded(name: str) -> list[Recording]:
    """Return the recordings of one question, one a backend; of our own agent unless the name has a folder."""
    path = name if "/" in name else f"own/{name}"
    return [recording for recording in recordings() if recording.name.startswith(f"{path}.")]


def _recordings() -> Iterator[Recording]:
    for file in sorted((TESTS / "recorded").glob("*/*.expectation.yaml")):
        name = file.name.removesuffix(".expectation.yaml")
        expectations = load_yaml(file.read_text(encoding="utf-8"))
        for recorded in sorted(file.parent.glob(f"{name}.*.json*")):
            traces = _read(recorded)
            for number, (known, trace) in enumerate(zip(expectations, traces, strict=True), 1):
                contract = CONTRACTS / f"{known['contract']}.yaml"
                layers = tuple(known.get("layers", ()))
                question = Expectation(
                    **{key: value for key, value in known.items() if key not in ("contract", "layers")},
                    times=_times(trace),
                )
                label = f"{file.parent.name}/{recorded.name}" + (f"#{number}" if len(traces) > 1 else "")
                yield Recording(label, contract, layers, question, filtered(trace), trace)


def _times(trace: Trace) -> QuestionTimes:
    """Return when the question was asked, answered and read: just around the root."""
    start, end = trace.roots[0].start_ns / 1e9, trace.roots[0].end_ns / 1e9
    return QuestionTimes(start - 0.1, end + 0.1, end + 5)


def filtered(trace: Trace) -> Trace:
    """Drop what the collector's filter drops; a trace read from a backend has been through it."""
    if trace.backend != "otlp":
        return trace
    spans = tuple(span for span in trace.spans if OPENINFERENCE.search(span.scope or ""))
    return replace(trace, spans=spans)


def _read(file: Path) -> list[Trace]:
    if file.name.endswith(".otlp.jsonl"):
        return otlp_json.read_file(file)
    answer = json.loads(file.read_text(encoding="utf-8"))
    if file.name.endswith(".phoenix.json"):
        spans = tuple(phoenix_reader.convert(item) for item in answer["data"])
        # Phoenix's sum is another answer, which is not recorded.
        return [Trace(spans[0].trace_id, spans, "phoenix", release_lacks=frozenset({"tokens"}))]
    found = GetTrace.Response()
    parse_dict(answer, found)
    return [mlflow_reader.convert(MlflowTrace.from_proto(found.trace))]
