"""Every overlay, and every sensible combination of components, keeps every rule."""

import copy
from collections.abc import Callable

import pytest
import yaml
from mlflow.server.security_utils import is_allowed_host_header, should_block_cors_request

import availability_rules
import pipeline_rules
from harness.common.combinations import KUSTOMIZE, Combination, combinations, folders
from rendered import Stack, plain_env
from rules import OVERLAY_RULES, RULES

GENAI = Combination("kind", ("genai-transform",))
HIGHLY_AVAILABLE = Combination("kind", ("high-availability",))
# Stacks of one's own may leave Components out: each of these is put on the base.
PARTIAL_STACKS = (
    (),
    ("collector", "mlflow-pipeline"),
    ("collector", "phoenix"),
    ("collector", "phoenix", "mlflow-pipeline"),
    ("collector", "mlflow-pipeline", "weather"),
    ("collector", "phoenix", "mlflow-pipeline", "weather"),
    ("collector", "mlflow-pipeline", "high-availability"),
    ("collector", "phoenix", "mlflow-pipeline", "high-availability"),
    ("high-availability/mlflow",),
    ("managed-postgres",),
)


@pytest.mark.parametrize("rule", OVERLAY_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", folders("overlays"))
def test_overlay_keeps(
    rule: Callable[[Stack], list[str]], name: str, overlay: Callable[[str], Stack]
) -> None:
    broken = list(rule(overlay(name)))
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("wanted", [c for c in combinations() if c.components], ids=str)
def test_combination_keeps_every_rule(
    wanted: Combination, combination: Callable[[Combination], Stack]
) -> None:
    stack = combination(wanted)
    broken = [message for rule in OVERLAY_RULES for message in rule(stack)]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("components", PARTIAL_STACKS, ids="+".join)
def test_partial_stack_keeps_every_rule(
    components: tuple[str, ...], on_base: Callable[[tuple[str, ...]], Stack]
) -> None:
    stack = on_base(components)
    broken = [message for rule in RULES for message in rule(stack)]
    assert not broken, "\n".join(broken)


def test_genai_spans_pass_the_transform_to_both_backends(
    combination: Callable[[Combination], Stack],
) -> None:
    stack = combination(GENAI)
    found = {name: pipeline["processors"] for name, pipeline in pipeline_rules.pipelines(stack).items()}
    before = {
        name: pipeline["processors"]
        for name, pipeline in pipeline_rules.pipelines(combination(Combination(GENAI.overlay))).items()
    }
    assert found == {
        name: [first, pipeline_rules.TRANSFORM, *rest] for name, (first, *rest) in before.items()
    }
    agent = stack.container("weather-agent")
    assert agent
    assert plain_env(agent[1])["INSTRUMENTATIONS"] == "genai"


def test_high_availability_brings_a_second_server_and_a_second_collector(
    combination: Callable[[Combination], Stack],
) -> None:
    stack = combination(HIGHLY_AVAILABLE)
    several = {
        workload["metadata"]["name"]
        for workload, _ in stack.pods()
        if availability_rules.replicas(stack, workload) > 1
    }
    assert several == {"mlflow", "otel-collector"}
    assert not stack.get("PersistentVolumeClaim", "otel-collector-queue", "kagenti-system")


def test_high_availability_can_be_listed_before_what_adds_to_the_collector(
    on_base: Callable[[tuple[str, ...]], Stack],
) -> None:
    adding = ("phoenix", "mlflow-pipeline", "weather", "genai-transform")
    before, after = (
        pipeline_rules.config_files(on_base(components))
        for components in (
            ("collector", "high-availability", *adding),
            ("collector", *adding, "high-availability"),
        )
    )
    assert before == after
    assert len(before) == 6


def test_managed_postgres_leaves_nothing_of_the_stacks_own_but_the_other_secrets(
    combination: Callable[[Combination], Stack],
) -> None:
    plain, stack = combination(Combination("kind")), combination(Combination("kind", ("managed-postgres",)))
    own = {"StatefulSet": "postgres", "Service": "postgres", "PersistentVolumeClaim": "postgres-data"}
    for kind, name in own.items():
        assert plain.get(kind, name, "kagenti-system")
        assert not stack.get(kind, name, "kagenti-system")
    before, after = (each.container("create-secrets") for each in (plain, stack))
    assert before
    assert after
    assert after[1]["args"] == [each for each in before[1]["args"] if not each.startswith("postgres-admin=")]
    mlflow = stack.get("Deployment", "mlflow", "kagenti-system")
    assert mlflow
    steps = [container["name"] for container in mlflow["spec"]["template"]["spec"]["initContainers"]]
    assert steps == ["create-secrets", "create-database", "prepare"]


def test_embedded_differs_from_kind_in_image_names_only(overlay: Callable[[str], Stack]) -> None:
    kind, embedded = overlay("kind"), copy.deepcopy(overlay("embedded"))
    for (name, _, ours), (_, _, theirs) in zip(embedded.containers(), kind.containers(), strict=True):
        assert ours["image"].startswith("localhost/"), f"{name} runs {ours['image']}, which is not built here"
        assert ours["image"].rpartition("/")[2] == theirs["image"].rpartition("/")[2], (
            f"{name}: another version"
        )
        ours["image"] = theirs["image"]
    assert embedded == kind


def test_suites_and_overlay_mean_the_same(overlay: Callable[[str], Stack]) -> None:
    text = (KUSTOMIZE.parent / "resources" / "settings.yaml").read_text(encoding="utf-8")
    stack = overlay("kind")
    namespaces = {item["metadata"]["name"] for item in stack.of("Namespace")}
    for setting, component in (("SYSTEM_NAMESPACE", "otel-collector"), ("AGENTS_NAMESPACE", "weather-agent")):
        name = yaml.safe_load(text)["COMPONENTS"][component]["service"]
        (namespace,) = (space for space in namespaces if stack.get("Service", name, space))
        text = text.replace(f"${{{setting}}}", namespace)
    settings = yaml.safe_load(text)
    for component, place in settings["COMPONENTS"].items():
        service = stack.get("Service", place["service"], place["namespace"])
        assert service, f"{component} has no Service {place}"
        (workload,) = stack.selected_by(service)
        assert workload["metadata"]["labels"]["app.kubernetes.io/name"] == component
    for component in ("mlflow", "phoenix", "weather-agent"):
        place = settings["COMPONENTS"][component]
        (route,) = (
            route
            for route in stack.of("HTTPRoute")
            if route["metadata"]["namespace"] == place["namespace"]
            and route["spec"]["rules"][0]["backendRefs"][0]["name"] == place["service"]
        )
        on_openshift = overlay("openshift").get("Route", route["metadata"]["name"], place["namespace"])
        assert on_openshift, f"{component} has no Route on OpenShift"
        assert on_openshift["spec"]["to"]["name"] == place["service"]
    prepare, collector = stack.container("prepare"), stack.container("otel-collector")
    assert prepare
    assert collector
    assert plain_env(prepare[1])["EXPERIMENT_NAME"]
    ports = {port["name"]: port["containerPort"] for port in collector[1]["ports"]}
    assert ports["metrics"] == settings["COLLECTOR_METRICS_PORT"]


@pytest.mark.parametrize("port", ["", ":8080", ":30080", ":8443"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_mlflow_answers_a_browser_at_any_port_of_the_gateway(
    overlay: Callable[[str], Stack], scheme: str, port: str
) -> None:
    stack = overlay("kind")
    route, mlflow = stack.get("HTTPRoute", "mlflow", "kagenti-system"), stack.container("mlflow")
    assert route
    assert mlflow
    environment = plain_env(mlflow[1], mlflow[0])
    hosts = environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    origins = environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    (host,) = route["spec"]["hostnames"]
    assert is_allowed_host_header(hosts, f"{host}{port}")
    assert not should_block_cors_request(f"{scheme}://{host}{port}", "POST", origins)
    for other in (f"{host}.example{port}", f"other.{host}{port}", f"example{port}"):
        assert not is_allowed_host_header(hosts, other)
        assert should_block_cors_request(f"{scheme}://{other}", "POST", origins)
