"""What the proof with the installation's old collector demands of what that collector sends on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from harness.common.errors import HarnessError
from harness.common.kubectl_and_helm import find_program
from harness.proofs.old_collector import __main__ as proof
from harness.proofs.old_collector.collector import EXPERIMENT_ID, Received

GUARDED = [proof.span("good"), proof.span("long", {"session.id": "€" * proof.LONGEST_SESSION})]


def received(*spans: dict[str, object]) -> Received:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": json.loads(json.dumps(spans))}]}]}
    return Received({"x-mlflow-experiment-id": EXPERIMENT_ID}, body)


def test_the_configs_are_the_installations_and_those_that_attach_mounts(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache is not None
    proof.write_configs(tmp_path, find_program("kubectl", pytestconfig.cache.mkdir("programs")))
    written = {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()}
    assert set(written) == {"base.yaml", *proof.ATTACHED, proof.LATER}
    assert "traces/phoenix" in written["base.yaml"]["service"]["pipelines"]
    assert "otlphttp/llm-observability-mlflow" in written["mlflow.yaml"]["exporters"]
    assert "otlp_http/mlflow" in written[proof.LATER]["exporters"]


def test_what_is_filtered_and_guarded_passes() -> None:
    proof.check_received(received(*GUARDED))


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([*GUARDED, proof.span("GET /")], "expected good and long"),
        (GUARDED[:1], "expected good and long"),
        ([GUARDED[0], proof.span("long", {"session.id": "€" * 300})], "left 300 characters of a session"),
    ],
)
def test_what_is_not_filtered_or_guarded_is_reported(spans: list[dict[str, object]], message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        proof.check_received(received(*spans))


def test_another_experiment_is_reported() -> None:
    with pytest.raises(HarnessError, match="x-mlflow-experiment-id is missing or wrong"):
        proof.check_received(replace(received(*GUARDED), headers={"x-mlflow-experiment-id": "8"}))


def test_metrics_must_count_what_was_sent_to_mlflow() -> None:
    line = 'otelcol_exporter_sent_spans__spans__total{exporter="otlphttp/%s"} 2'
    proof.check_metrics(line % "llm-observability-mlflow")
    with pytest.raises(HarnessError, match="do not count"):
        proof.check_metrics(line % "phoenix")
