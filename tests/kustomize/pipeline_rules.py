"""Rules about a span's way: agent, collector, backends agree on names, ports, hosts and the experiment."""
# ruff: noqa: D401 - the first line of a rule states the rule

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.common.yaml_loader import load_yaml
from rendered import Object, Stack, plain_env, readiness, secrets_of

COLLECTOR = ("otel-collector", "kagenti-system")
FILTER = "filter/openinference_only"
TRANSFORM = "transform/genai_to_openinference"  # of components/genai-transform
LOGIN = "basicauth/mlflow"  # of components/mlflow-auth
TOKEN_LOGIN = "oauth2client/mlflow"  # noqa: S105 - a name, of components/mlflow-oidc
ADDED = (TRANSFORM, LOGIN, TOKEN_LOGIN)
PAUSE = 5  # seconds until every node knows that a pod has left its Service
SPANS_KEPT = 60  # seconds; the SDK's own limit of six tries comes first, after about 30
# By MLflow's app: what the exporter logs in with.
LOGINS = {"": None, "basic-auth": LOGIN, "keep-spans": TOKEN_LOGIN}


def collector(stack: Stack) -> Object | None:
    """Return the collector's workload: a Deployment or, where several have a queue each, a StatefulSet."""
    return stack.get("Deployment", *COLLECTOR) or stack.get("StatefulSet", *COLLECTOR)


def config_files(stack: Stack) -> dict[str, Object | None]:
    """Return the collector's --config files in their order: path and content (None: missing)."""
    workload = collector(stack)
    if workload is None:
        return {}
    pod = workload["spec"]["template"]["spec"]
    container = pod["containers"][0]
    configmaps = {v["name"]: v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v}
    mounts = {m["mountPath"]: configmaps.get(m["name"], "") for m in container["volumeMounts"]}
    files: dict[str, Object | None] = {}
    for argument in container["command"][1:]:
        folder, _, key = argument.removeprefix("--config=").rpartition("/")
        configmap = stack.get("ConfigMap", mounts.get(folder, ""), COLLECTOR[1]) or {"data": {}}
        text = configmap["data"].get(key)
        files[f"{folder}/{key}"] = None if text is None else load_yaml(text)
    return files


def merged_config(stack: Stack) -> Object:
    """Return the configuration the collector runs: maps merged, lists and values replaced, as it does it."""
    merged: Object = {}
    for config in config_files(stack).values():
        _merge(merged, config or {})
    return merged


def pipelines(stack: Stack) -> dict[str, Object]:
    """Return the collector's pipelines by name."""
    found: dict[str, Object] = merged_config(stack).get("service", {}).get("pipelines", {})
    return found


def config_files_are_mounted(stack: Stack) -> Iterator[str]:
    """Every --config file is a key of a ConfigMap mounted there."""
    for path, config in config_files(stack).items():
        if config is None:
            yield f"otel-collector has --config={path}, which is mounted nowhere"


def mounted_config_is_read(stack: Stack) -> Iterator[str]:
    """A ConfigMap of the collector's that its command does not name has no effect."""
    workload = collector(stack)
    if workload is None:
        return
    pod = workload["spec"]["template"]["spec"]
    configmaps = {volume["name"] for volume in pod["volumes"] if "configMap" in volume}
    read = {path.rpartition("/")[0] for path in config_files(stack)}
    for mount in pod["containers"][0]["volumeMounts"]:
        if mount["name"] in configmaps and mount["mountPath"] not in read:
            yield f"otel-collector mounts {mount['mountPath']}, but its command names no file of it"


def config_files_repeat_no_list(stack: Stack) -> Iterator[str]:
    """A list that two files have is silently the last one's, so only these three may come on top of one."""
    seen: dict[str, tuple[str, list[Any]]] = {}
    for path, config in config_files(stack).items():
        for key, items in _lists(config or {}):
            if key in seen and [item for item in items if item not in ADDED] != seen[key][1]:
                yield f"{path} repeats {key} of {seen[key][0]}: merging replaces lists"
            seen[key] = path, items


