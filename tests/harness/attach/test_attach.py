"""Attaching looks first, changes nothing where something conflicts, and removes what is ours alone."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.attach import __main__ as command
from harness.attach import checks, collector, ours
from harness.common.errors import HarnessError
from harness.common.manifests import PART_OF, STACK

NAMESPACE = "rossoctl-system"
OUR_LABEL = {PART_OF: STACK}
BASE = {
    "receivers": {"otlp": {}},
    "processors": {"memory_limiter": {}, "batch": {}},
    "exporters": {
        "otlphttp/mlflow": {
            "traces_endpoint": "http://mlflow:5000/v1/traces",
            "headers": {"x-mlflow-experiment-id": "0"},
        }
    },
    "service": {
        "pipelines": {
            "traces/mlflow": {
                "receivers": ["otlp"],
                "processors": ["memory_limiter", "batch"],
                "exporters": ["otlphttp/mlflow"],
            }
        }
    },
}


def named(
    kind: str, name: str, manager: str = "helm", labels: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return an object of the installation's namespace."""
    fields = [{"manager": manager}]
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels or {}, "managedFields": fields}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def deployment(manager: str = "helm") -> dict[str, Any]:
    """Return the collector's Deployment, with its configuration in a ConfigMap."""
    container = {
        "name": "otel-collector",
        "command": ["/otelcol-contrib", "--config=/etc/otelcol-config/base.yaml"],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/otelcol-config"}],
    }
    pod = {
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "otel-collector-config"}}],
    }
    return named("Deployment", "otel-collector", manager) | {"spec": {"template": {"spec": pod}}}


@dataclass
class Cluster:
    """Answers kubectl for an installation, and keeps the commands that change something."""

    collector: dict[str, Any] | None = field(default_factory=deployment)
    config: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(BASE)))
    objects: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""  # what the API server has against a dry run
    changes: list[str] = field(default_factory=list)

    def kubectl(self, *arguments: str, text: str = "", limit: float = 0) -> str:
        """Return what kubectl prints."""
        del limit
        if arguments[0] != "get":
            self.changes.append(" ".join(arguments[:3] if arguments[0] == "delete" else arguments[:2]))
            return ""
        if arguments[1] == "--filename=-":
            wanted = {(t["kind"], t["metadata"]["name"]) for t in yaml.safe_load_all(text)}
            found = [t for t in self.objects if (t["kind"], t["metadata"]["name"]) in wanted]
        elif "--selector" in arguments:
            found = [t for t in self.objects if OUR_LABEL.items() <= t["metadata"]["labels"].items()]
        elif arguments[1] == "deployments":
            found = [t for t in self.objects if t["kind"] == "Deployment"]
        elif arguments[1] == "configmap":
            return json.dumps(
                named("ConfigMap", arguments[2]) | {"data": {"base.yaml": json.dumps(self.config)}}
            )
        else:
            return json.dumps(self.collector) if self.collector else ""
        return json.dumps({"items": found})

    def run(self, *_: object, **__: object) -> subprocess.CompletedProcess[str]:
        """Answer a dry run."""
        return subprocess.CompletedProcess([], int(bool(self.refusal)), "", self.refusal)


@pytest.fixture(scope="module")
def rendered() -> dict[Path, list[dict[str, Any]]]:
    """Return what is applied, by folder."""
    return {folder: ours.render(folder, NAMESPACE) for folder in (ours.OVERLAY, ours.ATTACH, ours.DETACH)}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, rendered: dict[Path, list[dict[str, Any]]]) -> Cluster:
    """Put an installation in kubectl's place."""
    made = Cluster()
    for module in (command, checks, collector, ours):
        monkeypatch.setattr(module, "kubectl", made.kubectl)
    monkeypatch.setattr(checks, "_run_kubectl", made.run)
    monkeypatch.setattr(ours, "render", lambda folder, _: rendered[folder])
    return made


def check() -> checks.Findings:
    """Check overlays/kagenti."""
    return checks.check(ours.OVERLAY, NAMESPACE)


def test_an_installation_with_an_mlflow_is_said_to_get_a_second(cluster: Cluster) -> None:
    cluster.objects = [named("Deployment", "mlflow")]
    findings = check()
    assert not findings.problems
    assert findings.notes[0] == (
        "This installation has an MLflow already (Deployment mlflow, pipeline traces/mlflow sends to "
        "experiment 0): attaching adds a second one, and changes nothing of the first."
    )


def test_an_installation_without_mlflow_gets_no_such_note(cluster: Cluster) -> None:
    cluster.config["exporters"]["otlphttp/mlflow"]["headers"] = {}
    (note,) = check().notes
    assert "all named llm-observability-..." in note


@pytest.mark.parametrize(
    "thing",
    [
        named("Service", "llm-observability-mlflow", labels=OUR_LABEL),
        named("Secret", "llm-observability-postgres-admin", "kubectl"),
        named("ConfigMap", "llm-observability-mlflow-experiment", "kubectl", OUR_LABEL),
    ],
    ids=lambda thing: thing["kind"],
)
def test_an_object_of_another_owner_with_a_name_of_ours_is_a_conflict(
    cluster: Cluster, thing: dict[str, Any]
) -> None:
    cluster.objects = [thing]
    assert check().problems == [f"{ours.describe(thing)} is there already and is not ours"]


