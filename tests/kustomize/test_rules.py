"""Every rule can fail: a stack broken in one place breaks exactly the rule that is about it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

import policy_rules
from harness.common.combinations import Combination
from rendered import Object, Stack, all_containers
from rules import OVERLAY_RULES

# tests/kustomize/test_policy_rules.py breaks the rules about network policies.
RULES = tuple(rule for rule in OVERLAY_RULES if rule not in policy_rules.RULES)


def put(kind: str, name: str, path: str, value: object) -> Callable[[Stack], None]:
    """Return a change of one field.

    A step of the path is a key, a list's position, or the `name` of a list's item; ~ in a key means /.
    """

    def change(stack: Stack) -> None:
        target, last = walk(find(stack, kind, name), path)
        target[last] = value

    return change


def drop(kind: str, name: str, path: str = "") -> Callable[[Stack], None]:
    """Return a change that removes a field, or the whole object."""

    def change(stack: Stack) -> None:
        thing = find(stack, kind, name)
        if path:
            target, last = walk(thing, path)
            del target[last]
        else:
            stack.objects.remove(thing)

    return change


def duplicate(kind: str, name: str) -> Callable[[Stack], None]:
    """Return a change that adds an object a second time."""
    return lambda stack: stack.objects.append(copy.deepcopy(find(stack, kind, name)))


def configure(key: str, path: str, value: object) -> Callable[[Stack], None]:
    """Return a change of one of the collector's config files; None removes the field."""

    def change(stack: Stack) -> None:
        configmap = next(c for c in stack.of("ConfigMap") if key in c["data"])
        config = yaml.safe_load(configmap["data"][key])
        target, last = walk(config, path)
        if value is None:
            del target[last]
        else:
            target[last] = value
        configmap["data"][key] = yaml.safe_dump(config)

    return change


def find(stack: Stack, kind: str, name: str) -> Object:
    return next(t for t in stack.of(kind) if t["metadata"]["name"].startswith(name))


def walk(thing: Any, path: str) -> tuple[Any, Any]:  # noqa: ANN401 - any part of an object
    *steps, last = path.split("/")
    for step in steps:
        thing = thing[position(thing, step)]
    return thing, position(thing, last)


def position(thing: object, step: str) -> Any:  # noqa: ANN401 - a key or an index
    if not isinstance(thing, list):
        return step.replace("~", "/")
    if step.isdecimal():
        return int(step)
    return next(index for index, item in enumerate(thing) if item["name"] == step)


def add_secret(stack: Stack) -> None:
    metadata = {
        "name": "written-down",
        "namespace": "team1",
        "labels": {"app.kubernetes.io/part-of": "llm-observability"},
    }
    stack.objects.append(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": "b"}}
    )


def share_a_host(stack: Stack) -> None:
    for route in stack.of("Route"):
        route["spec"]["host"] = "one.example"


POD = "spec/template/spec"
SPREAD = f"{POD}/topologySpreadConstraints/0"
MLFLOW = f"{POD}/containers/mlflow"
AGENT = f"{POD}/containers/weather-agent"
COLLECTOR = f"{POD}/containers/otel-collector"
ROLLING = f"{POD}/initContainers/roll-on-rotation"
NAME = {"app.kubernetes.io/name": "mlflow"}