def pipelines_name_what_is_there(stack: Stack) -> Iterator[str]:
    """Every receiver, processor, exporter and extension named is defined, and every one defined is used."""
    config = merged_config(stack)
    if config and not pipelines(stack):
        yield "otel-collector has no pipeline and will not start"
    for kind in ("receivers", "processors", "exporters"):
        defined, used = set(config.get(kind, {})), set()
        for name, pipeline in pipelines(stack).items():
            used |= set(pipeline.get(kind, []))
            for missing in sorted(set(pipeline.get(kind, [])) - defined):
                yield f"pipeline {name} names {missing} among its {kind}, which is not defined"
        for idle in sorted(defined - used if pipelines(stack) else ()):
            yield f"{idle} is defined among the {kind} and in no pipeline"
    extensions = config.get("service", {}).get("extensions", [])
    for missing in sorted(set(extensions) ^ set(config.get("extensions", {}))):
        yield f"extension {missing} is not both defined and in service.extensions"


def pipelines_see_the_same_spans(stack: Stack) -> Iterator[str]:
    """Every backend gets what the same receiver accepted and the same filter kept."""
    transforms = TRANSFORM in merged_config(stack).get("processors", {})
    begin = ["memory_limiter", *([TRANSFORM] if transforms else []), FILTER]
    for name, pipeline in pipelines(stack).items():
        receivers, processors = pipeline.get("receivers"), pipeline.get("processors", [])
        if receivers != ["otlp"]:
            yield f"pipeline {name} receives from {receivers}, not from otlp alone"
        if processors[: len(begin)] != begin:
            yield f"pipeline {name} does not begin with {' and '.join(begin)}: {processors}"


def a_guard_stands_before_each_backend(stack: Stack) -> Iterator[str]:
    """One text that a backend rejects costs the whole batch, so a guard is the last processor before it."""
    for name, pipeline in pipelines(stack).items():
        for backend in ("mlflow", "phoenix"):
            guard = f"transform/{backend}_guard"
            exports = f"otlp_http/{backend}" in pipeline.get("exporters", ())
            if exports and pipeline["processors"][-1] != guard:
                yield f"pipeline {name} exports to {backend} without {guard} as its last processor"


def exporters_lose_nothing(stack: Stack) -> Iterator[str]:
    """A queue on disk that is counted in spans, a full one that waits, and retries without end."""
    for name, exporter in merged_config(stack).get("exporters", {}).items():
        queue = exporter.get("sending_queue", {})
        wanted = {"storage": "file_storage", "sizer": "items", "block_on_overflow": True}
        for key, value in wanted.items():
            if queue.get(key) != value:
                yield f"{name} has sending_queue.{key} {queue.get(key)}, not {value}"
        if exporter.get("retry_on_failure", {}).get("max_elapsed_time") != 0:
            yield f"{name} gives up after a while: retry_on_failure.max_elapsed_time must be 0"
        wait = str(queue.get("batch", {}).get("flush_timeout", "0s"))
        if wait not in ("0s", "200ms", "500ms", "1s"):
            yield f"{name} delays spans by {wait}; a trace must be visible about a second after its end"


def the_verdict_can_read_the_collector(stack: Stack) -> Iterator[str]:
    """Only metrics at level detailed show the cause of a loss, and sampled logs hide whose it was."""
    telemetry = merged_config(stack).get("service", {}).get("telemetry", {})
    if not telemetry:
        return
    if telemetry["metrics"].get("level") != "detailed":
        yield f"otel-collector has metrics at level {telemetry['metrics'].get('level')}, not detailed"
    logs = telemetry["logs"]
    if logs.get("level") != "info" or logs.get("sampling", {}).get("enabled") is not False:
        yield f"otel-collector does not log every retry: {logs}"


