"""docs/capacity.md says what Components set, and how many spans a queue of the collector holds."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from harness.common.combinations import KUSTOMIZE, Combination
from harness.load.page import LIMITS, QUEUE
from rendered import Object, Stack

ANSWERS = {limit: answer for limit, _, answer in LIMITS}
HERE = "kagenti-system"


@pytest.fixture(scope="module")
def available(combination: Callable[[Combination], Stack]) -> Stack:
    return combination(Combination("kind", ("high-availability",)))


@pytest.fixture(scope="module")
def scaled(combination: Callable[[Combination], Stack]) -> Stack:
    return combination(Combination("kind", ("high-availability", "scale")))


def get(stack: Stack, kind: str, name: str) -> Object:
    found = stack.get(kind, name, HERE)
    assert found, f"{kind} {name}"
    return found


def container_of(workload: Object) -> Any:  # noqa: ANN401 - of YAML
    return workload["spec"]["template"]["spec"]["containers"][0]


def workers_of(mlflow: Object) -> str:
    (option,) = (each for each in container_of(mlflow)["args"] if each.startswith("--workers="))
    return str(option.partition("=")[2])


def test_mlflow_has_as_many_servers_and_workers_as_the_page_says(available: Stack, scaled: Stack) -> None:
    two, many = get(available, "Deployment", "mlflow"), get(scaled, "Deployment", "mlflow")
    scaler = get(scaled, "HorizontalPodAutoscaler", "mlflow")["spec"]
    cpus = container_of(many)["resources"]["limits"]["cpu"]
    assert ANSWERS["MLflow's workers"] == (
        f"`high-availability`: {two['spec']['replicas']} servers with {workers_of(two)} workers each; "
        f"`scale`: {scaler['minReplicas']} to {scaler['maxReplicas']} servers by load, "
        f"with {workers_of(many)} workers and {cpus} CPUs each"
    )


def test_postgresql_has_as_much_room_as_the_page_says(scaled: Stack) -> None:
    container = container_of(get(scaled, "StatefulSet", "postgres"))
    limits = container["resources"]["limits"]
    (connections,) = (each for each in container["args"] if each.startswith("max_connections="))
    assert ANSWERS["PostgreSQL"].startswith(
        f"`scale`: {limits['cpu']} CPUs, {limits['memory'].removesuffix('Gi')} GiB "
        f"and {connections.partition('=')[2]} connections"
    )


def test_phoenix_stays_one_pod_with_as_much_memory_as_the_page_says(scaled: Stack) -> None:
    phoenix = get(scaled, "Deployment", "phoenix")
    assert phoenix["spec"].get("replicas", 1) == 1
    memory = container_of(phoenix)["resources"]["limits"]["memory"].removesuffix("Gi")
    assert ANSWERS["Phoenix"].endswith(f"`scale` gives it more memory: {memory} GiB")


def test_there_are_as_many_collectors_as_the_page_says(available: Stack, scaled: Stack) -> None:
    two, many = (get(each, "StatefulSet", "otel-collector") for each in (available, scaled))
    cpus = container_of(many)["resources"]["limits"]["cpu"]
    assert ANSWERS["the collector"].startswith(
        f"`high-availability`: {two['spec']['replicas']} collectors; "
        f"`scale`: {many['spec']['replicas']} with {cpus} CPUs each"
    )


@pytest.mark.parametrize("file", ["mlflow-pipeline/mlflow.yaml", "phoenix/collector/phoenix-pipeline.yaml"])
def test_a_queue_holds_as_many_spans_as_the_page_says(file: str) -> None:
    configuration = yaml.safe_load((KUSTOMIZE / "components" / file).read_text())
    (exporter,) = configuration["exporters"].values()
    assert (exporter["sending_queue"]["queue_size"], exporter["sending_queue"]["sizer"]) == (QUEUE, "items")