Break = tuple[
    str, Callable[[Stack], None], str
]  # a rule's name, the change that breaks it, words of its message
BREAKS: list[Break] = [
    ("objects_are_valid", put("Deployment", "mlflow", "spec/replica", 1), "Deployment kagenti-system/mlflow"),
    (
        "objects_are_valid",
        put("Deployment", "mlflow", f"{POD}/enableServiceLinks", "no"),
        "enableServiceLinks",
    ),
    ("objects_are_valid", put("HTTPRoute", "mlflow", "spec/rules/0/timeout", "1s"), "HTTPRoute"),
    (
        "objects_are_valid",
        put("HTTPRoute", "mlflow", "spec/rules/0/timeouts/request", "1 minute"),
        "timeouts",
    ),
    (
        "namespaces_enforce_restricted",
        put("Namespace", "team1", "metadata/labels", {"app.kubernetes.io/part-of": "llm-observability"}),
        "level None",
    ),
    (
        "pods_are_restricted",
        put("Deployment", "mlflow", f"{POD}/securityContext/runAsNonRoot", False),
        "root",
    ),
    ("pods_are_restricted", drop("Deployment", "mlflow", f"{POD}/securityContext/seccompProfile"), "seccomp"),
    ("pods_are_restricted", put("Deployment", "mlflow", f"{POD}/hostNetwork", True), "hostNetwork"),
    (
        "pods_are_restricted",
        put("Deployment", "model", f"{POD}/volumes/tmp", {"name": "tmp", "hostPath": {"path": "/"}}),
        "path /",
    ),
    (
        "containers_are_restricted",
        put("Deployment", "mlflow", f"{MLFLOW}/securityContext/readOnlyRootFilesystem", False),
        "writable",
    ),
    (
        "containers_are_restricted",
        drop("Deployment", "mlflow", f"{MLFLOW}/securityContext/capabilities"),
        "capabilities",
    ),
    (
        "containers_are_restricted",
        drop(
            "StatefulSet",
            "postgres",
            f"{POD}/initContainers/name-the-user/securityContext/allowPrivilegeEscalation",
        ),
        "name-the-user allows",
    ),
    (
        "users_fit_the_place",
        drop("Deployment", "phoenix", f"{POD}/securityContext/runAsUser"),
        "runAsUser None",
    ),
    (
        "users_fit_the_place",
        put("Deployment", "phoenix", f"{POD}/securityContext/runAsUser", 0),
        "runAsUser 0",
    ),
    (
        "resources_are_bounded",
        drop("Deployment", "mlflow", f"{POD}/initContainers/prepare/resources/limits/memory"),
        "prepare",
    ),
    (
        "probes_mean_something",
        drop("Deployment", "model", f"{POD}/containers/model/livenessProbe"),
        "livenessProbe",
    ),
    (
        "probes_mean_something",
        put("Deployment", "model", f"{POD}/containers/model/readinessProbe", {"tcpSocket": {"port": "http"}}),
        "readinessProbe",
    ),
    (
        "readiness_asks_the_database",
        put("Deployment", "mlflow", f"{MLFLOW}/readinessProbe/httpGet/path", "/health"),
        "mlflow",
    ),
    (
        "readiness_asks_the_database",
        put("Deployment", "phoenix", f"{POD}/containers/phoenix/readinessProbe/httpGet/path", "/healthz"),
        "phoenix",
    ),
    (
        "tokens_only_where_the_api_is_called",
        drop("ServiceAccount", "mlflow", "automountServiceAccountToken"),
        "ServiceAccount",
    ),
    (
        "tokens_only_where_the_api_is_called",
        put("Deployment", "model", f"{POD}/automountServiceAccountToken", True),
        "mounts a token",
    ),
    (
        "tokens_only_where_the_api_is_called",
        drop("Deployment", "model", f"{POD}/enableServiceLinks"),
        "Service addresses",
    ),
    (
        "tokens_only_where_the_api_is_called",
        put(
            "Deployment", "mlflow", f"{MLFLOW}/volumeMounts/tmp", {"name": "api-access", "mountPath": "/api"}
        ),
        "['prepare', 'mlflow']",
    ),
    (
        "every_component_has_its_account",
        put("Deployment", "phoenix", f"{POD}/serviceAccountName", "mlflow"),
        "shares",
    ),
    (
        "every_component_has_its_account",
        drop("Deployment", "phoenix", f"{POD}/serviceAccountName"),
        "default",
    ),
    (
        "failures_are_reported",
        drop("Deployment", "mlflow", f"{MLFLOW}/terminationMessagePolicy"),
        "container mlflow",
    ),
    (
        "images_are_pinned",
        put("Deployment", "mlflow", f"{MLFLOW}/image", "ghcr.io/mlflow/mlflow:latest"),
        "latest",
    ),
    (
        "images_are_pinned",
        put("Deployment", "mlflow", f"{MLFLOW}/image", "registry:5000/mlflow"),
        "no version",
    ),
    ("no_manifest_has_a_password", add_secret, "Secret team1/written-down"),
    (
        "no_manifest_has_a_password",
        put("Deployment", "mlflow", f"{MLFLOW}/env/PGPASSWORD", {"name": "PGPASSWORD", "value": "x"}),
        "PGPASSWORD",
    ),
    (
        "no_manifest_has_a_password",
        put(
            "Deployment",
            "mlflow",
            f"{MLFLOW}/env/MLFLOW_BACKEND_STORE_URI/value",
            "postgresql://mlflow:x@postgres/mlflow",
        ),
        "password in a URL",
    ),
    (
        "everything_is_labelled",
        put("Service", "mlflow", "metadata/labels", {}),
        "Service kagenti-system/mlflow",
    ),
    (
        "everything_is_labelled",
        put("Deployment", "model", "spec/selector/matchLabels/a", "b"),
        "selects by more",
    ),
    (
        "a_second_apply_changes_nothing",
        drop(
            "Deployment",
            "mlflow",
            f"{POD}/volumes/api-access/projected/sources/2/downwardAPI/items/0/fieldRef/apiVersion",
        ),
        "volume api-access",
    ),
    ("names_are_unique", duplicate("Service", "mlflow"), "Service kagenti-system/mlflow is there twice"),
    ("namespaces_are_given", drop("Service", "mlflow", "metadata/namespace"), "Service -/mlflow"),
    ("namespaces_are_given", put("Service", "mlflow", "metadata/namespace", "default"), "default/mlflow"),
    ("services_select_one_workload", put("Service", "mlflow", "spec/selector", {"app": "mlflow"}), "nothing"),
    ("services_select_one_workload", put("Service", "mlflow", "spec/ports/0/targetPort", "web"), "no port"),
    ("probes_ask_existing_ports", put("Deployment", "mlflow", f"{MLFLOW}/ports/0/name", "web"), "port http"),
    ("volumes_exist", drop("Deployment", "mlflow", f"{POD}/volumes/tmp"), "mounts tmp"),
    ("volumes_exist", drop("Deployment", "mlflow", f"{MLFLOW}/volumeMounts/artifacts"), "nobody mounts"),
    (
        "plugins_are_found",
        put("Deployment", "mlflow", f"{MLFLOW}/env/PYTHONPATH/value", ""),
        "does not find the plugin in /etc/mlflow-store",
    ),
    (
        "plugins_are_found",
        put("Deployment", "mlflow", f"{MLFLOW}/env/PYTHONPATH/value", "/etc/mlflow-store:/etc/none"),
        "has /etc/none in its PYTHONPATH",
    ),
    (
        "protocols_are_found",
        drop("Deployment", "mlflow", f"{MLFLOW}/env/MLFLOW_UVICORN_OPTS"),
        "it answers 40 ms late",
    ),
    (
        "protocols_are_found",
        drop("Deployment", "mlflow", f"{POD}/volumes/mlflow-store/configMap/items/1"),
        "names protocol no_delay",
    ),
    ("configmaps_exist", drop("ConfigMap", "prepare-mlflow"), "ConfigMap prepare-mlflow"),
    (
        "configmaps_exist",
        put("Deployment", "mlflow", f"{POD}/initContainers/prepare/env/EXPERIMENT_CONFIGMAP/value", "x"),
        "mlflow-experiment",
    ),
    (
        "configmaps_are_hashed_and_used",
        put("ConfigMap", "postgres-config", "metadata/name", "postgres-config"),
        "no hash",
    ),
    (
        "configmaps_are_hashed_and_used",
        put("ConfigMap", "postgres-config", "metadata/name", "left-0123456789"),
        "no pod",
    ),
    (
        "secrets_are_made",
        put(
            "StatefulSet",
            "postgres",
            f"{POD}/initContainers/create-secrets/args",
            ["postgres-admin=postgres"],
        ),
        "mlflow-database",
    ),
    (
        "secrets_are_made",
        put("Deployment", "mlflow", f"{MLFLOW}/env/PGUSER/valueFrom/secretKeyRef/key", "user"),
        "key user",
    ),
    (
        "databases_are_there_or_verified",
        put("Deployment", "phoenix", f"{POD}/containers/phoenix/env/PHOENIX_POSTGRES_HOST/value", "other"),
        "the database at other",
    ),
    (
        "the_database_has_room_for_all",
        put("Deployment", "mlflow", f"{MLFLOW}/args/2", "--workers=9"),
        "up to 132 connections",
    ),
    ("claims_exist_and_are_used", drop("PersistentVolumeClaim", "mlflow-artifacts"), "mlflow-artifacts"),
    (
        "claims_exist_and_are_used",
        put("Deployment", "mlflow", f"{POD}/volumes/artifacts", {"name": "artifacts", "emptyDir": {}}),
        "no pod",
    ),
    ("accounts_exist", drop("ServiceAccount", "mlflow"), "runs as ServiceAccount mlflow"),
    ("accounts_exist", drop("Role", "mlflow-publish-experiment"), "gives Role"),
    ("routes_lead_somewhere", put("HTTPRoute", "mlflow", "spec/rules/0/backendRefs/0/port", 80), "mlflow:80"),
    (
        "routes_lead_somewhere",
        put("HTTPRoute", "mlflow", "spec/parentRefs/0/name", "other"),
        "another Gateway",
    ),
    (
        "routes_lead_somewhere",
        put("HTTPRoute", "phoenix", "spec/hostnames", ["mlflow.localtest.me"]),
        "has the host",
    ),
    (
        "addresses_exist",
        put("Deployment", "weather-service", f"{AGENT}/env/MCP_URL/value", "http://tool:8000/mcp"),
        "MCP_URL",
    ),
    (
        "addresses_exist",
        put("ConfigMap", "weather-agent-model", "data/LLM_API_BASE", "http://model:8001/v1"),
        "LLM_API_BASE",
    ),
    (
        "references_come_after_their_variables",
        drop("Deployment", "mlflow", f"{MLFLOW}/env/ROUTE_HOST"),
        "$(ROUTE_HOST)",
    ),
    (
        "config_files_are_mounted",
        drop("Deployment", "otel-collector", f"{COLLECTOR}/volumeMounts/otel-collector-mlflow"),
        "mlflow.yaml",
    ),
    (
        "mounted_config_is_read",
        put("Deployment", "otel-collector", f"{COLLECTOR}/command", ["/otelcol-contrib"]),
        "mounts /etc/otelcol-mlflow",
    ),
    (
        "config_files_repeat_no_list",
        configure("mlflow.yaml", "service/extensions", ["health_check"]),
        "service.extensions",
    ),
    (
        "pipelines_name_what_is_there",
        configure("filter.yaml", "processors/filter~openinference_only", None),
        "filter",
    ),
    ("pipelines_name_what_is_there", configure("mlflow.yaml", "service/pipelines", {}), "in no pipeline"),
    (
        "pipelines_name_what_is_there",
        configure("base.yaml", "service/extensions", ["health_check"]),
        "file_storage",
    ),
    (
        "pipelines_see_the_same_spans",
        configure("phoenix-pipeline.yaml", "service/pipelines/traces~phoenix/processors", ["memory_limiter"]),
        "traces/phoenix",
    ),
    (
        "pipelines_see_the_same_spans",
        configure("phoenix-pipeline.yaml", "service/pipelines/traces~phoenix/receivers", []),
        "receives",
    ),
    (
        "a_guard_stands_before_each_backend",
        configure(
            "mlflow.yaml",
            "service/pipelines/traces~mlflow/processors",
            ["memory_limiter", "filter/openinference_only"],
        ),
        "without transform/mlflow_guard",
    ),
    (
        "a_guard_stands_before_each_backend",
        configure(
            "phoenix-pipeline.yaml",
            "service/pipelines/traces~phoenix/processors",
            ["memory_limiter", "filter/openinference_only"],
        ),
        "without transform/phoenix_guard",
    ),
    (
        "exporters_lose_nothing",
        configure("mlflow.yaml", "exporters/otlp_http~mlflow/sending_queue/storage", None),
        "storage",
    ),
    (
        "exporters_lose_nothing",
        configure("mlflow.yaml", "exporters/otlp_http~mlflow/retry_on_failure/max_elapsed_time", None),
        "gives up",
    ),
    (
        "exporters_lose_nothing",
        configure("mlflow.yaml", "exporters/otlp_http~mlflow/sending_queue/batch/flush_timeout", "10s"),
        "10s",
    ),
    (
        "the_verdict_can_read_the_collector",
        configure("base.yaml", "service/telemetry/metrics/level", "normal"),
        "normal",
    ),
    (
        "the_verdict_can_read_the_collector",
        configure("base.yaml", "service/telemetry/logs/sampling", None),
        "every retry",
    ),
    (
        "collector_ports_agree",
        configure("base.yaml", "receivers/otlp/protocols/http/endpoint", "0.0.0.0:4318"),
        "0.0.0.0:4318",
    ),
    (
        "collector_ports_agree",
        configure("base.yaml", "extensions/health_check/endpoint", "127.0.0.1:13133"),
        "127.0.0.1",
    ),
    (
        "collector_ports_agree",
        put("Service", "otel-collector", "spec/ports/otlp-receiver/targetPort", "otlp-grpc"),
        "port 8335",
    ),
    (
        "the_agent_reaches_the_receiver",
        put(
            "Deployment",
            "weather-service",
            f"{AGENT}/env/OTEL_EXPORTER_OTLP_ENDPOINT/value",
            "http://otel-collector.kagenti-system:4317",
        ),
        "4317",
    ),
    (
        "the_agent_reaches_the_receiver",
        put(
            "Deployment", "weather-service", f"{AGENT}/env/OTEL_INSTRUMENTATION_A2A_SDK_ENABLED/value", "true"
        ),
        "orphans",
    ),
    (
        "the_agent_reaches_the_receiver",
        drop("Deployment", "weather-service", f"{AGENT}/env/OTEL_EXPORTER_OTLP_PROTOCOL"),
        "PROTOCOL",
    ),
    (
        "replaced_pods_end_gracefully",
        drop("Deployment", "phoenix", f"{POD}/containers/phoenix/lifecycle"),
        "phoenix stops while it still gets requests",
    ),
    (
        "no_span_is_lost_in_a_roll_out",
        drop("Deployment", "weather-service", f"{AGENT}/env/OTEL_EXPORTER_OTLP_TIMEOUT"),
        "gives up",
    ),
    (
        "no_span_is_lost_in_a_roll_out",
        drop("Deployment", "otel-collector", f"{COLLECTOR}/lifecycle"),
        "still led to it",
    ),
    (
        "exporters_reach_their_backends",
        configure(
            "mlflow.yaml", "exporters/otlp_http~mlflow/traces_endpoint", "http://mlflow:5001/v1/traces"
        ),
        "5001",
    ),
    (
        "exporters_reach_their_backends",
        configure("mlflow.yaml", "exporters/otlp_http~mlflow/traces_endpoint", "http://mlflow:5000/"),
        "path /",
    ),
    (
        "mlflow_answers_to_its_names",
        put("HTTPRoute", "mlflow", "spec/hostnames", ["other.localtest.me"]),
        "ALLOWED_HOSTS",
    ),
    (
        "mlflow_answers_to_its_names",
        put("Deployment", "mlflow", f"{MLFLOW}/env/MLFLOW_SERVER_CORS_ALLOWED_ORIGINS/value", "*"),
        "CORS",
    ),
    (
        "mlflow_answers_to_its_names",
        configure(
            "mlflow.yaml",
            "exporters/otlp_http~mlflow/traces_endpoint",
            "http://mlflow.kagenti-system.example:5000/v1/traces",
        ),
        "the collector calls mlflow by the name mlflow.kagenti-system.example:5000",
    ),
    (
        "mlflow_answers_to_its_names",
        drop("Deployment", "mlflow", f"{MLFLOW}/readinessProbe/httpGet/httpHeaders"),
        "probe",
    ),
    (
        "the_experiment_is_one",
        put("Role", "mlflow-publish-experiment", "rules/1/resourceNames", ["x"]),
        "may not patch",
    ),
    (
        "the_experiment_is_one",
        put(
            "Deployment",
            "otel-collector",
            f"{COLLECTOR}/env/MLFLOW_EXPERIMENT_ID",
            {"name": "MLFLOW_EXPERIMENT_ID", "value": "1"},
        ),
        "takes the experiment's id",
    ),
    ("the_experiment_is_one", configure("mlflow.yaml", "exporters/otlp_http~mlflow/headers", {}), "without"),
]

