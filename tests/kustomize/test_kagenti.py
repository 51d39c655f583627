"""The overlay for an existing Kagenti takes nothing that the installation has; attaching takes little."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import pipeline_rules
from harness.common.combinations import KUSTOMIZE, Combination
from rendered import Object, Stack, name_of

ATTACH, DETACH = "kagenti/attach", "kagenti/detach"
CHART = KUSTOMIZE.parent / "harness" / "stand_ins" / "kagenti" / "chart"
INSTALLED = {
    *(("Deployment", name) for name in ("otel-collector", "weather-service")),
    *(("StatefulSet", name) for name in ("phoenix", "postgres-otel")),
    *(("Service", name) for name in ("otel-collector", "phoenix", "postgres", "weather-service")),
    *(("ConfigMap", name) for name in ("otel-collector-config", "postgres-otel-init-script")),
    *(("HTTPRoute", name) for name in ("phoenix", "weather-agent")),
    ("Secret", "otel-db-secret"),
}


@pytest.fixture(params=[(), ("installation-postgres",)], ids=["dedicated", "shared"])
def ours(request: pytest.FixtureRequest, combination: Callable[[Combination], Stack]) -> Stack:
    return combination(Combination("kagenti", request.param))


def only(stack: Stack, kind: str) -> Object:
    (thing,) = stack.of(kind)
    return thing


def container(stack: Stack) -> Object:
    found: Object = only(stack, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def test_deleting_the_overlay_takes_nothing_from_the_installation(ours: Stack) -> None:
    assert not list(ours.of("Namespace"))
    named = {(thing["kind"], thing["metadata"]["name"]) for thing in ours.objects}
    assert not named & INSTALLED


def test_no_service_leads_to_pods_of_the_other(ours: Stack) -> None:
    # The installation's Services select by `app`.
    for service in ours.of("Service"):
        assert set(service["spec"]["selector"]) == {"app.kubernetes.io/name"}, name_of(service)
    for workload, _ in ours.pods():
        assert "app" not in workload["spec"]["template"]["metadata"]["labels"], name_of(workload)
    names = {
        workload["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] for workload, _ in ours.pods()
    }
    assert names <= {"mlflow", "mlflow-postgres"}


@pytest.mark.parametrize("folder", ["kagenti", ATTACH, DETACH])
def test_the_namespace_stands_in_one_place(
    folder: str, render: Callable[[Path], str], tmp_path: Path
) -> None:
    kustomization = {
        "resources": [os.path.relpath(KUSTOMIZE / "overlays" / folder, tmp_path.resolve())],
        "namespace": "rossoctl-system",
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    assert "kagenti-system" not in render(tmp_path)
    for path in (KUSTOMIZE / "overlays" / folder).glob("kustomization.yaml"):
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))["components"]
        assert Path(listed[-1]).name == "namespace"


def test_installation_postgres_brings_none_and_uses_the_installations(
    combination: Callable[[Combination], Stack],
) -> None:
    stack = combination(Combination("kagenti", ("installation-postgres",)))
    assert not list(stack.of("StatefulSet"))
    for name in ("create-database", "prepare", "mlflow"):
        found = stack.container(name)
        assert found
        environment = {entry["name"]: entry for entry in found[1]["env"]}
        assert environment["PGHOST"]["value"] == "postgres"
        for variable, key in (("PGUSER", "username"), ("PGPASSWORD", "password")):
            assert environment[variable]["valueFrom"] == {
                "secretKeyRef": {"name": "otel-db-secret", "key": key}
            }
        assert name == "create-database" or environment["PGDATABASE"] == {
            "name": "PGDATABASE",
            "value": "mlflow",
        }


def test_attaching_takes_nothing_but_args_env_and_volumes_of_the_collector(
    overlay: Callable[[str], Stack],
) -> None:
    stack = overlay(ATTACH)
    assert {thing["kind"] for thing in stack.objects} == {"ConfigMap", "Deployment"}
    deployment = only(stack, "Deployment")
    assert set(deployment["metadata"]) == {"name", "namespace"}
    assert set(deployment["spec"]) == {"template"}
    assert set(deployment["spec"]["template"]) == {"spec"}
    assert set(deployment["spec"]["template"]["spec"]) == {"containers", "volumes"}
    assert set(container(stack)) == {"name", "args", "env", "volumeMounts"}


def test_detaching_gives_up_every_field(overlay: Callable[[str], Stack]) -> None:
    (deployment,) = overlay(DETACH).objects
    attached = only(overlay(ATTACH), "Deployment")
    assert deployment == {key: value for key, value in attached.items() if key != "spec"}


def attached_to_the_installation(attach: Stack) -> Stack:
    """Return the collector as the API server merges it: the installation's command and config, then ours."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    deployment = only(attach, "Deployment")
    namespace = deployment["metadata"]["namespace"]
    name = "otel-collector-config"
    ours = deployment["spec"]["template"]["spec"]
    (taken,) = ours["containers"]
    whole = {
        **taken,
        "command": ["/otelcol-contrib", "--config=/etc/otelcol-config/base.yaml", *taken["args"]],
        "volumeMounts": [{"name": name, "mountPath": "/etc/otelcol-config"}, *taken["volumeMounts"]],
    }
    pod = {"containers": [whole], "volumes": [{"name": name, "configMap": {"name": name}}, *ours["volumes"]]}
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"base.yaml": yaml.safe_dump(values["collector"]["config"])},
    }
    merged = {**deployment, "spec": {"template": {"spec": pod, "metadata": {"labels": {}}}}}
    return Stack([merged, config, *attach.of("ConfigMap")])


