"""Pods are deleted and evicted by the API's own words, and a refusal is told from an error."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from kubernetes import client

from disruption.changes import Changes
from kube.api import ClusterError

POD = {"metadata": {"name": "mlflow-1", "namespace": "kagenti-system"}}
WORKLOAD = {"metadata": {"name": "otel-collector", "namespace": "kagenti-system"}}
EVICTION = "create_namespaced_pod_eviction"
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Changes, "_client", None)


def answering(
    monkeypatch: pytest.MonkeyPatch, api: type[object], function: str, status: int = 200, message: str = ""
) -> list[Any]:
    """Let a function of the Kubernetes client end so; return the list of its calls' arguments to come."""
    calls: list[Any] = []

    def call(_: object, *arguments: object) -> None:
        calls.append(arguments)
        if status >= 400:
            error = client.ApiException(status=status, reason="refused")
            error.body = json.dumps({"message": message})
            raise error

    monkeypatch.setattr(api, function, call)
    return calls


def test_deletes_the_pod_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answering(monkeypatch, client.CoreV1Api, "delete_namespaced_pod")
    Changes().delete_pod(POD)
    assert calls == [("mlflow-1", "kagenti-system")]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_scales_by_the_workloads_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = {"Deployment": "deployment", "StatefulSet": "stateful_set"}[kind]
    calls = answering(monkeypatch, client.AppsV1Api, f"patch_namespaced_{function}_scale")
    Changes().scale_workload({**WORKLOAD, "kind": kind}, 0)
    assert calls == [("otel-collector", "kagenti-system", {"spec": {"replicas": 0}})]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_restarts_by_the_annotation_that_kubectl_uses(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = {"Deployment": "deployment", "StatefulSet": "stateful_set"}[kind]
    calls = answering(monkeypatch, client.AppsV1Api, f"patch_namespaced_{function}")
    Changes().restart_workload({**WORKLOAD, "kind": kind})
    annotations = calls[0][2]["spec"]["template"]["metadata"]["annotations"]
    assert set(annotations) == {"kubectl.kubernetes.io/restartedAt"}


def test_an_eviction_that_is_granted_gives_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answering(monkeypatch, client.CoreV1Api, EVICTION, 201)
    assert not Changes().evict_pod(POD)
    assert calls[0][:2] == ("mlflow-1", "kagenti-system")
    assert calls[0][2].metadata.name == "mlflow-1"


def test_an_eviction_that_a_budget_refuses_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, client.CoreV1Api, EVICTION, 429, BUDGET)
    assert BUDGET in Changes().evict_pod(POD)


def test_any_other_refusal_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, client.CoreV1Api, EVICTION, 403, "pods is forbidden")
    with pytest.raises(ClusterError, match="Cannot evict pod mlflow-1: 403 pods is forbidden"):
        Changes().evict_pod(POD)


def test_a_new_password_is_put_into_the_secret_and_into_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    calls = answering(monkeypatch, client.CoreV1Api, "patch_namespaced_secret")
    for _ in range(2):
        Changes().change_password("kagenti-system", "mlflow-admin")
    (first, second) = (body["stringData"]["password"] for _, _, body in calls)
    assert [call[:2] for call in calls] == [("mlflow-admin", "kagenti-system")] * 2
    assert first != second
    assert first not in caplog.text
