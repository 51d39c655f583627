"""Rules about network policies: they allow what the stack's components need, and deny everything else."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from network.policies import End, decide
from pipeline_rules import COLLECTOR, collector, merged_config
from reference_rules import configmap_env
from rendered import Object, Stack, all_containers, name_of, plain_env, pod_template

NAMESPACE = "kubernetes.io/metadata.name"
# Any address of the cluster's own, and one that is nobody's here (RFC 5737).
INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.1"
# Where a gateway's pods may be: Traefik's own namespace, the Gateway's, OpenShift's router.
GATEWAY = "gateway"
GATEWAYS = (
    End(GATEWAY, INSIDE, "traefik", {"app.kubernetes.io/name": "traefik"}, {NAMESPACE: "traefik"}),
    End(
        GATEWAY,
        INSIDE,
        "kagenti-system",
        {"gateway.networking.k8s.io/gateway-name": "http"},
        {NAMESPACE: "kagenti-system"},
    ),
    End(GATEWAY, INSIDE, "openshift-ingress", {}, {"policy-group.network.openshift.io/ingress": ""}),
)
# Service, namespace and port of what people open, with or without a route in the stack.
OPENED = (
    ("mlflow", "kagenti-system", 5000),
    ("phoenix", "kagenti-system", 6006),
    ("weather-service", "team1", 8080),
)
DNS = End("DNS", INSIDE, "kube-system", {"k8s-app": "kube-dns"}, {NAMESPACE: "kube-system"})
API_SERVER = End("API server", INSIDE)
WORLD = End("outside", OUTSIDE)
API_PORT, DNS_PORT = 6443, 53
# An annotation of workloads that have a policy of their own where there is no default-deny.
OWN_POLICY = "llm-observability/network-policy"
# A pod can have any label, but it cannot choose its namespace.
ELSEWHERE = End(
    "another namespace", INSIDE, "other", {"app.kubernetes.io/name": "weather-agent"}, {NAMESPACE: "other"}
)


@dataclass(frozen=True)
class Flow:
    """A connection: the names of its ends and the target's port."""

    source: str
    target: str
    port: int

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{self.source} -> {self.target}:{self.port}"


def policies(stack: Stack) -> list[Object]:
    """Return the stack's NetworkPolicies."""
    return list(stack.of("NetworkPolicy"))


def end_of(workload: Object) -> End:
    """Return a workload's pods as an end of a connection."""
    template, namespace = pod_template(workload), workload["metadata"]["namespace"]
    listed = [port for container in template["spec"]["containers"] for port in container.get("ports", ())]
    ports = {port["name"]: port["containerPort"] for port in listed}
    return End(
        name_of(workload), INSIDE, namespace, template["metadata"]["labels"], {NAMESPACE: namespace}, ports
    )


def needed(stack: Stack) -> set[Flow]:
    """Return the connections that the stack's manifests ask for."""
    found: set[Flow] = set()
    for workload, pod in stack.pods():
        name, namespace = name_of(workload), workload["metadata"]["namespace"]
        for container in all_containers(pod):
            for service, where, port in _addresses(stack, container, namespace):
                found |= _to_service(stack, name, service, where, port)
        if "serviceAccountToken" in str(pod.get("volumes")):
            found.add(Flow(name, API_SERVER.name, API_PORT))
    sender = collector(stack)
    if sender is not None:
        for exporter in merged_config(stack).get("exporters", {}).values():
            url = urlsplit(exporter.get("traces_endpoint", ""))
            service, port = url.hostname or "", url.port or 80
            found |= _to_service(stack, name_of(sender), service, COLLECTOR[1], port)
    callers = {flow.source for flow in found}  # by name
    routed = [
        (backend["name"], route["metadata"]["namespace"], backend["port"])
        for route in stack.of("HTTPRoute")
        for rule in route["spec"]["rules"]
        for backend in rule["backendRefs"]
    ]
    for service, namespace, port in (*OPENED, *routed):
        found |= _to_service(stack, GATEWAY, service, namespace, port)
    return found | {Flow(caller, DNS.name, DNS_PORT) for caller in callers}