def test_the_merged_config_names_what_is_there(overlay: Callable[[str], Stack]) -> None:
    stack = attached_to_the_installation(overlay(ATTACH))
    for rule in (pipeline_rules.config_files_are_mounted, pipeline_rules.config_files_repeat_no_list):
        assert not list(rule(stack))
    idle = "debug is defined among the exporters and in no pipeline"  # the installation has it so
    assert list(pipeline_rules.pipelines_name_what_is_there(stack)) == [idle]


def test_the_installations_own_pipeline_stays(overlay: Callable[[str], Stack]) -> None:
    own = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["collector"]["config"]
    merged = pipeline_rules.merged_config(attached_to_the_installation(overlay(ATTACH)))
    for kind in ("receivers", "processors", "exporters", "extensions"):
        for name, settings in own[kind].items():
            assert merged[kind][name] == settings
    assert merged["service"]["extensions"] == own["service"]["extensions"]
    pipelines = own["service"]["pipelines"]
    assert {name: merged["service"]["pipelines"][name] for name in pipelines} == pipelines


def test_mlflow_gets_the_same_as_elsewhere(overlay: Callable[[str], Stack]) -> None:
    here = pipeline_rules.merged_config(attached_to_the_installation(overlay(ATTACH)))
    there = pipeline_rules.merged_config(overlay("kind"))
    for processor in (pipeline_rules.FILTER, "transform/mlflow_guard"):
        assert here["processors"][processor] == there["processors"][processor]
    ours, theirs = here["exporters"]["otlphttp/mlflow"], there["exporters"]["otlp_http/mlflow"]
    assert set(ours) == set(theirs)
    for setting in set(ours) - {"sending_queue"}:
        assert ours[setting] == theirs[setting]
    (*before, batch) = here["service"]["pipelines"]["traces/mlflow"]["processors"]
    assert (before, batch) == (there["service"]["pipelines"]["traces/mlflow"]["processors"], "batch/mlflow")
    size = theirs["sending_queue"]["batch"]
    assert here["processors"]["batch/mlflow"] == {
        "timeout": size["flush_timeout"],
        "send_batch_size": size["min_size"],
        "send_batch_max_size": size["max_size"],
    }
    collector = overlay("kind").container("otel-collector")
    assert collector
    assert container(overlay(ATTACH))["env"][0] in collector[1]["env"]
