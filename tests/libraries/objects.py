"""Objects of a small stack, as the Kubernetes API returns them."""

from __future__ import annotations

from typing import Any

from kube.model import Object, Stack

IMAGE = "docker.io/otel/opentelemetry-collector-contrib:0.158.0"


def deployment(**status: Any) -> Object:  # noqa: ANN401 - fields of a status
    healthy = {"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "otel-collector",
            "namespace": "kagenti-system",
            "uid": "d-1",
            "generation": 3,
            "annotations": {"deployment.kubernetes.io/revision": "2"},
            "labels": {"app.kubernetes.io/part-of": "llm-observability"},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "otel-collector"}},
            "template": {"spec": {"containers": [{"name": "otel-collector", "image": IMAGE}]}},
        },
        "status": {**healthy, **status},
    }


def replica_set(revision: str, pod_hash: str) -> Object:
    return {
        "metadata": {
            "name": f"otel-collector-{pod_hash}",
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "labels": {"pod-template-hash": pod_hash},
            "ownerReferences": [{"uid": "d-1"}],
        }
    }


def pod(pod_hash: str = "new", image: str = IMAGE, **container: Any) -> Object:  # noqa: ANN401
    running = {
        "name": "otel-collector",
        "ready": True,
        "restartCount": 0,
        "imageID": "sha256:0123456789abcdef",
        "state": {"running": {"startedAt": "2026-11-24T00:00:00Z"}},
    }
    return {
        "metadata": {
            "name": f"otel-collector-{pod_hash}-abcde",
            "namespace": "kagenti-system",
            "creationTimestamp": "2026-11-24T00:00:00Z",
            "labels": {"app.kubernetes.io/name": "otel-collector", "pod-template-hash": pod_hash},
        },
        "spec": {
            "containers": [{"name": "otel-collector", "image": image}],
            "volumes": [{"name": "queue", "persistentVolumeClaim": {"claimName": "queue"}}, {"name": "tmp"}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{**running, **container}],
        },
    }


def stack(*pods: Object, claim: str = "Bound") -> Stack:
    claims = [{"metadata": {"namespace": "kagenti-system", "name": "queue"}, "status": {"phase": claim}}]
    return Stack([deployment()], [replica_set("1", "old"), replica_set("2", "new")], list(pods), claims)


def restarted(reason: str, exit_code: int) -> Object:
    end = {"terminated": {"reason": reason, "exitCode": exit_code, "finishedAt": "2026-11-24T01:00:00Z"}}
    return pod(restartCount=2, lastState=end)


def workload(name: str, namespace: str = "kagenti-system", label: str | None = None, **pods: str) -> Object:
    labels = {"app.kubernetes.io/part-of": label} if label else {}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"template": {"metadata": {"labels": pods}}},
    }


def service(name: str, namespace: str = "kagenti-system", **selector: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}


def services_and(*workloads: Object) -> Stack:
    services = [
        service("phoenix", app="phoenix"),
        service("phoenix", "team1", app="phoenix"),
        service("outside"),
    ]
    return Stack(list(workloads), [], [], [], services)
