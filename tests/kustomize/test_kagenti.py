"""The overlay beside an installation meets nothing that the installation has; attaching takes little."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import pipeline_rules
from harness.attach.ours import PREFIX, made_by_pods
from harness.common.combinations import KUSTOMIZE, Combination
from harness.stand_ins.rossoctl import kagenti, stand_in
from rendered import Object, Stack, name_of

ATTACH, DETACH = "kagenti/attach", "kagenti/detach"
NAMESPACE = "kagenti-system"
# Both shapes of an installation, in the namespace of the overlay.
SHAPES = {
    "today": stand_in.Shape(NAMESPACE, "deps", stand_in.SHAPE.options),
    "before": kagenti.SHAPE,
}


@pytest.fixture(params=[(), ("installation-postgres",)], ids=["dedicated", "shared"])
def ours(request: pytest.FixtureRequest, combination: Callable[[Combination], Stack]) -> Stack:
    return combination(Combination("kagenti", request.param))


@pytest.fixture(scope="module", params=list(SHAPES.values()), ids=list(SHAPES))
def theirs(request: pytest.FixtureRequest) -> Stack:
    return Stack(stand_in.render(request.param))


def only(stack: Stack, kind: str) -> Object:
    (thing,) = stack.of(kind)
    return thing


def container(stack: Stack) -> Object:
    found: Object = only(stack, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def test_no_name_is_one_that_the_installation_has(
    ours: Stack, theirs: Stack, overlay: Callable[[str], Stack]
) -> None:
    brought = [*ours.objects, *overlay(ATTACH).of("ConfigMap")]
    by_pods = made_by_pods([*ours.objects, *overlay(ATTACH).objects], NAMESPACE)
    names = {name_of(thing) for thing in [*brought, *by_pods]}
    assert f"Deployment {NAMESPACE}/otel-collector" in {name_of(thing) for thing in theirs.objects}
    assert not names & {name_of(thing) for thing in theirs.objects}
    assert all(thing["metadata"]["name"].startswith(PREFIX) for thing in brought)


def test_what_the_pods_make_is_found(combination: Callable[[Combination], Stack]) -> None:
    stack = combination(Combination("kagenti"))
    assert [thing["metadata"]["name"] for thing in made_by_pods(stack.objects, NAMESPACE)] == [
        "llm-observability-mlflow-database",
        "llm-observability-postgres-admin",
    ]
    (create_secrets,) = (c for name, _, c in stack.containers() if name.endswith("create-secrets"))
    assert {argument.split("=")[0] for argument in create_secrets["args"]} == {
        "llm-observability-mlflow-database",
        "llm-observability-postgres-admin",
    }


def test_the_settings_differ_from_the_suites_own_in_the_services_of_the_overlay_alone(
    combination: Callable[[Combination], Stack],
) -> None:
    folders = [KUSTOMIZE.parent / "resources", KUSTOMIZE / "overlays" / "kagenti"]
    own, here = (yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8")) for folder in folders)
    assert set(here) == {"COMPONENTS"}
    changed = {
        name: place for name, place in here["COMPONENTS"].items() if place != own["COMPONENTS"].get(name)
    }
    assert set(here["COMPONENTS"]) == set(own["COMPONENTS"])
    assert set(changed) == {"mlflow", "postgres"}
    services = {service["metadata"]["name"] for service in combination(Combination("kagenti")).of("Service")}
    assert {place["service"] for place in changed.values()} == services


def test_no_host_name_is_one_that_the_installation_has(ours: Stack, theirs: Stack) -> None:
    hosts = {host for route in ours.of("HTTPRoute") for host in route["spec"]["hostnames"]}
    assert hosts == {"llm-observability-mlflow.localtest.me"}
    assert not hosts & {host for route in theirs.of("HTTPRoute") for host in route["spec"]["hostnames"]}


def test_no_service_leads_to_pods_of_the_other(ours: Stack, theirs: Stack) -> None:
    both = Stack([*ours.objects, *theirs.objects])
    for stack in (ours, theirs):
        own = {name_of(workload) for workload, _ in stack.pods()}
        for service in stack.of("Service"):
            assert {name_of(workload) for workload in both.selected_by(service)} <= own, name_of(service)


def test_no_label_of_a_pod_is_a_component_that_an_installation_may_have(ours: Stack) -> None:
    for workload, _ in ours.pods():
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"].startswith(PREFIX)
        assert "app" not in labels


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
            "value": "llm_observability",
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


def attached_to(theirs: Stack, attach: Stack) -> Stack:
    """Return the collector as the API server merges it: the installation's, then our fields."""
    deployment = only(attach, "Deployment")
    ours = deployment["spec"]["template"]["spec"]
    (taken,) = ours["containers"]
    installed = theirs.get("Deployment", "otel-collector", NAMESPACE)
    config = theirs.get("ConfigMap", "otel-collector-config", NAMESPACE)
    assert installed
    assert config
    pod = installed["spec"]["template"]["spec"]
    (own,) = pod["containers"]
    whole = {
        **own,
        **taken,
        "command": [*own["command"][:2], *taken["args"]],  # without --set, which the rules do not know
        "volumeMounts": [*own["volumeMounts"], *taken["volumeMounts"]],
    }
    merged = {"containers": [whole], "volumes": [*pod["volumes"], *ours["volumes"]]}
    template = {"spec": merged, "metadata": {"labels": {}}}
    return Stack([{**deployment, "spec": {"template": template}}, config, *attach.of("ConfigMap")])