def test_what_is_ours_already_is_no_conflict(cluster: Cluster) -> None:
    cluster.objects = [
        named("Service", "llm-observability-mlflow", ours.MANAGER, OUR_LABEL),
        named("Secret", "llm-observability-postgres-admin", "create-secrets", OUR_LABEL),
        named("ConfigMap", "llm-observability-mlflow-experiment", "prepare-mlflow", OUR_LABEL),
    ]
    assert not check().problems


@pytest.mark.parametrize(
    ("section", "name", "entry"),
    [
        ("processors", "filter/openinference_only", "processors::filter/openinference_only"),
        ("exporters", "otlphttp/llm-observability-mlflow", "exporters::otlphttp/llm-observability-mlflow"),
        ("service", "telemetry", "service::telemetry::metrics"),
    ],
)
def test_a_configuration_that_defines_what_ours_does_is_a_conflict(
    cluster: Cluster, section: str, name: str, entry: str
) -> None:
    cluster.config[section][name] = {"metrics": {}}
    problem = f"the collector's configuration has {entry} already, and attaching would change it"
    assert check().problems == [problem]


def test_a_configuration_without_what_ours_uses_is_a_conflict(cluster: Cluster) -> None:
    del cluster.config["processors"]["memory_limiter"]
    assert check().problems == [
        "the collector's configuration has no processor memory_limiter, which traces/llm-observability uses"
    ]


def test_arguments_of_the_installation_are_a_conflict(cluster: Cluster) -> None:
    assert cluster.collector
    container = cluster.collector["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["--config=/etc/llm-observability/mlflow/mlflow.yaml"]
    assert not check().problems, "these are ours"
    container["args"] += ["--feature-gates=x"]
    assert check().problems == [
        "Deployment otel-collector has args of its own, ['--feature-gates=x'], which attaching would replace"
    ]


def test_what_the_api_server_has_against_it_is_a_conflict(cluster: Cluster) -> None:
    cluster.refusal = (
        'error: Apply failed with 1 conflict: conflict with "helm"\nPlease review the fields above'
    )
    assert check().problems == ['error: Apply failed with 1 conflict: conflict with "helm"'] * 2


@pytest.mark.parametrize(
    "source",
    [{"hostPath": {"path": "/etc"}}, {"configMap": {"name": "c", "items": [{"key": "a", "path": "b"}]}}],
    ids=["no ConfigMap", "another key"],
)
def test_a_configuration_that_cannot_be_read_is_said(cluster: Cluster, source: dict[str, Any]) -> None:
    assert cluster.collector
    cluster.collector["spec"]["template"]["spec"]["volumes"] = [{"name": "config", **source}]
    with pytest.raises(HarnessError, match=r"configuration /etc/otelcol-config/base.yaml is in no ConfigMap"):
        check()


def test_a_configuration_mounted_as_one_file_is_read(cluster: Cluster) -> None:
    assert cluster.collector
    container = cluster.collector["spec"]["template"]["spec"]["containers"][0]
    container["volumeMounts"] = [
        {"name": "config", "mountPath": "/etc/otelcol-config/base.yaml", "subPath": "base.yaml"}
    ]
    assert collector.read_config(cluster.collector) == BASE


def test_a_namespace_without_a_collector_is_named_with_what_to_do(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.collector = None
    for name in ("check", "apply", "remove"):
        assert command.main([name, "--namespace", NAMESPACE]) == 1
        assert "There is no Deployment otel-collector in rossoctl-system: give" in capsys.readouterr().err
    assert not cluster.changes


def test_nothing_is_changed_where_something_conflicts(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.objects = [named("Service", "llm-observability-mlflow")]
    for name in ("check", "apply"):
        assert command.main([name, "--namespace", NAMESPACE]) == 1
        assert capsys.readouterr().err == (
            "Error: Nothing was changed, because Service llm-observability-mlflow is there already "
            "and is not ours.\n"
        )
    assert not cluster.changes


def test_checking_changes_nothing(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", "--namespace", NAMESPACE]) == 0
    assert capsys.readouterr().out.endswith("Nothing conflicts.\n")
    assert not cluster.changes


def test_mlflow_runs_before_the_collector_sends_to_it(cluster: Cluster) -> None:
    assert command.main(["apply", "--namespace", NAMESPACE]) == 0
    assert cluster.changes == [
        "apply --server-side",
        *["rollout status"] * 2,
        "apply --server-side",
        "rollout status",
    ]


def test_removing_detaches_first_and_deletes_what_is_ours_alone(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.collector = deployment(ours.MANAGER)
    cluster.objects = [
        named("Service", "mlflow"),
        named("Secret", "llm-observability-postgres-admin", "create-secrets", OUR_LABEL),
        named("ConfigMap", "by-hand", "kubectl-create", OUR_LABEL),
        named("Deployment", "llm-observability-mlflow", ours.MANAGER, OUR_LABEL),
    ]
    assert command.main(["remove", "--namespace", NAMESPACE]) == 0
    assert cluster.changes == [
        "apply --server-side",
        "rollout status",
        "delete Deployment llm-observability-mlflow",
        "delete Secret llm-observability-postgres-admin",
    ]
    assert "ConfigMap by-hand has our label and is not ours: it stays." in capsys.readouterr().out


def test_a_collector_that_was_never_attached_is_left_alone(cluster: Cluster) -> None:
    assert command.main(["remove", "--namespace", NAMESPACE]) == 0
    assert not cluster.changes


def test_all_is_rendered_in_the_namespace_of_the_installation(
    rendered: dict[Path, list[dict[str, Any]]],
) -> None:
    for things in rendered.values():
        assert {thing["metadata"]["namespace"] for thing in things} == {NAMESPACE}
