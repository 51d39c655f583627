"""Each tenant of components/tenants has what the other has, and shares neither login nor experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from harness.common.combinations import Combination
from rendered import Object, Stack, plain_env

TENANTS = Combination("kind", ("mlflow-auth", "tenants"))
FIRST, SECOND = ("team1", "otel-collector"), ("team2", "otel-collector-team2")
PROJECT = "transform/phoenix_project"


@pytest.fixture
def stack(combination: Callable[[Combination], Stack]) -> Stack:
    return combination(TENANTS)


def pod_of(stack: Stack, namespace: str, name: str) -> Object:
    found = stack.get("Deployment", name, namespace)
    assert found
    pod: Object = found["spec"]["template"]["spec"]
    return pod


def configuration(stack: Stack, collector: str) -> dict[str, Any]:
    """Return the collector's config files by path."""
    pod = pod_of(stack, "kagenti-system", collector)
    volumes = {each["name"]: each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each}
    files: dict[str, Any] = {}
    for mount in pod["containers"][0]["volumeMounts"]:
        if mount["name"] in volumes:
            configmap = stack.get("ConfigMap", volumes[mount["name"]], "kagenti-system")
            assert configmap
            files |= {
                f"{mount['mountPath']}/{key}": yaml.safe_load(text) for key, text in configmap["data"].items()
            }
    named = [each.removeprefix("--config=") for each in pod["containers"][0]["command"][1:]]
    assert sorted(named) == sorted(files)
    return files


@pytest.mark.parametrize(("namespace", "collector"), [FIRST, SECOND])
def test_an_agent_sends_to_its_own_collector(stack: Stack, namespace: str, collector: str) -> None:
    environment = plain_env(pod_of(stack, namespace, "weather-service")["containers"][0])
    url = urlsplit(environment["OTEL_EXPORTER_OTLP_ENDPOINT"])
    assert url.hostname == f"{collector}.kagenti-system.svc.cluster.local"
    assert environment["AGENT_ENDPOINT"] == f"http://weather-service.{namespace}.svc.cluster.local:8080/"
    service = stack.get("Service", collector, "kagenti-system")
    assert service
    assert [each["metadata"]["name"] for each in stack.selected_by(service)] == [collector]


def test_both_collectors_do_the_same_but_for_the_project_of_phoenix(stack: Stack) -> None:
    first, second = (configuration(stack, collector) for _, collector in (FIRST, SECOND))
    (added,) = second.keys() - first.keys()
    assert first == {path: content for path, content in second.items() if path != added}
    project = second[added]["processors"].pop(PROJECT)
    assert not second[added]["processors"]
    assert '"openinference.project.name"], "team2")' in str(project)
    before = first["/etc/otelcol-phoenix/phoenix-pipeline.yaml"]["service"]["pipelines"]["traces/phoenix"]
    pipelines = second[added]["service"]["pipelines"]
    *others, guard = before["processors"]
    assert pipelines == {"traces/phoenix": {"processors": [*others, PROJECT, guard]}}


def test_they_share_no_login_no_experiment_and_no_queue(stack: Stack) -> None:
    seen: list[list[str]] = []
    for _, collector in (FIRST, SECOND):
        pod = pod_of(stack, "kagenti-system", collector)
        (login,) = (each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each)
        (claim,) = (
            each["persistentVolumeClaim"]["claimName"]
            for each in pod["volumes"]
            if "persistentVolumeClaim" in each
        )
        (experiment,) = (
            each["valueFrom"]["configMapKeyRef"]["name"]
            for each in pod["containers"][0]["env"]
            if each["name"] == "MLFLOW_EXPERIMENT_ID"
        )
        seen.append([login, claim, experiment, pod["serviceAccountName"]])
    assert not set(seen[0]) & set(seen[1])


def test_mlflow_gives_each_user_the_experiment_that_its_collector_sends_to(stack: Stack) -> None:
    steps = {each["name"]: each for each in pod_of(stack, "kagenti-system", "mlflow")["initContainers"]}
    for suffix in ("", "-team2"):
        prepared, users = (plain_env(steps[f"{name}{suffix}"]) for name in ("prepare", "create-users"))
        assert prepared["EXPERIMENT_NAME"] == users["EXPERIMENT_NAME"] == f"weather-agent{suffix}"
        assert prepared["EXPERIMENT_CONFIGMAP"] == f"mlflow-experiment{suffix}"
        (login,) = (
            each["valueFrom"]["secretKeyRef"]["name"]
            for each in steps[f"create-users{suffix}"]["env"]
            if each["name"] == "COLLECTOR_PASSWORD"
        )
        assert login == f"mlflow-collector{suffix}"
    assert list(steps).index("prepare-team2") < list(steps).index("create-users-team2")
