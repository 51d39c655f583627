"""Rules about pods that come and go: what they share, how many may be away, how one ends."""
# ruff: noqa: D401 - the first line of a rule states the rule

import re
from collections.abc import Iterator

import pipeline_rules
from rendered import Object, Stack, name_of, plain_env, pod_template

POOL = {"POOL_SIZE": 5, "MAX_OVERFLOW": 10}  # SQLAlchemy's defaults: connections of one pool
POOLS = 2  # of one MLflow worker: its stores of traces and of models have one each, for the same database
STARTING = 2  # connections in each pool of the process that starts the workers; 3 in all were seen
OTHER_CONNECTIONS = 20  # connections of Phoenix (15 by the same defaults), of init containers and of people
MAX_CONNECTIONS, RESERVED = 100, 3  # PostgreSQL's defaults


def collectors_never_share_a_queue(stack: Stack) -> Iterator[str]:
    """Two collectors on one queue directory: the second fails to start. And a queue outlives its pod."""
    workload = pipeline_rules.collector(stack)
    directory = (
        pipeline_rules.merged_config(stack).get("extensions", {}).get("file_storage", {}).get("directory", "")
    )
    if workload is None or not directory:
        return
    pod = pod_template(workload)["spec"]
    holding = [
        mount
        for mount in pod["containers"][0]["volumeMounts"]
        if f"{directory}/".startswith(f"{mount['mountPath'].rstrip('/')}/")
    ]
    name = max(holding, key=lambda mount: len(mount["mountPath"]))["name"] if holding else None
    own = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    shared = {volume["name"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume}
    if name not in own | shared:
        yield f"{name_of(workload)} has its queue in {directory}, on no claim: it is lost with the pod"
    if name in shared and _most_at_once(workload) > 1:
        yield f"{name_of(workload)} can have two pods, which share the queue in {directory}"


def several_pods_are_kept_apart(stack: Stack) -> Iterator[str]:
    """Several replicas are spread over nodes, where there are some, and a budget lets one go at a time."""
    for workload, pod in stack.pods():
        if replicas(stack, workload) < 2:
            continue
        constraints = pod.get("topologySpreadConstraints", [])
        if "kubernetes.io/hostname" not in [each["topologyKey"] for each in constraints]:
            yield f"{name_of(workload)} has several replicas and may have all of them on one node of many"
        yield from _problems_of_spread(workload, constraints)
        budgets = stack.of("PodDisruptionBudget")
        if not any(workload in _workloads_of(stack, budget) for budget in budgets):
            yield f"{name_of(workload)} has several replicas and no budget: a drain may take all at once"


def _problems_of_spread(workload: Object, constraints: list[Object]) -> Iterator[str]:
    """A claim of its own keeps a pod where it first ran: those are kept apart. Others run where they can."""
    own_claims = "volumeClaimTemplates" in workload["spec"]
    for each in constraints:
        hard = each["whenUnsatisfiable"] == "DoNotSchedule"
        if own_claims and not hard:
            yield f"{name_of(workload)} may begin on one node, where its claims then keep all of its pods"
        if hard and not own_claims:
            yield f"{name_of(workload)} does not run where its claim, or the lack of room, leaves one node"
        if hard and each.get("nodeTaintsPolicy") != "Honor":
            yield f"{name_of(workload)} waits for nodes that take no pods"
        if "minDomains" in each:
            yield f"{name_of(workload)} does not start on a cluster of one node"


def budgets_leave_room(stack: Stack) -> Iterator[str]:
    """A budget is of one workload and allows an eviction when all is well, or its node cannot be drained."""
    for budget in stack.of("PodDisruptionBudget"):
        found = _workloads_of(stack, budget)
        if len(found) != 1:
            yield f"{name_of(budget)} is of {[name_of(each) for each in found] or 'no workload'}"
            continue
        room = budget["spec"].get(
            "maxUnavailable", replicas(stack, found[0]) - budget["spec"].get("minAvailable", 0)
        )
        if not isinstance(room, int) or room < 1:
            yield f"{name_of(budget)} leaves no room: {name_of(found[0])} can never be evicted"
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{name_of(budget)} lets a pod that is not Ready block a drain"


def replaced_pods_end_gracefully(stack: Stack) -> Iterator[str]:
    """A pod that ends still gets requests: it serves a moment longer, then has time to end."""
    for workload, pod in stack.pods():
        if workload["kind"] != "Deployment" and replicas(stack, workload) < 2:
            continue
        for container in pod["containers"]:
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if pause < 1:
                yield f"{name_of(workload)} container {container['name']} stops while it still gets requests"
            if pod.get("terminationGracePeriodSeconds", 30) < pause + 30:
                yield f"{name_of(workload)} container {container['name']} has less than 30 s to end"


def claims_go_with_the_stack(stack: Stack) -> Iterator[str]:
    """`kubectl delete -k` removes claims of templates too, and scaling down keeps what is queued in them."""
    for workload in stack.of("StatefulSet"):
        policy = workload["spec"].get("persistentVolumeClaimRetentionPolicy", {})
        wanted = {"whenDeleted": "Delete", "whenScaled": "Retain"}
        if workload["spec"].get("volumeClaimTemplates") and policy != wanted:
            yield f"{name_of(workload)} has claims of its own, retained by {policy}, not {wanted}"


def autoscalers_own_the_replicas(stack: Stack) -> Iterator[str]:
    """An autoscaler's workload exists, and sets no number that the next apply would reset."""
    for scaler in stack.of("HorizontalPodAutoscaler"):
        scaled = [workload for workload, _ in stack.pods() if _is_scaled_by(workload, scaler)]
        if not scaled:
            yield f"{name_of(scaler)} scales a workload that does not exist"
        for workload in scaled:
            if "replicas" in workload["spec"]:
                yield f"{name_of(workload)} is scaled by load, and each apply resets its replicas"


def scaled_servers_get_spans(stack: Stack) -> Iterator[str]:
    """The collectors send to every worker that an autoscaler may start, and keep no connection."""
    collector = pipeline_rules.collector(stack)
    exporter = pipeline_rules.merged_config(stack).get("exporters", {}).get("otlp_http/mlflow")
    if collector is None or exporter is None:
        return
    at_once = replicas(stack, collector) * exporter.get("sending_queue", {}).get("num_consumers", 0)
    for scaler in stack.of("HorizontalPodAutoscaler"):
        for mlflow in (each for each, _ in stack.pods() if _is_scaled_by(each, scaler)):
            if not exporter.get("disable_keep_alives"):
                yield f"{name_of(mlflow)} gets servers that no connection reaches which the collectors keep"
            workers = scaler["spec"]["maxReplicas"] * _workers(pod_template(mlflow)["spec"]["containers"][0])
            if at_once < workers:
                yield f"{name_of(mlflow)} has up to {workers} workers, and gets {at_once} requests at once"


def _workers(mlflow: Object) -> int:
    """Return how many processes answer in one of MLflow's pods."""
    return int(re.findall(r"--workers=(\d+)", " ".join(mlflow["args"]))[0])


def the_database_has_room_for_all(stack: Stack) -> Iterator[str]:
    """Every connection that all servers may open at once fits into PostgreSQL's own limit."""
    server, found = stack.container("postgres"), stack.get("Deployment", "mlflow", "kagenti-system")
    if server is None or found is None:
        return
    limit = re.search(r"max_connections=(\d+)", " ".join(server[1].get("args", [])))
    mlflow = next(c for c in found["spec"]["template"]["spec"]["containers"] if c["name"] == "mlflow")
    environment = plain_env(mlflow)
    each = sum(
        int(environment.get(f"MLFLOW_SQLALCHEMYSTORE_{name}", default)) for name, default in POOL.items()
    )
    workers = _workers(mlflow)
    scalers = [s for s in stack.of("HorizontalPodAutoscaler") if _is_scaled_by(found, s)]
    pods = max([_most_at_once(found), *(s["spec"]["maxReplicas"] + 1 for s in scalers)])
    # The users of a login have a database, and a pool.
    pools = POOLS + ("llm-observability/login" in found["metadata"].get("annotations", {}))
    wanted = pods * pools * (workers * each + STARTING) + OTHER_CONNECTIONS
    if wanted > int(limit[1] if limit else MAX_CONNECTIONS) - RESERVED:
        yield f"up to {wanted} connections are opened at once, PostgreSQL takes {limit[1] if limit else 100}"


def replicas(stack: Stack, workload: Object) -> int:
    """Return how many pods a workload has at least when all is well."""
    for scaler in stack.of("HorizontalPodAutoscaler"):
        if _is_scaled_by(workload, scaler):
            return int(scaler["spec"]["minReplicas"])
    return int(workload["spec"].get("replicas", 1))


def _most_at_once(workload: Object) -> int:
    """Return how many pods there can be at a time: one more where an update brings the new one first."""
    asked = int(workload["spec"].get("replicas", 1))
    surges = (
        workload["kind"] == "Deployment" and workload["spec"].get("strategy", {}).get("type") != "Recreate"
    )
    return asked + int(surges)


def _workloads_of(stack: Stack, budget: Object) -> list[Object]:
    """Return the workloads whose pods a budget selects."""
    selector = budget["spec"]["selector"]["matchLabels"].items()
    return [
        workload
        for workload, _ in stack.pods()
        if workload["metadata"]["namespace"] == budget["metadata"]["namespace"]
        and selector <= pod_template(workload)["metadata"]["labels"].items()
    ]


def _is_scaled_by(workload: Object, scaler: Object) -> bool:
    target = scaler["spec"]["scaleTargetRef"]
    return (target["kind"], target["name"], scaler["metadata"]["namespace"]) == (
        workload["kind"],
        workload["metadata"]["name"],
        workload["metadata"]["namespace"],
    )


RULES = (
    collectors_never_share_a_queue,
    several_pods_are_kept_apart,
    budgets_leave_room,
    replaced_pods_end_gracefully,
    claims_go_with_the_stack,
    autoscalers_own_the_replicas,
    scaled_servers_get_spans,
    the_database_has_room_for_all,
)
