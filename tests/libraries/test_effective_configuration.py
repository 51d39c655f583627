"""A collector's configuration is what the collector makes of its sources, and never taken for empty."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kube.client import ClusterError
from kube.environment import Environment
from kube.objects import Objects
from pipeline.effective import Configuration, UnreadError, make_configuration
from pipeline.sources import Sources

RECORDED = yaml.safe_load(
    (Path(__file__).parents[1] / "recorded" / "effective-configurations.yaml").read_text(encoding="utf-8")
)


def reader(files: dict[str, str], variables: dict[str, str]) -> Callable[[str, str], str | None]:
    def read(scheme: str, rest: str) -> str | None:
        if scheme == "env":
            return variables.get(rest)
        if scheme == "file" and rest in files:
            return files[rest]
        raise UnreadError(f"{scheme}:{rest} is not read")

    return read


@pytest.mark.parametrize("case", RECORDED["cases"], ids=[case["case"] for case in RECORDED["cases"]])
def test_it_is_what_the_collector_itself_prints(case: dict[str, Any]) -> None:
    read = reader(case["files"], RECORDED["environment"])
    assert make_configuration(case["command"], read) == case["printed"]


def test_what_a_component_takes_as_a_text_keeps_its_zeros() -> None:
    # The collector prints 83, and sends 0123 in a header.
    read = reader({"/c.yaml": "headers: {id: '${env:ID}'}"}, {"ID": "0123"})
    assert make_configuration(["--config=/c.yaml"], read) == {"headers": {"id": "0123"}}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ([], "its command names none, so the image's own holds"),
        (["/otelcol"], "its command names none, so the image's own holds"),
        (["--config=env:SECRET"], "env:SECRET is not read"),
        (["--config", "https://example.org/c.yaml"], "https://example.org/c.yaml is not read"),
        (["--config=/of/the/image.yaml"], "file:/of/the/image.yaml is not read"),
        (["--config=/c.yaml", "--config=s3://bucket/c.yaml"], "s3://bucket/c.yaml is not read"),
    ],
)
def test_a_source_that_cannot_be_read_is_unknown_and_never_taken_for_empty(
    command: list[str], why: str
) -> None:
    read = reader({"/c.yaml": "a: 1"}, {})

    def with_secret(scheme: str, rest: str) -> str | None:
        if rest == "SECRET":
            raise UnreadError("env:SECRET is not read")
        return read(scheme, rest)

    with pytest.raises(AssertionError, match=re.escape(f"The collector's configuration is unknown: {why}.")):
        make_configuration(command, with_secret)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\npassword: [hunter22", "is no YAML, line 2."),
        ("\0", "is no YAML."),
        ("since: 2026-13-45", "is no YAML."),
        ("just a text", "has no sections."),
    ],
)
def test_what_is_no_configuration_is_said_without_its_text(text: str, why: str) -> None:
    with pytest.raises(AssertionError) as raised:
        make_configuration(["--config=/c.yaml"], reader({"/c.yaml": text}, {}))
    assert str(raised.value) == f"The collector's configuration /c.yaml {why}"


def test_no_log_shows_its_values() -> None:
    configuration = Configuration({"exporters": {"otlp": {"headers": {"authorization": "Bearer t"}}}})
    assert repr(configuration) == str(configuration) == "Configuration(exporters)"
    assert json.loads(json.dumps(configuration)) == dict(configuration)


ONE_HOST = {"name": "one", "key": "host"}
COLLECTOR: dict[str, Any] = {
    "metadata": {"namespace": "n"},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "command": ["/otelcol", "--config=$(FOLDER)/c.yaml", "--config=/conf/./more.yaml"],
                        "args": ["--set=exporters::otlphttp/mlflow::headers::id=${env:ID}"],
                        "env": [
                            {"name": "FOLDER", "value": "/conf"},
                            {"name": "HOST", "valueFrom": {"configMapKeyRef": ONE_HOST}},
                            {"name": "URL", "value": "http://$(HOST):$(PORT)"},
                            {"name": "PORT", "value": "5000"},
                            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "t"}}},
                            {"name": "LOGIN", "value": "Bearer $(TOKEN)"},
                            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                        ],
                        "envFrom": [{"configMapRef": {"name": "one"}}, {"secretRef": {"name": "more"}}],
                        "volumeMounts": [
                            {"name": "conf", "mountPath": "/conf/more.yaml", "subPath": "more.yaml"},
                            {"name": "conf", "mountPath": "/conf"},
                            {"name": "login", "mountPath": "/login"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "conf", "configMap": {"name": "conf"}},
                    {"name": "login", "projected": {"sources": [{"secret": {"name": "login"}}]}},
                ],
            }
        }
    },
}
MAPS = {
    "one": {"host": "mlflow", "ID": "7"},
    "conf": {
        "c.yaml": """