# The same for a stack with these components on top.
TOPPED = Combination("kind", ("managed-postgres", "high-availability", "scale"))
TOPPED_BREAKS: list[Break] = [
    (
        "autoscalers_own_the_replicas",
        put("Deployment", "mlflow", "spec/replicas", 3),
        "resets its replicas",
    ),
    (
        "autoscalers_own_the_replicas",
        put("HorizontalPodAutoscaler", "mlflow", "spec/scaleTargetRef/name", "x"),
        "scales a workload that does not exist",
    ),
    (
        "scaled_servers_get_spans",
        configure("many-servers.yaml", "exporters/otlp_http~mlflow/disable_keep_alives", None),
        "gets servers that no connection reaches",
    ),
    (
        "scaled_servers_get_spans",
        configure("many-servers.yaml", "exporters/otlp_http~mlflow/sending_queue/num_consumers", 2),
        "has up to 24 workers, and gets 6 requests at once",
    ),
    (
        "databases_are_there_or_verified",
        put("Deployment", "mlflow", f"{MLFLOW}/env/PGSSLMODE/value", "require"),
        "a certificate of its name",
    ),
    (
        "databases_are_there_or_verified",
        drop("Deployment", "phoenix", f"{POD}/containers/phoenix/volumeMounts/managed-postgres"),
        "no authority",
    ),
    (
        "collectors_never_share_a_queue",
        put(
            "StatefulSet",
            "otel-collector",
            f"{POD}/volumes/otel-collector-mlflow",
            {"name": "queue", "persistentVolumeClaim": {"claimName": "one"}},
        ),
        "can have two pods, which share the queue",
    ),
    (
        "collectors_never_share_a_queue",
        configure("base.yaml", "extensions/file_storage/directory", "/tmp/queue"),  # noqa: S108 - that is the point
        "on no claim",
    ),
    (
        "several_pods_are_kept_apart",
        put("Deployment", "mlflow", f"{POD}/topologySpreadConstraints", []),
        "all of them on one node",
    ),
    (
        "several_pods_are_kept_apart",
        put("Deployment", "mlflow", f"{POD}/topologySpreadConstraints/0/whenUnsatisfiable", "DoNotSchedule"),
        "leaves one node",
    ),
    (
        "several_pods_are_kept_apart",
        put("Deployment", "mlflow", f"{POD}/topologySpreadConstraints/0/minDomains", 2),
        "a cluster of one node",
    ),
    (
        "several_pods_are_kept_apart",
        put("StatefulSet", "otel-collector", f"{SPREAD}/whenUnsatisfiable", "ScheduleAnyway"),
        "its claims then keep all of its pods",
    ),
    (
        "several_pods_are_kept_apart",
        drop("StatefulSet", "otel-collector", f"{SPREAD}/nodeTaintsPolicy"),
        "waits for nodes that take no pods",
    ),
    ("several_pods_are_kept_apart", drop("PodDisruptionBudget", "mlflow"), "no budget"),
    (
        "budgets_leave_room",
        put("PodDisruptionBudget", "mlflow", "spec", {"minAvailable": 3, "selector": {"matchLabels": NAME}}),
        "can never be evicted",
    ),
    ("budgets_leave_room", put("Deployment", "mlflow", "spec/template/metadata/labels", {}), "no workload"),
    (
        "budgets_leave_room",
        drop("PodDisruptionBudget", "mlflow", "spec/unhealthyPodEvictionPolicy"),
        "block a drain",
    ),
    (
        "replaced_pods_end_gracefully",
        drop("Deployment", "mlflow", f"{MLFLOW}/lifecycle"),
        "still gets requests",
    ),
    (
        "replaced_pods_end_gracefully",
        put("StatefulSet", "otel-collector", f"{POD}/terminationGracePeriodSeconds", 20),
        "less than 30 s",
    ),
    (
        "claims_go_with_the_stack",
        drop("StatefulSet", "otel-collector", "spec/persistentVolumeClaimRetentionPolicy"),
        "claims of its own",
    ),
]