def _addresses(stack: Stack, container: Object, namespace: str) -> Iterator[tuple[str, str, int]]:
    """Yield Service, namespace and port of all that a container's environment names as addresses."""
    environment = plain_env(container) | configmap_env(stack, container, namespace)
    for value in environment.values():
        url = urlsplit(value)
        if url.scheme == "http" and url.hostname and "," not in value:
            service, _, rest = url.hostname.partition(".")
            yield service, rest.partition(".")[0] or namespace, url.port or 80
    for prefix in ("PG", "PHOENIX_POSTGRES_"):
        if f"{prefix}HOST" in environment:
            yield environment[f"{prefix}HOST"], namespace, int(environment[f"{prefix}PORT"])


def _to_service(stack: Stack, source: str, service: str, namespace: str, port: int) -> set[Flow]:
    """Return the connections to the pods behind a Service's port, none to oneself."""
    found, target = stack.get("Service", service, namespace), stack.service_target(service, namespace, port)
    if found is None or target is None:
        return set()
    names = {name_of(workload) for workload in stack.selected_by(found)} - {source}
    return {Flow(source, name, target) for name in names}


def possible(stack: Stack) -> Iterator[tuple[Flow, bool, str]]:
    """Yield every connection to a port that is listened on, whether it is allowed, and why."""
    workloads = [end_of(workload) for workload, _ in stack.pods()]
    known = policies(stack)
    targets = [(end, port) for end in workloads for port in end.ports.values()]
    targets += [(DNS, DNS_PORT), (API_SERVER, API_PORT), (WORLD, 443), (WORLD, 80)]
    for source in (*workloads, *GATEWAYS, ELSEWHERE):
        for target, port in targets:
            if source is not target:
                decisions = decide(known, source, target, port, "UDP" if target is DNS else "TCP")
                is_allowed = all(decision.is_allowed for decision in decisions)
                yield Flow(source.name, target.name, port), is_allowed, "; ".join(map(str, decisions))


def needed_flows_are_allowed(stack: Stack) -> Iterator[str]:
    """Whatever a component of the stack calls is allowed."""
    wanted = needed(stack)
    for flow, is_allowed, why in possible(stack):
        if flow in wanted and not is_allowed:
            yield f"{flow} is needed, but {why}"


def guarded(stack: Stack) -> set[str]:
    """Return the names of the workloads that have a policy of their own, where others have none."""
    return {
        name_of(workload)
        for workload, _ in stack.pods()
        if OWN_POLICY in workload["metadata"].get("annotations", {})
    }


def nothing_else_is_allowed(stack: Stack) -> Iterator[str]:
    """Where there are policies, they allow the needed connections and no other.

    Where only some workloads are guarded, that is said of the connections to them.
    """
    if not policies(stack):
        return
    wanted, alone = needed(stack), guarded(stack)
    free = {GATEWAY, ELSEWHERE.name}  # what these send is not this stack's concern
    others = {DNS.name, API_SERVER.name, WORLD.name}
    for flow, is_allowed, why in possible(stack):
        if alone and flow.target not in alone:
            continue
        if is_allowed and flow not in wanted and not (flow.source in free and flow.target in others):
            yield f"{flow} is needed by nothing, but {why}"


def every_pod_is_denied_by_default(stack: Stack) -> Iterator[str]:
    """Where policies are for all pods, one that no component has made reaches and is reached by nobody."""
    if guarded(stack):
        return
    for namespace in sorted({workload["metadata"]["namespace"] for workload, _ in stack.pods()}):
        unknown = End(f"any other pod of {namespace}", INSIDE, namespace, {}, {NAMESPACE: namespace})
        for decision in decide(policies(stack), unknown, unknown, 80) if policies(stack) else ():
            if decision.is_allowed:
                yield str(decision)


RULES = (needed_flows_are_allowed, nothing_else_is_allowed, every_pod_is_denied_by_default)
