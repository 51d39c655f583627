"""Records the spans of our agent and tool with TELEMETRY=public, as the public ones were recorded.

    python -m harness.proofs.likeness [NAME ...]

Agent, tool, scripted model and the stand-in for open-meteo run as processes on loopback, each app in an
environment of its locked requirements. What they export is written into tests/recorded/likeness, one export
request a line. tests/apps/test_likeness.py compares it with the recordings of the public agent and tool.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors
from harness.common.local_server import LocalHandler, LocalServer
from harness.common.loopback import LOOPBACK, free_port, listens

PUBLIC = ROOT / "harness" / "stand_ins" / "rossoctl" / "images"  # the public ones' requirements
RECORDED = ROOT / "tests" / "recorded" / "likeness"
START_LIMIT = 60  # seconds until a process listens
ANSWER_LIMIT = 60  # seconds until the agent answers
EXPORT_LIMIT = 15  # seconds until all spans are exported: the SDK's batch delay is 5
POLL = 0.1
# The questions of one context, one a turn, by the recording's name. The public agent has those with a number.
QUESTIONS: Mapping[str, list[str]] = {
    "01-send-v03": ["What is the weather in Paris?"],
    "05-two-turns-v03": ["What is the weather in Paris?", "And what is the weather in Rome?"],
    "08-tool-raises": ["What is the weather in Nowhere?"],
    "11-model-500": ["What is the weather in Paris? model-fails-with-500"],
    "several-tools": ["What is the weather in Paris, Rome and Oslo?"],
    # More tool calls than the model's next call can carry: the SDK keeps 128 attributes of a span.
    "many-tools": [
        "What is the weather in Amsterdam, Athens, Berlin, Bern, Brussels, Budapest, Cairo, Copenhagen, "
        "Dublin, Helsinki, Kyiv, Lisbon, London, Madrid, Nairobi and Oslo?"
    ],
    "no-tool": ["Hello, who are you?"],
    "city-unknown": ["What is the weather in Atlantis?"],
    "source-fails": ["What is the weather in Pompeii?"],
    "one-of-several-tools-fails": ["What is the weather in Paris, Nowhere and Oslo?"],
    "model-fails-after-tool": ["What is the weather in Paris? model-fails-after-tool-with-500"],
}
ROOT_SPAN = "invoke_agent weather-assistant"
TOOL_SPAN = "tools/list"


class Receiver(LocalServer):
    """Takes OTLP over HTTP/protobuf on a free port of loopback, and keeps the export requests as JSON."""

    def __init__(self) -> None:
        """Listen."""
        super().__init__(_ReceiverHandler)
        self.requests: list[dict[str, Any]] = []

    def names(self) -> list[str]:
        """Return the names of the spans that came."""
        return [
            span["name"]
            for request in self.requests
            for resource in request["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


class _ReceiverHandler(LocalHandler):
    server: Receiver

    def take(self, body: bytes) -> None:
        """Keep a request."""
        self.server.requests.append(decode(body))
        self.answer()


def decode(body: bytes) -> dict[str, Any]:
    """Return an export request as OTLP's JSON, where ids are hexadecimal."""
    request: dict[str, Any] = MessageToDict(
        ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True
    )
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64decode(span[key]).hex()
    return request


