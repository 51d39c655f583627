"""Sends the public agent's recordings through the deployed collector; says what both backends make of them.

    KUBECONFIG=... python tests/recorded/replay.py [--without-a2a] [--write] [NAME ...]

The files are `public/NAME.otlp.jsonl`, all spans as the public weather agent and its tool exported them.
Each replay has trace ids, span ids and a session of its own, and ends now. `--without-a2a` sends what an
agent with OTEL_INSTRUMENTATION_A2A_SDK_ENABLED=false exports: no spans of the A2A SDK, their children below
the nearest span that is left (measured with that agent: the graph is directly below the root).

For each trace, MLflow and Phoenix: how many spans, roots and orphans, the tokens, MLflow's state, and what
breaks the contract. `--write` records what they answer into `replayed/`, for tests/contracts. The exit code
is 0 when every trace fulfils its contract, and is whole where that is asked for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "libraries"))

from contracts.contract import Expectation, evaluate, load_contract
from harness.proofs.recordings.deployed import ERRORS, RECORDED, ROOT, Deployed, StackError
from harness.proofs.recordings.record import write
from traces import otlp_json
from traces.mlflow_reader import MlflowError
from traces.model import Trace
from traces.phoenix_reader import PhoenixError, PhoenixTraces

CONTRACTS = ROOT / "resources" / "contracts"
OK = 200
PORT = 8335  # the collector's OTLP over HTTP
A2A = "a2a-python-sdk"
KEPT = re.compile(r"^openinference\.")
POLL = 0.25
_IDS = re.compile(r'"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"')
_TIMES = re.compile(r'"(startTimeUnixNano|endTimeUnixNano|timeUnixNano)":"(\d+)"')


@dataclass(frozen=True)
class Replay:
    """What is sent: export requests, the traces in them as the filter leaves them, what is known of each."""

    name: str
    requests: Sequence[Mapping[str, Any]]
    traces: Sequence[Trace]
    known: Sequence[Mapping[str, Any]]


def prepare(name: str, *, without_a2a: bool) -> Replay:
    """Return a recording with new ids, sessions and times."""
    text = (RECORDED / "public" / f"{name}.otlp.jsonl").read_text(encoding="utf-8")
    known = yaml.safe_load((RECORDED / "public" / f"{name}.expectation.yaml").read_text(encoding="utf-8"))
    nonce = secrets.token_hex(8)
    ends = max(int(stamp) for _, stamp in _TIMES.findall(text))
    later = time.time_ns() - ends
    text = _IDS.sub(lambda match: f'"{match[1]}":"{_renewed(match[2], nonce)}"', text)
    text = _TIMES.sub(lambda match: f'"{match[1]}":"{int(match[2]) + later}"', text)
    for session in {entry["session"] for entry in known}:
        text = text.replace(session, f"replay-{nonce}-{session}")
    requests = [json.loads(line) for line in text.splitlines() if line.strip()]
    if without_a2a:
        requests = _without_a2a(requests)
    traces = otlp_json.read_lines(json.dumps(request) for request in requests)
    entries = [{**entry, "session": f"replay-{nonce}-{entry['session']}"} for entry in known]
    if without_a2a:
        entries = [
            {**entry, "contract": "public-weather-whole"}
            if entry["contract"] == "public-weather-one-tool"
            else entry
            for entry in entries
        ]
    return Replay(name, requests, [_filtered(trace) for trace in traces], entries)


def _renewed(old: str, nonce: str) -> str:
    return hashlib.sha256(f"{nonce}{old}".encode()).hexdigest()[: len(old)]


def _filtered(trace: Trace) -> Trace:
    spans = tuple(span for span in trace.spans if KEPT.search(span.scope or ""))
    return Trace(trace.trace_id, spans, trace.backend)


def _without_a2a(requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Take the A2A SDK's spans out and hang their children below the nearest span that is left."""
    gone = {
        span["spanId"]: span.get("parentSpanId", "")
        for request in requests
        for scope, spans in _scopes(request)
        if scope == A2A
        for span in spans
    }

    def hung(span: Mapping[str, Any]) -> dict[str, Any]:
        parent = span.get("parentSpanId", "")
        while parent in gone:
            parent = gone[parent]
        return {**span, "parentSpanId": parent}

    return [
        {
            "resourceSpans": [
                {
                    **resource,
                    "scopeSpans": [
                        {**scope, "spans": [hung(span) for span in scope["spans"]]}
                        for scope in resource["scopeSpans"]
                        if scope["scope"].get("name") != A2A
                    ],
                }
                for resource in request["resourceSpans"]
            ]
        }
        for request in requests
    ]