def test_the_merged_config_names_what_is_there(theirs: Stack, overlay: Callable[[str], Stack]) -> None:
    stack = attached_to(theirs, overlay(ATTACH))
    for rule in (
        pipeline_rules.config_files_are_mounted,
        pipeline_rules.config_files_repeat_no_list,
        pipeline_rules.pipelines_name_what_is_there,
    ):
        assert not list(rule(stack))


def test_all_that_the_installation_configured_stays(theirs: Stack, overlay: Callable[[str], Stack]) -> None:
    installed = theirs.get("ConfigMap", "otel-collector-config", NAMESPACE)
    assert installed
    own = yaml.safe_load(installed["data"]["base.yaml"])
    merged = pipeline_rules.merged_config(attached_to(theirs, overlay(ATTACH)))
    assert kept(own, merged) == own
    added = set(merged["service"]["pipelines"]) - set(own["service"]["pipelines"])
    assert added == {"traces/llm-observability"}


def kept(own: Object, merged: Object) -> Object:
    """Return the merged configuration without what was added: only keys that the own one has."""
    return {
        key: kept(value, merged[key]) if isinstance(value, dict) and value else merged[key]
        for key, value in own.items()
    }


def test_mlflow_gets_the_same_as_elsewhere(theirs: Stack, overlay: Callable[[str], Stack]) -> None:
    here = pipeline_rules.merged_config(attached_to(theirs, overlay(ATTACH)))
    there = pipeline_rules.merged_config(overlay("kind"))
    for processor in (pipeline_rules.FILTER, "transform/mlflow_guard"):
        assert here["processors"][processor] == there["processors"][processor]
    ours, own = here["exporters"]["otlphttp/llm-observability-mlflow"], there["exporters"]["otlp_http/mlflow"]
    assert set(ours) == set(own)
    for setting in set(ours) - {"sending_queue", "traces_endpoint", "headers"}:
        assert ours[setting] == own[setting]
    (*before, batch) = here["service"]["pipelines"]["traces/llm-observability"]["processors"]
    assert before == there["service"]["pipelines"]["traces/mlflow"]["processors"]
    assert batch == "batch/llm-observability"
    size = own["sending_queue"]["batch"]
    assert here["processors"][batch] == {
        "timeout": size["flush_timeout"],
        "send_batch_size": size["min_size"],
        "send_batch_max_size": size["max_size"],
    }


def test_the_exporter_leads_to_mlflow_of_the_overlay(ours: Stack, overlay: Callable[[str], Stack]) -> None:
    attached = overlay(ATTACH)
    (config,) = (c["data"]["mlflow.yaml"] for c in attached.of("ConfigMap") if "mlflow.yaml" in c["data"])
    exporter = yaml.safe_load(config)["exporters"]["otlphttp/llm-observability-mlflow"]
    assert ours.get("Service", "llm-observability-mlflow", NAMESPACE)
    assert exporter["traces_endpoint"] == "http://llm-observability-mlflow:5000/v1/traces"
    (variable,) = container(attached)["env"]
    assert exporter["headers"] == {"x-mlflow-experiment-id": f"${{env:{variable['name']}}}"}
    prepare = ours.container("prepare")
    assert prepare
    (published,) = (e["value"] for e in prepare[1]["env"] if e["name"] == "EXPERIMENT_CONFIGMAP")
    assert variable["valueFrom"]["configMapKeyRef"]["name"] == published
    (role,) = (r for r in ours.of("Role") if r["metadata"]["name"].endswith("publish-experiment"))
    assert role["rules"][1]["resourceNames"] == [published]
