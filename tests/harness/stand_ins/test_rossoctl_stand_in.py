"""The stand-in for an installation of Rossoctl runs releases of its own, and its chart has two shapes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.common.cache import cache_folder
from harness.common.commands import read_output
from harness.common.kubectl_and_helm import find_program
from harness.stand_ins.rossoctl.stand_in import (
    CHART,
    OPEN_METEO,
    OTHER_RELEASES,
    image_references,
    other_release,
)

Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def render() -> Render:
    """Return a function that renders the chart with more options."""
    helm = find_program("helm3", cache_folder() / "programs")
    images = [
        o for key, value in image_references().items() for o in ("--set-string", f"images.{key}={value}")
    ]

    def rendered(*options: str | Path) -> list[dict[str, Any]]:
        program = ["--set-file", f"openMeteo={OPEN_METEO}"]
        command = [
            helm,
            "template",
            "deps",
            CHART,
            "--namespace",
            "rossoctl-system",
            *images,
            *program,
            *options,
        ]
        return [thing for thing in yaml.safe_load_all(read_output(command, "helm template failed")) if thing]

    return rendered


def collector_config(things: list[dict[str, Any]]) -> dict[str, Any]:
    found = next(t for t in things if t["metadata"]["name"] == "otel-collector-config")
    config: dict[str, Any] = yaml.safe_load(found["data"]["base.yaml"])
    return config


@pytest.mark.parametrize("key", OTHER_RELEASES)
def test_each_other_release_has_locked_packages(key: str) -> None:
    image = other_release(key)
    lock = image.requirements
    assert lock
    package = {"mlflow": "mlflow", "phoenix": "arize-phoenix"}.get(image.name)
    if package:
        assert re.search(rf"^{package}=={re.escape(image.version)}\b", lock.read_text(), re.MULTILINE)


def test_today_nothing_is_filtered_and_the_metrics_stay_on_localhost(render: Render) -> None:
    config = collector_config(render("--set", "phoenix.enabled=true"))
    assert set(config["service"]["pipelines"]) == {"traces/mlflow", "traces/phoenix"}
    assert not [name for name in config["processors"] if name.startswith("filter")]
    assert "telemetry" not in config["service"]
    assert config["exporters"]["otlphttp/mlflow"]["headers"] == {"x-mlflow-experiment-id": "0"}


def test_phoenix_is_optional(render: Render) -> None:
    things = render()
    assert set(collector_config(things)["service"]["pipelines"]) == {"traces/mlflow"}
    assert not [thing for thing in things if thing["metadata"]["name"] == "phoenix"]


def test_before_there_was_a_filter_and_no_mlflow(render: Render) -> None:
    things = render("--values", CHART / "values-kagenti.yaml")
    config = collector_config(things)
    assert set(config["service"]["pipelines"]) == {"traces/phoenix"}
    assert list(config["processors"]) == ["batch", "filter/phoenix", "memory_limiter"]
    assert not [thing for thing in things if thing["metadata"]["name"] in {"mlflow", "weather-service"}]


def test_no_route_leads_to_the_agent(render: Render) -> None:
    routes = [thing["metadata"]["name"] for thing in render() if thing["kind"] == "HTTPRoute"]
    assert routes == ["mlflow"]


def test_mlflow_has_a_command_and_no_args(render: Render) -> None:
    mlflow = next(t for t in render() if (t["kind"], t["metadata"]["name"]) == ("Deployment", "mlflow"))
    container = mlflow["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["mlflow", "server"]
    assert "args" not in container