# The same for a stack with components/mlflow-auth.
AUTH = Combination("kind", ("mlflow-auth",))
AUTH_BREAKS: list[Break] = [
    ("the_collector_logs_in", put("Deployment", "mlflow", f"{MLFLOW}/args/4", "--x"), "takes no login"),
    (
        "the_collector_logs_in",
        configure("login.yaml", "exporters/otlp_http~mlflow/auth", None),
        "wants a login of basic-auth, otlp_http/mlflow has None",
    ),
    (
        "the_collector_logs_in",
        put("Deployment", "otel-collector", f"{POD}/volumes/mlflow-login/secret/secretName", "mlflow-admin"),
        "{'name': 'mlflow-admin', 'key': 'password'}, MLflow's is",
    ),
    (
        "the_collector_logs_in",
        put("Deployment", "otel-collector", f"{COLLECTOR}/volumeMounts/mlflow-login/subPath", "password"),
        "{'name': None, 'key': 'username'}, MLflow's is",
    ),
    (
        "a_changed_secret_rolls_mlflow",
        put("Deployment", "mlflow", f"{ROLLING}/args", ["mlflow", "mlflow-admin"]),
        "watches mlflow-admin; mlflow uses",
    ),
    (
        "a_changed_secret_rolls_mlflow",
        put("Deployment", "mlflow", f"{ROLLING}/args/0", "otel-collector"),
        "rolls otel-collector and runs in mlflow",
    ),
    (
        "a_changed_secret_rolls_mlflow",
        drop("Deployment", "mlflow", f"{POD}/volumes/credentials/projected/sources/1"),
        "cannot see Secret mlflow-collector",
    ),
    (
        "a_changed_secret_rolls_mlflow",
        put("Role", "mlflow-roll-on-rotation", "rules/0/resourceNames", ["x"]),
        "may not roll mlflow",
    ),
    (
        "the_experiment_is_one",
        put("Deployment", "mlflow", f"{POD}/initContainers/prepare/env/EXPERIMENT_NAME/value", "x"),
        "experiment x",
    ),
    (
        "the_experiment_is_one",
        put("Deployment", "mlflow", f"{MLFLOW}/readinessProbe/exec/command/3", "x"),
        "but x is asked for",
    ),
    (
        "the_experiment_is_one",
        put("Deployment", "mlflow", f"{POD}/initContainers/create-users/env/EXPERIMENT_NAME/value", "x"),
        "but x is asked for",
    ),
    (
        "mlflow_answers_to_its_names",
        put("Deployment", "mlflow", f"{MLFLOW}/readinessProbe/exec/command/2", "localhost:5000"),
        "its readiness probe calls mlflow by the name localhost:5000",
    ),
    (
        "config_files_repeat_no_list",
        configure("login.yaml", "service/extensions", ["basicauth/mlflow"]),
        "login.yaml repeats service.extensions",
    ),
    (
        "secrets_are_made",
        put("StatefulSet", "postgres", f"{POD}/initContainers/create-secrets/args", ["mlflow-admin=admin"]),
        "waits for Secret mlflow-collector",
    ),
]


