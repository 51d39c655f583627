"""A visitor takes over what lets a pod run in its cluster, and nothing that makes it belong to the stack."""

from __future__ import annotations

from disruption.visitors import LIFETIME, visitor

AGENT = {
    "metadata": {"name": "agent-0", "labels": {"app.kubernetes.io/name": "weather-agent"}},
    "spec": {
        "serviceAccountName": "weather-agent",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
        "containers": [
            {
                "name": "agent",
                "image": "localhost/weather-agent:0.1.0",
                "imagePullPolicy": "IfNotPresent",
                "env": [{"name": "LLM_API_KEY", "value": "secret"}],
                "securityContext": {"capabilities": {"drop": ["ALL"]}},
                "resources": {"limits": {"cpu": "1"}},
                "volumeMounts": [{"name": "tmp", "mountPath": "/data"}],
                "readinessProbe": {"httpGet": {"path": "/", "port": 8000}},
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    },
}


def test_a_visitor_runs_as_restricted_as_the_pod_it_is_like() -> None:
    made = visitor(AGENT, {"a": "b"})
    (container,) = made["spec"]["containers"]
    (like,) = AGENT["spec"]["containers"]  # type: ignore[index]
    assert made["spec"]["securityContext"] == {"runAsNonRoot": True, "runAsUser": 10001}
    for key in ("image", "imagePullPolicy", "securityContext", "resources"):
        assert container[key] == like[key]
    assert made["metadata"] == {"generateName": "visitor-", "labels": {"a": "b"}}


def test_a_visitor_knows_no_secret_serves_nothing_and_ends_by_itself() -> None:
    made = visitor(AGENT, {})
    (container,) = made["spec"]["containers"]
    assert set(container) == {"name", "command", "image", "imagePullPolicy", "securityContext", "resources"}
    assert made["spec"]["automountServiceAccountToken"] is False
    assert made["spec"]["activeDeadlineSeconds"] == LIFETIME
    assert made["spec"]["restartPolicy"] == "Never"
