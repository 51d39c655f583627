"""MLflow, with the environment of its manifest, prices a model call without asking anybody outside."""

from pathlib import Path

import pytest
import yaml
from mlflow.tracing.utils import calculate_cost_by_model_and_token_usage
from mlflow.utils import providers

MANIFEST = Path(__file__).resolve().parents[2] / "kustomize" / "base" / "mlflow" / "mlflow.yaml"


def test_prices_come_from_the_release_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in plain_environment().items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []

    def record(method: str, url: str, **_: object) -> None:
        asked.append(f"{method} {url}")

    monkeypatch.setattr(providers, "cloud_storage_http_request", record)
    monkeypatch.setattr(providers, "_remote_cache", None)
    cost = calculate_cost_by_model_and_token_usage(
        "gpt-4o", {"input_tokens": 1_000_000, "output_tokens": 0}, "openai"
    )
    assert cost is not None
    assert cost["total_cost"] > 0
    assert not asked


def plain_environment() -> dict[str, str]:
    """Return MLFLOW_* of the server's container that have a value of their own."""
    objects = yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    (pod,) = (each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")
    (server,) = (each for each in pod["containers"] if each["name"] == "mlflow")
    return {
        each["name"]: each["value"]
        for each in server["env"]
        if each["name"].startswith("MLFLOW_") and "value" in each
    }