FOLLOW = f"{POD}/initContainers/follow-route"
OPENSHIFT_BREAKS: list[Break] = [
    ("objects_are_valid", drop("Route", "mlflow", "spec/wildcardPolicy"), "Route kagenti-system/mlflow"),
    ("objects_are_valid", put("Route", "mlflow", "spec/tls/termination", "passthrough"), "termination"),
    (
        "objects_are_valid",
        put("Route", "mlflow", "metadata/annotations/haproxy.router.openshift.io~timeout", "1 minute"),
        "timeout",
    ),
    (
        "users_fit_the_place",
        put("Deployment", "phoenix", f"{POD}/securityContext/fsGroup", 10001),
        "phoenix has fsGroup 10001",
    ),
    ("openshift_routes_lead_somewhere", put("Route", "mlflow", "spec/port/targetPort", "web"), "mlflow:web"),
    ("openshift_routes_lead_somewhere", put("Route", "mlflow", "spec/to/name", "server"), "server:http"),
    (
        "openshift_routes_lead_somewhere",
        share_a_host,
        "has the host one.example of Route kagenti-system/mlflow",
    ),
    (
        "mlflow_answers_to_its_names",
        put("Deployment", "mlflow", f"{MLFLOW}/env/MLFLOW_SERVER_ALLOWED_HOSTS/value", "*"),
        "ALLOWED_HOSTS ['*']",
    ),
    ("mlflow_follows_its_route", drop("Deployment", "mlflow", FOLLOW), "no sidecar"),
    ("mlflow_follows_its_route", drop("Deployment", "mlflow", f"{FOLLOW}/restartPolicy"), "no sidecar"),
    ("mlflow_follows_its_route", drop("Role", "mlflow-follow-route"), "may not read Route mlflow"),
    (
        "mlflow_follows_its_route",
        put("Deployment", "mlflow", f"{FOLLOW}/env/ROUTE/value", "phoenix"),
        "reads Route phoenix",
    ),
    (
        "mlflow_follows_its_route",
        put("Deployment", "mlflow", f"{MLFLOW}/env/ROUTE_HOST_FILE/value", "/other"),
        "reads /other",
    ),
    (
        "mlflow_follows_its_route",
        put("Deployment", "mlflow", f"{MLFLOW}/command", ["mlflow", "server"]),
        "does not pass the Route's host",
    ),
]