def _scopes(request: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield scope["scope"].get("name", ""), scope["spans"]


def send(stack: Deployed, requests: Sequence[Mapping[str, Any]]) -> None:
    """Post the requests to the collector's receiver, through the API server's pod proxy."""
    from kubernetes import client, config  # noqa: PLC0415 - heavy

    config.load_kube_config()
    place = stack.pod("otel-collector")["metadata"]
    path = f"/api/v1/namespaces/{place['namespace']}/pods/{place['name']}:{PORT}/proxy/v1/traces"
    api = client.ApiClient()
    for request in requests:
        call = api.param_serialize(
            "POST",
            path,
            header_params={"Content-Type": "application/json"},
            body=request,
            auth_settings=["BearerToken"],
        )
        answer = api.call_api(*call)
        text = answer.read()
        if answer.status != OK:
            raise StackError(f"The collector does not take the spans: {answer.status} {text!r}")


def wait(read: Callable[[], Trace | None], spans: int, limit: float) -> Trace | None:
    """Return the trace when it has that many spans and is not in progress; after the limit what there is."""
    end = time.monotonic() + limit
    trace: Trace | None = None
    while time.monotonic() < end:
        try:
            trace = read()
        except (MlflowError, PhoenixError):
            trace = None  # not there yet
        if trace and len(trace.spans) >= spans and trace.state != "IN_PROGRESS":
            break
        time.sleep(POLL)
    return trace


def judge(trace: Trace | None, known: Mapping[str, Any], *, whole: bool) -> tuple[str, list[str]]:
    """Return what a backend shows of a trace, in one line, and what is wrong with it."""
    if trace is None:
        return "nothing", ["the trace is not there"]
    expectation = Expectation(**{key: value for key, value in known.items() if key != "contract"})
    found = evaluate(load_contract(CONTRACTS / f"{known['contract']}.yaml"), trace, expectation)
    wrong = [str(violation) for violation in found]
    if whole and not trace.is_whole:
        wrong.append("it is not whole")
    orphans = f"{len(trace.orphans)} ({', '.join(span.name for span in trace.orphans)})"
    counted = trace.tokens or {
        part: sum(int(span.attributes.get(f"llm.token_count.{part}", 0)) for span in trace.of_kind("LLM"))
        for part in ("prompt", "completion", "total")
    }
    tokens = "/".join(str(counted[part]) for part in ("prompt", "completion", "total"))
    return (
        f"{len(trace.spans)} spans, {len(trace.roots)} root, orphans {orphans if trace.orphans else 'none'}, "
        f"tokens {tokens}, state {trace.state or 'not kept'}, {known['contract']} "
        f"{'broken' if found else 'fulfilled'}",
        wrong,
    )


def replay(stack: Deployed, name: str, *, without_a2a: bool, keep: bool) -> bool:
    """Replay one recording and print what came of it; return whether all is as it should be."""
    prepared = prepare(name, without_a2a=without_a2a)
    mlflow, _ = stack.mlflow()
    phoenix, entry = PhoenixTraces(), stack.entry("phoenix")
    send(stack, prepared.requests)
    good = True
    for number, (sent, known) in enumerate(zip(prepared.traces, prepared.known, strict=True), 1):
        label = name + (f"-{number}" if len(prepared.traces) > 1 else "")
        label += "-without-a2a" if without_a2a else ""
        readers: dict[str, Callable[[], Trace | None]] = {
            "mlflow": lambda trace=sent: mlflow.read_trace(trace.trace_id),  # type: ignore[misc]
            "phoenix": lambda trace=sent: phoenix.read_trace(  # type: ignore[misc]
                entry, stack.project, trace.trace_id
            ),
        }
        print(f"{label}, trace {sent.trace_id}")
        for backend, read in readers.items():
            seen = wait(read, len(sent.spans), stack.limits["trace"])
            line, wrong = judge(seen, known, whole=without_a2a)
            print("\n    - ".join([f"  {backend}: {line}", *wrong]))
            good = good and not wrong
        if keep:
            (RECORDED / "replayed").mkdir(exist_ok=True)
            write(stack, RECORDED / "replayed" / label, sent.trace_id, known)
    return good


def main() -> int:
    """Replay the recordings that are named, by default all; return the exit code."""
    names = sorted(file.name.removesuffix(".otlp.jsonl") for file in RECORDED.glob("public/*.otlp.jsonl"))
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*names, []], help=", ".join(names))
    parser.add_argument("--without-a2a", action="store_true", help="as the agent without that setting off")
    parser.add_argument("--write", action="store_true", help="record what the backends answer")
    arguments = parser.parse_args()
    try:
        stack = Deployed()
        results = [
            replay(stack, name, without_a2a=arguments.without_a2a, keep=arguments.write)
            for name in arguments.names or names
        ]
    except ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
