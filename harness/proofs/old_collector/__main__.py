"""Proves that overlays/kagenti/attach works in the collector that Kagenti has, 0.122.1; needs no cluster.

    python -m harness.proofs.old_collector

It compiles that collector (builder.yaml; some minutes the first time) and lets it validate the installation's
config merged with ours. Then it runs it: what the collector sends on must be filtered, guarded and counted.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import yaml

from harness.common.cache import cache_folder
from harness.common.combinations import KUSTOMIZE
from harness.common.commands import read_output
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl_and_helm import find_program
from harness.images.contexts import collector_version, find_collector
from harness.proofs.old_collector.collector import EXPERIMENT_ID, Collector, Received
from harness.stand_ins.rossoctl import kagenti, stand_in

HERE = Path(__file__).parent
BUILDER = HERE / "builder.yaml"
ATTACHED = ("filter.yaml", "guard.yaml", "mlflow.yaml")  # what attach mounts, in the order of its arguments
LATER = "of-a-later-collector.yaml"  # the pipeline to MLflow of our own, newer collector
LONGEST_SESSION = 250  # characters that the guard leaves


def write_configs(folder: Path, kubectl: str) -> None:
    """Write the installation's config (base.yaml), what attach mounts, and LATER into a folder."""
    for thing in stand_in.render(kagenti.SHAPE):
        if thing["metadata"]["name"] == "otel-collector-config":
            (folder / "base.yaml").write_text(thing["data"]["base.yaml"], encoding="utf-8")
    attach = KUSTOMIZE / "overlays" / "kagenti" / "attach"
    rendered = read_output([kubectl, "kustomize", attach], f"{attach} does not build")
    for thing in yaml.safe_load_all(rendered):
        for name, text in thing.get("data", {}).items():
            (folder / name).write_text(text, encoding="utf-8")
    shutil.copy(KUSTOMIZE / "components" / "mlflow-pipeline" / "mlflow.yaml", folder / LATER)


def export_request() -> dict[str, object]:
    """Return an OTLP request with two spans that the filter keeps and the guard changes, and one to drop."""
    scopes = {
        "openinference.instrumentation.langchain": [
            span("good\x00"),
            span("long", {"session.id": "€" * (LONGEST_SESSION + 50)}),
        ],
        "opentelemetry.asgi": [span("GET /")],
    }
    found = [{"scope": {"name": name}, "spans": spans} for name, spans in scopes.items()]
    return {"resourceSpans": [{"scopeSpans": found}]}


def span(name: str, attributes: dict[str, str] | None = None) -> dict[str, object]:
    """Return a span in OTLP's JSON."""
    return {
        "traceId": "1" * 32,
        "spanId": "2" * 16,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in (attributes or {}).items()
        ],
    }


def check_received(received: Received) -> None:
    """Raise HarnessError unless what was sent on is what the filter, the guard and the header promise."""
    spans = {each["name"]: each for each in received.spans}
    if sorted(spans) != ["good", "long"]:
        raise HarnessError(f"The collector sent on the spans {sorted(spans)}, expected good and long.")
    session = spans["long"]["attributes"][0]["value"]["stringValue"]
    if session != "€" * LONGEST_SESSION:
        raise HarnessError(
            f"The guard left {len(session)} characters of a session, expected {LONGEST_SESSION}."
        )
    if received.headers.get("x-mlflow-experiment-id") != EXPERIMENT_ID:
        raise HarnessError(f"The header x-mlflow-experiment-id is missing or wrong: {received.headers}")


def check_metrics(metrics: str) -> None:
    """Raise HarnessError unless the collector counts what it sent to MLflow."""
    counts = [line for line in metrics.splitlines() if line.startswith("otelcol_exporter_sent_spans")]
    if not any('exporter="otlphttp/llm-observability-mlflow"' in line for line in counts):
        raise HarnessError(f"The collector's metrics do not count what it sent to MLflow: {counts}")


def prove(folder: Path) -> None:
    """Print what is proven. Raises HarnessError at the first promise that does not hold."""
    version = collector_version(BUILDER)
    write_configs(folder, find_program("kubectl", cache_folder() / "programs"))
    collector = Collector(find_collector(BUILDER), folder)
    complaint = collector.complaint(*ATTACHED)
    if complaint:
        raise HarnessError(f"Collector {version} rejects the merged config: {complaint}")
    print(f"Collector {version} accepts the merged config.")
    complaint = collector.complaint(*ATTACHED[:2], LATER)
    if not complaint:
        raise HarnessError(f"Collector {version} accepts components/mlflow-pipeline, so attach needs no own.")
    print(f"Collector {version} rejects components/mlflow-pipeline: {textwrap.shorten(complaint, 250)}")
    with collector.run(*ATTACHED) as running:
        running.send(export_request())
        check_received(running.wait_for_request())
        check_metrics(running.read_metrics())
    print("It sends on the spans of OpenInference, guarded, with the experiment's id, and counts them.")


@reports_errors
def main() -> int:
    """Prove it; return 1, with one sentence, when a promise does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        prove(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