exporters:
  otlphttp/mlflow:
    traces_endpoint: ${env:URL}/v1/traces
    headers: {a: "${LOGIN}", b: "${file:/login/t}", c: "${env:WORKSPACE}", d: "${env:MLFLOW_PORT:-x}"}
""",
        "more.yaml": "receivers: {otlp: {endpoint: '${env:POD_IP}:4317'}}",
    },
}


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    def read(_: Objects, __: str, kind: str, name: str, ___: str) -> dict[str, Any]:
        if kind == "Secret":
            assert name == "more"  # the keys alone are needed, and of this one alone
            return {"data": {"WORKSPACE": "c2VjcmV0"}}
        if name not in MAPS:
            raise ClusterError(f"Cannot read ConfigMap {name}: 403 forbidden.")
        return {"data": MAPS[name]}

    monkeypatch.setattr(Objects, "read_object", read)
    objects = Objects()
    return Sources(objects, Environment(objects))


def test_its_sources_are_read_from_the_workload(sources: Sources) -> None:
    found = sources.read_effective_configuration(COLLECTOR)
    assert found == {
        "exporters": {
            "otlphttp/mlflow": {
                # PORT comes after URL, so the kubelet leaves the reference.
                "traces_endpoint": "http://mlflow:$(PORT)/v1/traces",
                "headers": {
                    "a": "${LOGIN}",
                    "b": "${file:/login/t}",
                    "c": "${env:WORKSPACE}",
                    "d": "${env:MLFLOW_PORT:-x}",
                    "id": 7,
                },
            }
        },
        "receivers": {"otlp": {"endpoint": "${env:POD_IP}:4317"}},
    }
    assert found.unknown == {
        "${LOGIN}": "variable LOGIN of its pod is not read, of TOKEN in it, it is key t of Secret login",
        "${file:/login/t}": "file /login/t is not read, it is of Secret login",
        "${env:WORKSPACE}": "variable WORKSPACE of its pod is not read, it is key WORKSPACE of Secret more",
        "${env:MLFLOW_PORT:-x}": "variable MLFLOW_PORT of its pod is not read, "
        "it is of a Service, if its pod began after that was made",
        "${env:POD_IP}": "variable POD_IP of its pod is not read, it is status.podIP of the pod",
    }


def with_container(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a manifest
    spec = COLLECTOR["spec"]["template"]["spec"]
    container = {**spec["containers"][0], **fields}
    return {**COLLECTOR, "spec": {"template": {"spec": {**spec, "containers": [container]}}}}


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("/login/c.yaml", "file /login/c.yaml is not read, it is of Secret login"),
        ("/etc/c.yaml", "file /etc/c.yaml is not read, it is in no ConfigMap that its pod mounts"),
        ("env:TOKEN", "variable TOKEN of its pod is not read, it is key t of Secret login"),
        ("env:GONE", "variable GONE of its pod is not read: Cannot read ConfigMap gone: 403 forbidden"),
        ("http://example.org/c.yaml", "http://example.org/c.yaml is read by the collector alone"),
    ],
)
def test_a_source_that_is_not_read_is_named(sources: Sources, argument: str, why: str) -> None:
    gone = {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k"}}}
    variables = COLLECTOR["spec"]["template"]["spec"]["containers"][0]["env"]
    workload = with_container(args=["--config", argument], env=[*variables, gone])
    with pytest.raises(AssertionError, match=re.escape(f"The collector's configuration is unknown: {why}.")):
        sources.read_effective_configuration(workload)


def test_a_file_mounted_in_place_of_the_image_s_own_is_read(sources: Sources) -> None:
    mount = {"name": "conf", "mountPath": "/etc/otelcol-contrib/config.yaml", "subPath": "more.yaml"}
    of_image = with_container(command=None, args=None, volumeMounts=[mount])
    assert set(sources.read_effective_configuration(of_image)) == {"receivers"}
    own_command = with_container(command=["/otelcol"], args=None, volumeMounts=[mount])
    with pytest.raises(AssertionError, match="names none"):
        sources.read_effective_configuration(own_command)
