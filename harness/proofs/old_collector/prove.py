"""Proves overlays/kagenti/attach with the collector that Kagenti has, 0.122.1, without a cluster.

Compiles that collector (builder.yaml; needs Go, takes some minutes the first time), lets it judge the
installation's config merged with ours, and runs it: what it sends on must be whole, guarded and filtered.
"""

import gzip
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
VERSION = "0.122.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llm-observability"
PATIENCE = 30  # seconds
EXPERIMENT = "7"


class CheckError(Exception):
    """Something is not so; the message says what was seen."""


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes what the collector sends to MLflow."""

    received: list[tuple[dict[str, str], dict[str, Any]]] = []  # noqa: RUF012 - one sink

    def do_POST(self) -> None:
        """Keep the headers and the spans of a request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        self.received.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def build() -> Path:
    """Return the collector's binary, compiled once."""
    binary = CACHE / f"otelcol-{VERSION}" / "otelcol-contrib"
    if binary.exists():
        return binary
    if not shutil.which("go"):
        raise CheckError("Install Go: the collector is compiled for this.")
    with tempfile.TemporaryDirectory() as place:
        builder = f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}"
        settings = yaml.safe_load((HERE / "builder.yaml").read_text(encoding="utf-8"))
        settings["dist"]["output_path"] = f"{place}/dist"
        manifest = Path(place) / "builder.yaml"
        manifest.write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = ["go", "run", builder, f"--config={manifest}"]
        environment = {**os.environ, "CGO_ENABLED": "0"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise CheckError(f"The collector cannot be compiled: {done.stderr[-1000:]}")
        binary.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(f"{place}/dist/otelcol-contrib", binary)
    return binary


def write_configs(place: Path) -> None:
    """Write the installation's config, and what attach mounts, as files."""
    values = yaml.safe_load((HERE / "chart" / "values.yaml").read_text(encoding="utf-8"))
    (place / "base.yaml").write_text(yaml.safe_dump(values["collector"]["config"]), encoding="utf-8")
    kubectl = [sys.executable, "-m", "harness.common.kubectl_and_helm", "kubectl"]
    program = subprocess.run(kubectl, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    attach = ROOT / "kustomize" / "overlays" / "kagenti" / "attach"
    rendered = subprocess.run([program, "kustomize", attach], check=True, capture_output=True, text=True)
    for thing in yaml.safe_load_all(rendered.stdout):
        for name, text in thing.get("data", {}).items():
            (place / name).write_text(text, encoding="utf-8")
    later = ROOT / "kustomize" / "components" / "mlflow-pipeline" / "mlflow.yaml"
    shutil.copy(later, place / "of-a-later-collector.yaml")


def arguments(place: Path, *files: str) -> list[str]:
    """Return the command line of the installation with ours after it."""
    return [
        f"--config={place}/base.yaml",
        "--set=receivers::otlp::protocols::http::endpoint=127.0.0.1:8335",
        *(f"--config={place}/{file}" for file in files),
    ]


def judge(binary: Path, place: Path, *files: str) -> str:
    """Return what `validate` complains about, nothing where the config is accepted."""
    command = [str(binary), "validate", *arguments(place, *files)]
    environment = {**os.environ, "MLFLOW_EXPERIMENT_ID": EXPERIMENT}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return done.stderr.strip()[-800:] or "no reason" if done.returncode else ""


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def span(name: str, **attributes: str) -> dict[str, Any]:
    """Return a span in OTLP's JSON."""
    return {
        "traceId": os.urandom(16).hex(),
        "spanId": os.urandom(8).hex(),
        "name": name,
        "kind": 1,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": [
            {"key": key.replace("_", "."), "value": {"stringValue": value}}
            for key, value in attributes.items()
        ],
    }


def fetch(url: str, body: object = None) -> str:
    """Return the answer to GET, or to POST with a body, asked again until the collector answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - http
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - http, to this machine
                text: str = answer.read().decode()
                return text
        except OSError as error:
            if time.monotonic() > deadline:
                raise CheckError(f"{url} does not answer: {error}") from error
            time.sleep(0.2)


def run(binary: Path, place: Path) -> None:
    """Start the collector, send it good and bad spans, and judge what it sends on."""
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    otlp, metrics, health = free_port(), free_port(), free_port()
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": metrics}}}}
    for_here = [
        f"--set=receivers::otlp::protocols::http::endpoint=127.0.0.1:{otlp}",
        f"--set=extensions::health_check::endpoint=127.0.0.1:{health}",
        f"--set=exporters::otlphttp/mlflow::traces_endpoint=http://127.0.0.1:{sink.server_port}/v1/traces",
        "--set=exporters::otlphttp/mlflow::encoding=json",
        f"--config=yaml:service::telemetry::metrics::readers: {json.dumps([reader])}",
    ]
    command = [str(binary), *arguments(place, "filter.yaml", "guard.yaml", "mlflow.yaml"), *for_here]
    environment = {**os.environ, "MLFLOW_EXPERIMENT_ID": EXPERIMENT}
    with (place / "log").open("w") as log, subprocess.Popen(command, stderr=log, env=environment) as process:
        try:
            ours = [span("good\x00"), span("long", session_id="€" * 300)]
            scopes = [
                ("openinference.instrumentation.langchain", ours),
                ("opentelemetry.asgi", [span("GET /")]),
            ]
            body = {
                "resourceSpans": [
                    {"scopeSpans": [{"scope": {"name": name}, "spans": spans} for name, spans in scopes]}
                ]
            }
            fetch(f"http://127.0.0.1:{otlp}/v1/traces", body)
            deadline = time.monotonic() + PATIENCE
            while not Sink.received:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise CheckError(f"Nothing was sent on: {(place / 'log').read_text()[-1500:]}")
                time.sleep(0.1)
            text = fetch(f"http://127.0.0.1:{metrics}/metrics")
        finally:
            process.terminate()
    sink.shutdown()
    assess(text)


def assess(metrics: str) -> None:
    """Fail unless what was received is what the filter and the guard promise."""
    ((headers, body),) = Sink.received
    spans = [
        each
        for resource in body["resourceSpans"]
        for scope in resource["scopeSpans"]
        for each in scope["spans"]
    ]
    seen = {each["name"]: each for each in spans}
    if set(seen) != {"good", "long"}:
        raise CheckError(f"Spans sent on: {sorted(seen)}, not the two of OpenInference without a NUL.")
    session = seen["long"]["attributes"][0]["value"]["stringValue"]
    if session != "€" * 250:
        raise CheckError(f"The session id was cut to {len(session)} characters.")
    if headers.get("x-mlflow-experiment-id") != EXPERIMENT:
        raise CheckError(f"The headers are {headers}.")
    lines = [line for line in metrics.splitlines() if "otelcol_exporter_sent_spans" in line]
    if not any('exporter="otlphttp/mlflow"' in line for line in lines):
        raise CheckError(f"The metrics do not count what was sent on: {lines}")


def prove(place: Path) -> None:
    """Print what is proven; raise CheckError at the first thing that is not so."""
    binary = build()
    write_configs(place)
    complaint = judge(binary, place, "filter.yaml", "guard.yaml", "mlflow.yaml")
    if complaint:
        raise CheckError(f"The merged config is refused: {complaint}")
    print(f"Collector {VERSION} accepts the merged config.")
    complaint = judge(binary, place, "filter.yaml", "guard.yaml", "of-a-later-collector.yaml")
    if not complaint:
        raise CheckError("It accepts components/mlflow-pipeline too, which names what came later.")
    print(f"It refuses components/mlflow-pipeline: {' '.join(complaint.split())[:250]}")
    run(binary, place)
    print("It sends on the spans of OpenInference, guarded, with the experiment's id, and counts them.")


def main() -> int:
    """Return 1, with one sentence, where something is not so."""
    try:
        with tempfile.TemporaryDirectory() as place:
            prove(Path(place))
    except CheckError as failure:
        print(f"not so: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