def environment(app: str, folder: Path) -> Path:
    """Return the Python of an environment with an app's locked requirements."""
    place = folder / app
    own, public = (locks / app / "requirements.txt" for locks in (ROOT / "apps", PUBLIC))
    locked = public if public.exists() else own
    for command in (
        ["venv", "--quiet", str(place)],
        ["pip", "install", "--quiet", "--python", str(place), "--no-deps", "-r", str(locked)],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "uv", *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise HarnessError(f"The requirements of {app} cannot be installed: {done.stderr.strip()}")
    return place / "bin" / "python"


@contextmanager
def running(name: str, command: list[str], folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """Run a server on a free port of loopback; give its URL while it runs.

    Raises HarnessError with what it printed where it does not listen in time.
    """
    port = free_port()
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    own = {**kept, "HOST": "127.0.0.1", "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=own, stdout=output, stderr=output)
        try:
            end = time.monotonic() + START_LIMIT
            while not listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    output.seek(0)
                    raise HarnessError(f"{name} does not start: {output.read()[-2000:]}")
                time.sleep(POLL)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(START_LIMIT)


def ask(agent: str, text: str, context: str, number: int) -> None:
    """Ask the agent by A2A 0.3. Raises HarnessError where it does not answer."""
    message = {
        "kind": "message",
        "role": "user",
        "messageId": f"m-{number}",
        "contextId": context,
        "parts": [{"kind": "text", "text": text}],
    }
    body = {"jsonrpc": "2.0", "id": str(number), "method": "message/send", "params": {"message": message}}
    answer = requests.post(f"{agent}/", json=body, timeout=ANSWER_LIMIT)
    if answer.status_code != HTTPStatus.OK or "error" in answer.json():
        raise HarnessError(f"The agent answers {text!r} with {answer.status_code}: {answer.text[:300]}")


def record(name: str, pythons: Mapping[str, Path]) -> None:
    """Ask the questions of one recording, each process started anew, and write what was exported."""
    receiver = Receiver()
    with ExitStack() as stack:
        port = stack.enter_context(receiver.serve())
        public = {"TELEMETRY": "public", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{port}"}

        def start(app: str, module: str, variables: Mapping[str, str]) -> str:
            command = [str(pythons[app]), "-m", module]
            return stack.enter_context(running(app, command, ROOT / "apps" / app, variables))

        program = ROOT / "harness" / "stand_ins" / "open_meteo" / "server.py"
        weather = stack.enter_context(running("open-meteo", [sys.executable, str(program)], ROOT, {}))
        model = start("model", "scripted_model", {})
        source = {"WEATHER_SOURCE": "open-meteo", "GEOCODING_URL": weather, "FORECAST_URL": weather}
        tool = start("weather-tool", "weather_tool", {**public, **source})
        settings = {
            "MCP_URL": f"{tool}/mcp",
            "LLM_API_BASE": f"{model}/v1",
            "LLM_MODEL": "scripted",
            "LLM_MAX_RETRIES": "5",
            "OTEL_INSTRUMENTATION_A2A_SDK_ENABLED": "true",
        }
        agent = start("weather-agent", "weather_agent", {**public, **settings})
        for number, text in enumerate(QUESTIONS[name], 1):
            ask(agent, text, f"ctx-{name}", number)
        _wait_for_spans(receiver, name)
    RECORDED.mkdir(exist_ok=True)
    lines = "".join(json.dumps(request, ensure_ascii=False) + "\n" for request in receiver.requests)
    (RECORDED / f"{name}.otlp.jsonl").write_text(lines, encoding="utf-8")
    print(f"{name}: {len(receiver.names())} spans", flush=True)


def _wait_for_spans(receiver: Receiver, name: str) -> None:
    """Wait until agent and tool have exported: a root for each question, and no further span for a while."""
    end = time.monotonic() + EXPORT_LIMIT
    while receiver.names().count(ROOT_SPAN) < len(QUESTIONS[name]) or TOOL_SPAN not in receiver.names():
        if time.monotonic() > end:
            raise HarnessError(f"{name}: not all spans came in {EXPORT_LIMIT} s: {receiver.names()}")
        time.sleep(POLL)
    seen, quiet = 0, time.monotonic()
    while time.monotonic() < quiet + EXPORT_LIMIT / 2:
        if len(receiver.names()) != seen:
            seen, quiet = len(receiver.names()), time.monotonic()
        time.sleep(POLL)


@reports_errors
def main() -> int:
    """Record what is named, by default all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.proofs.likeness", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(QUESTIONS))
    names = parser.parse_args().names or list(QUESTIONS)
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        parser.error(f"no recording is named {unknown[0]!r}; choose from {', '.join(QUESTIONS)}")
    with tempfile.TemporaryDirectory() as folder:
        pythons = {app: environment(app, Path(folder)) for app in ("model", "weather-tool", "weather-agent")}
        for name in names:
            record(name, pythons)
    return 0


if __name__ == "__main__":
    sys.exit(main())