def collector_ports_agree(stack: Stack) -> Iterator[str]:
    """What the configuration listens on is what the container declares and the Service leads to."""
    config, workload = merged_config(stack), collector(stack)
    if not config or workload is None:
        return
    ports = {
        p["name"]: p["containerPort"] for p in workload["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    protocols = config["receivers"]["otlp"]["protocols"]
    reader = config["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    listening = {
        "otlp-grpc": protocols["grpc"]["endpoint"],
        "otlp-http": protocols["http"]["endpoint"],
        "health": config["extensions"]["health_check"]["endpoint"],
        "metrics": f"{reader['host']}:{reader['port']}",
    }
    for name, endpoint in listening.items():
        if endpoint != f"0.0.0.0:{ports.get(name)}":
            yield f"otel-collector listens on {endpoint} but its container port {name} is {ports.get(name)}"
    for port, name in ((4317, "otlp-grpc"), (4318, "otlp-http"), (8335, "otlp-http")):
        if stack.service_target(*COLLECTOR, port) != ports.get(name):
            yield f"Service otel-collector port {port} does not lead to {name}"


def the_agent_reaches_the_receiver(stack: Stack) -> Iterator[str]:
    """The agent's OTLP endpoint speaks HTTP and leads to the receiver's HTTP port."""
    found = stack.container("weather-agent")
    if found is None or collector(stack) is None:
        return
    environment = plain_env(found[1])
    url = urlsplit(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    service, _, rest = (url.hostname or "").partition(".")
    if stack.service_target(service, rest.partition(".")[0], url.port or 0) != _http_port(stack):
        yield f"the agent sends to {url.geturl()}, which is not the collector's OTLP HTTP receiver"
    if environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") != "http/protobuf":
        yield "the agent does not say OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    if environment.get("OTEL_INSTRUMENTATION_A2A_SDK_ENABLED") != "false":
        yield "the agent's A2A SDK makes spans: the filter drops them and orphans what is below"


def no_span_is_lost_in_a_roll_out(stack: Stack) -> Iterator[str]:
    """A collector receives until nobody is led to it; the agent keeps its spans until the next one does."""
    workload, found = collector(stack), stack.container("weather-agent")
    if workload is None:
        return
    container = workload["spec"]["template"]["spec"]["containers"][0]
    if container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) < PAUSE:
        yield f"otel-collector ends less than {PAUSE} s after it is deleted, while agents are still led to it"
    if found is not None:
        environment = plain_env(found[1])
        if float(environment.get("OTEL_EXPORTER_OTLP_TIMEOUT", "10")) < SPANS_KEPT:
            yield f"the agent's exporter gives up before {SPANS_KEPT} s"


def exporters_reach_their_backends(stack: Stack) -> Iterator[str]:
    """An exporter's address is a Service's port, and POST /v1/traces is what both backends take."""
    for name, exporter in merged_config(stack).get("exporters", {}).items():
        url = urlsplit(exporter.get("traces_endpoint", ""))
        if stack.service_target(url.hostname or "", COLLECTOR[1], url.port or 80) is None:
            yield f"{name} sends to {url.geturl()}, which is no Service's port"
        if url.path != "/v1/traces":
            yield f"{name} sends to path {url.path}, not /v1/traces"


def mlflow_service(stack: Stack) -> str:
    """Return the name of the Service that leads to MLflow."""
    (name,) = (
        service["metadata"]["name"]
        for service in stack.of("Service")
        for workload in stack.selected_by(service)
        if workload["spec"]["template"]["spec"]["containers"][0]["name"] == "mlflow"
    )
    return str(name)


def mlflow_answers_to_its_names(stack: Stack) -> Iterator[str]:
    """MLflow's allowed hosts are its Service's names and the route's, this with any port, and no other."""
    found = stack.container("mlflow")
    if found is None:
        return
    environment = plain_env(found[1], found[0])
    service = mlflow_service(stack)
    route = stack.get("HTTPRoute", service, found[0])
    suffixes = ("", f".{found[0]}", f".{found[0]}.svc", f".{found[0]}.svc.cluster.local")
    hosts = {f"{service}{suffix}:5000" for suffix in suffixes}
    origins = {f"http://{service}{suffixes[-1]}:5000"}
    if route is not None:
        names = {route["spec"]["hostnames"][0], f"{route['spec']['hostnames'][0]}:*"}
        hosts |= names
        origins |= {f"{scheme}://{name}" for scheme in ("http", "https") for name in names}
    for variable, wanted in (
        ("MLFLOW_SERVER_ALLOWED_HOSTS", hosts),
        ("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", origins),
    ):
        given = set(filter(None, environment.get(variable, "").split(",")))
        if given != wanted:
            yield f"mlflow has {variable} {sorted(given)}, but is reached by {sorted(wanted)}"
    exporter = merged_config(stack).get("exporters", {}).get("otlp_http/mlflow")
    for who, name in (
        (
            "the collector",
            urlsplit(exporter.get("traces_endpoint", "")).netloc if exporter else f"{service}:5000",
        ),
        ("its readiness probe", readiness(found[1])[1]),
    ):
        if name not in hosts:
            yield f"{who} calls mlflow by the name {name}, which MLflow answers with 403"


def mlflow_follows_its_route(stack: Stack) -> Iterator[str]:
    """Only the cluster knows a Route's host: a sidecar reads it there and passes it to the server."""
    found = stack.container("mlflow")
    route = stack.get("Route", "mlflow", found[0]) if found else None
    if found is None or route is None:
        return
    sidecar = stack.container("follow-route")
    if sidecar is None or sidecar[1].get("restartPolicy") != "Always":
        yield "no sidecar follows Route mlflow, so the server does not get its host"
        return
    reading = {"apiGroups": ["route.openshift.io"], "resources": ["routes"], "verbs": ["get"]}
    wanted = reading | {"resourceNames": [plain_env(sidecar[1]).get("ROUTE")]}
    if wanted["resourceNames"] != ["mlflow"]:
        yield f"follow-route reads Route {wanted['resourceNames'][0]}, not mlflow"
    if not any(wanted in role["rules"] for role in stack.of("Role")):
        yield f"follow-route may not read Route {wanted['resourceNames'][0]}"
    written, read = (plain_env(container).get("ROUTE_HOST_FILE") for _, container in (sidecar, found))
    if written != read:
        yield f"follow-route writes {written}, the server reads {read}"
    if found[1]["command"][:2] != ["bash", "/route/scripts/with-route-host.sh"]:
        yield f"the server is started by {found[1]['command']}, which does not pass the Route's host"


def the_experiment_is_one(stack: Stack) -> Iterator[str]:
    """What prepare creates is what users may write to, readiness asks for, and the collector sends to."""
    prepare, mlflow = stack.container("prepare"), stack.container("mlflow")
    if prepare is None or mlflow is None:
        return
    environment = plain_env(prepare[1])
    query = parse_qs(urlsplit(readiness(mlflow[1])[0]).query)
    create_users = stack.container("create-users")
    granted = [plain_env(create_users[1])["EXPERIMENT_NAME"]] if create_users else []
    for asked in query.get("experiment_name", []) + granted:
        if asked != environment["EXPERIMENT_NAME"]:
            yield f"prepare makes experiment {environment['EXPERIMENT_NAME']}, but {asked} is asked for"
    published = environment["EXPERIMENT_CONFIGMAP"]
    rules = [rule for role in stack.of("Role") for rule in role["rules"] if "configmaps" in rule["resources"]]
    if not any(rule.get("resourceNames") == [published] and rule["verbs"] == ["patch"] for rule in rules):
        yield f"prepare may not patch ConfigMap {published}"
    exporter: dict[str, Any] | None = merged_config(stack).get("exporters", {}).get("otlp_http/mlflow")
    collector = stack.container("otel-collector")
    if exporter is None or collector is None:
        return
    source = {v["name"]: v.get("valueFrom", {}) for v in collector[1]["env"]}.get("MLFLOW_EXPERIMENT_ID", {})
    if source.get("configMapKeyRef") != {"name": published, "key": "experiment-id"}:
        yield f"the collector takes the experiment's id from {source}, not from {published}"
    if exporter.get("headers", {}).get("x-mlflow-experiment-id") != "${env:MLFLOW_EXPERIMENT_ID}":
        yield f"otlp_http/mlflow sends the headers {exporter.get('headers')}, without the published id"


def the_collector_logs_in(stack: Stack) -> Iterator[str]:
    """Where MLflow wants a login the exporter has the Secret's that MLflow has, and sees it change.

    The kubelet does not change files that are mounted by subPath.
    """
    exporter, workload = merged_config(stack).get("exporters", {}).get("otlp_http/mlflow"), collector(stack)
    mlflow, users = stack.container("mlflow"), stack.container("create-users")
    if exporter is None or workload is None or mlflow is None:
        return
    app = "".join(a.removeprefix("--app-name=") for a in mlflow[1]["args"] if a.startswith("--app-name="))
    has = exporter.get("auth", {}).get("authenticator")
    if has != LOGINS.get(app, "unknown"):
        yield f"mlflow {f'wants a login of {app}' if app else 'takes no login'}, otlp_http/mlflow has {has}"
    if users is None:
        return
    pod = workload["spec"]["template"]["spec"]
    secrets = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    mounts = {m["mountPath"]: m["name"] for m in pod["containers"][0]["volumeMounts"] if "subPath" not in m}
    known = {v["name"]: v.get("valueFrom", {}).get("secretKeyRef") for v in users[1]["env"]}
    login = merged_config(stack).get("extensions", {}).get(LOGIN, {}).get("client_auth", {})
    for key in ("username", "password"):
        folder, _, file = login.get(f"{key}_file", "").rpartition("/")
        source = {"name": secrets.get(mounts.get(folder, "")), "key": file}
        if source != known[f"COLLECTOR_{key.upper()}"]:
            yield f"the collector's {key} is {source}, MLflow's is {known[f'COLLECTOR_{key.upper()}']}"


def a_changed_secret_rolls_mlflow(stack: Stack) -> Iterator[str]:
    """roll-on-rotation watches every Secret that its pods use, sees it, and may roll them."""
    for workload, pod in stack.pods():
        found = next((c for c in pod.get("initContainers", []) if c["name"] == "roll-on-rotation"), None)
        if found is None:
            continue
        name, *watched = found["args"]
        if name != workload["metadata"]["name"]:
            yield f"roll-on-rotation rolls {name} and runs in {workload['metadata']['name']}"
        # An administrator's password is PostgreSQL's own: it is changed there first.
        admins = {"postgres-admin", "managed-postgres"}
        used = secrets_of(pod) - admins
        if set(watched) != used:
            yield f"roll-on-rotation watches {', '.join(watched)}; {name} uses {', '.join(sorted(used))}"
        volume = next(v for v in pod["volumes"] if v["name"] == "credentials")
        for secret in sorted(used - secrets_of(volume)):
            yield f"roll-on-rotation cannot see Secret {secret}"
        rules = [rule for role in stack.of("Role") for rule in role["rules"] if "patch" in rule["verbs"]]
        if not any(name in rule.get("resourceNames", []) and rule["apiGroups"] == ["apps"] for rule in rules):
            yield f"roll-on-rotation may not roll {name}"


def _http_port(stack: Stack) -> int:
    endpoint = merged_config(stack)["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    return int(endpoint.rpartition(":")[2])


def _merge(into: Object, other: Object) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _lists(config: Object, prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _lists(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", value


RULES = (
    config_files_are_mounted,
    mounted_config_is_read,
    config_files_repeat_no_list,
    pipelines_name_what_is_there,
    pipelines_see_the_same_spans,
    a_guard_stands_before_each_backend,
    exporters_lose_nothing,
    the_verdict_can_read_the_collector,
    collector_ports_agree,
    the_agent_reaches_the_receiver,
    no_span_is_lost_in_a_roll_out,
    exporters_reach_their_backends,
    mlflow_answers_to_its_names,
    mlflow_follows_its_route,
    the_experiment_is_one,
    the_collector_logs_in,
    a_changed_secret_rolls_mlflow,
)