EVERY_BREAK: list[tuple[Combination, Break]] = [
    *((Combination("kind"), each) for each in BREAKS),
    *((TOPPED, each) for each in TOPPED_BREAKS),
    *((Combination("openshift"), each) for each in OPENSHIFT_BREAKS),
    *((AUTH, each) for each in AUTH_BREAKS),
]


@pytest.mark.parametrize(
    ("wanted", "breaking"),
    EVERY_BREAK,
    ids=[f"{wanted}-{rule}-{words}" for wanted, (rule, _, words) in EVERY_BREAK],
)
def test_a_broken_stack_breaks(
    wanted: Combination,
    breaking: Break,
    combination: Callable[[Combination], Stack],
) -> None:
    rule, change, words = breaking
    stack = copy.deepcopy(combination(wanted))
    change(stack)
    messages = list(next(each for each in RULES if each.__name__ == rule)(stack))
    assert any(words in message for message in messages), messages


def test_every_rule_is_broken_once() -> None:
    broken = {rule for _, (rule, _, _) in EVERY_BREAK}
    assert {rule.__name__ for rule in RULES} == broken


def test_every_container_is_seen(overlay: Callable[[str], Stack]) -> None:
    stack = overlay("kind")
    assert len(list(stack.containers())) == sum(len(all_containers(pod)) for _, pod in stack.pods()) > 10
