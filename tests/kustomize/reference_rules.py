"""Rules about names: whatever an object refers to is there."""
# ruff: noqa: D401 - the first line of a rule states the rule

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from rendered import Object, Stack, all_containers, name_of, plain_env, pod_template

CLUSTER_SCOPED = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "StorageClass")
INSTALLATION_SECRET = "otel-db-secret"  # noqa: S105 - a name: what components/installation-postgres finds in Kagenti
# Secrets that are there before the stack is, and their keys.
THERE_BEFORE = {
    INSTALLATION_SECRET: ("username", "password"),
    "mlflow-oauth-secret": (
        "OIDC_CLIENT_ID",
        "OIDC_CLIENT_SECRET",
        "OIDC_DISCOVERY_URL",
        "OIDC_TOKEN_URL",
        "OIDC_ISSUER",
        "OIDC_AUDIENCE",
    ),
    "mlflow-collector-oauth": ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_TOKEN_URL"),
    "managed-postgres": ("host", "port", "username", "password", "ca.crt"),
}
HASH = re.compile(r"-[a-z0-9]{10}$")  # what Kustomize adds to the name of a generated ConfigMap


def names_are_unique(stack: Stack) -> Iterator[str]:
    """No two objects of a stack are one in the cluster: of one kind, in one namespace, with one name."""
    seen: set[tuple[str, str]] = set()
    for thing in stack.objects:
        identity = (thing["apiVersion"].partition("/")[0], name_of(thing))
        if identity in seen:
            yield f"{name_of(thing)} is there twice: the last one wins"
        seen.add(identity)


def namespaces_are_given(stack: Stack) -> Iterator[str]:
    """An object lies in a namespace that the overlay makes, whatever the caller's current one is."""
    made = {namespace["metadata"]["name"] for namespace in stack.of("Namespace")}
    for thing in stack.objects:
        namespace = thing["metadata"].get("namespace")
        if thing["kind"] not in CLUSTER_SCOPED and (namespace is None or (made and namespace not in made)):
            yield f"{name_of(thing)} lies in no namespace of the overlay"


def services_select_one_workload(stack: Stack) -> Iterator[str]:
    """A Service leads to the pods of one workload, at ports they have."""
    for service in stack.of("Service"):
        selected = stack.selected_by(service)
        if len(selected) != 1:
            yield f"{name_of(service)} selects the pods of {[name_of(w) for w in selected] or 'nothing'}"
            continue
        for port in service["spec"]["ports"]:
            name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
            if stack.service_target(name, namespace, port["port"]) is None:
                yield f"{name_of(service)} port {port['port']} leads to no port of {name_of(selected[0])}"


def probes_ask_existing_ports(stack: Stack) -> Iterator[str]:
    """A probe's named port is one of its container's."""
    for name, _, container in stack.containers():
        ports = {
            key for port in container.get("ports", []) for key in (port.get("name"), port["containerPort"])
        }
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            port = container.get(kind, {}).get("httpGet", {}).get("port")
            if port is not None and port not in ports:
                yield f"{name} is asked by its {kind} at port {port}, which it does not have"


def volumes_exist(stack: Stack) -> Iterator[str]:
    """Every mount has its volume, every volume is mounted."""
    for workload, pod in stack.pods():
        volumes = {volume["name"] for volume in pod.get("volumes", [])} | {
            claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])
        }
        mounted: set[str] = set()
        for container in all_containers(pod):
            names = {mount["name"] for mount in container.get("volumeMounts", [])}
            mounted |= names
            for name in sorted(names - volumes):
                yield f"{name_of(workload)} container {container['name']} mounts {name}: no such volume"
        for name in sorted(volumes - mounted):
            yield f"{name_of(workload)} has volume {name}, which nobody mounts"


def plugins_are_found(stack: Stack) -> Iterator[str]:
    """A container's PYTHONPATH has every plugin that it mounts, and nothing that it does not mount."""
    for workload, pod in stack.pods():
        plugins = {
            volume["name"]
            for volume in pod.get("volumes", [])
            for item in volume.get("configMap", {}).get("items", [])
            if item["path"].endswith(".dist-info/entry_points.txt")
        }
        for container in pod["containers"]:
            name = f"{name_of(workload)} container {container['name']}"
            mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
            folders = [folder for folder in plain_env(container).get("PYTHONPATH", "").split(":") if folder]
            for folder in folders:
                if folder not in mounts:
                    yield f"{name} has {folder} in its PYTHONPATH and does not mount it"
            for folder, volume in mounts.items():
                if volume in plugins and folder not in folders:
                    yield f"{name} does not find the plugin in {folder}: its PYTHONPATH lacks it"


def protocols_are_found(stack: Stack) -> Iterator[str]:
    """MLflow's server names the HTTP protocol that delays no answer, by a module in its PYTHONPATH."""
    for workload, pod in stack.pods():
        files = {
            volume["name"]: {item["path"] for item in volume.get("configMap", {}).get("items", [])}
            for volume in pod.get("volumes", [])
        }
        for container in pod["containers"]:
            if not any(each.startswith("--workers=") for each in container.get("args", [])):
                continue
            name, environment = f"{name_of(workload)} container {container['name']}", plain_env(container)
            mounted = {each["mountPath"]: files[each["name"]] for each in container["volumeMounts"]}
            modules = set().union(
                *(mounted.get(folder, ()) for folder in environment.get("PYTHONPATH", "").split(":"))
            )
            found = re.search(r"--http=(\w+):", environment.get("MLFLOW_UVICORN_OPTS", ""))
            if found is None:
                yield f"{name} names no protocol: with several workers it answers 40 ms late"
            elif f"{found[1]}.py" not in modules:
                yield f"{name} names protocol {found[1]}, and its PYTHONPATH has no such module"


def configmaps_exist(stack: Stack) -> Iterator[str]:
    """A ConfigMap that is named is in the overlay, or made in the cluster by a known hand."""
    for workload, pod in stack.pods():
        namespace = workload["metadata"]["namespace"]
        for name in sorted(_named(pod, "configMap", "configMapRef", "configMapKeyRef")):
            made = name in {"kube-root-ca.crt", *_published(stack, namespace)}
            if not made and stack.get("ConfigMap", name, namespace) is None:
                yield f"{name_of(workload)} names ConfigMap {name}, which is not there"


def configmaps_are_hashed_and_used(stack: Stack) -> Iterator[str]:
    """A changed ConfigMap gets another name, so its pods are rolled; none is left over."""
    used = {
        (workload["metadata"]["namespace"], name)
        for workload, pod in stack.pods()
        for name in _named(pod, "configMap", "configMapRef", "configMapKeyRef")
    }
    for configmap in stack.of("ConfigMap"):
        name, namespace = configmap["metadata"]["name"], configmap["metadata"]["namespace"]
        if not HASH.search(name):
            yield f"{name_of(configmap)} has no hash in its name: a change would roll nothing"
        if (namespace, name) not in used:
            yield f"{name_of(configmap)} is used by no pod"


def secrets_are_made(stack: Stack) -> Iterator[str]:
    """A Secret that a pod waits for is create-secrets', or was there before, with the keys it has."""
    found = stack.container("create-secrets")
    namespace, names = (found[0], {a.partition("=")[0] for a in found[1]["args"]}) if found else ("", set())
    for workload, pod in stack.pods():
        for reference in _references(pod, "secretKeyRef", "secretRef", "secret"):
            name = str(reference.get("name", reference.get("secretName")))
            if reference.get("optional"):
                continue
            made = name in names and workload["metadata"]["namespace"] == namespace
            if not made and name not in THERE_BEFORE:
                yield f"{name_of(workload)} waits for Secret {name}, which nobody makes"
            keys = THERE_BEFORE.get(name, ("username", "password"))
            if reference.get("key", keys[0]) not in keys:
                yield f"{name_of(workload)} waits for key {reference['key']} of {name}: nobody makes it"


def databases_are_there_or_verified(stack: Stack) -> Iterator[str]:
    """A database's host is a Service of the stack, or one from a Secret that must show its certificate."""
    for name, workload, container in stack.containers():
        pod = pod_template(workload)["spec"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
        secrets = {volume["name"] for volume in pod.get("volumes", []) if "secret" in volume}
        environment = plain_env(container)
        for variable in container.get("env", []):
            if variable["name"] not in ("PGHOST", "PHOENIX_POSTGRES_HOST"):
                continue
            if "valueFrom" not in variable:
                host, namespace = variable["value"], workload["metadata"]["namespace"]
                installations = INSTALLATION_SECRET in str(container["env"])
                if stack.service_target(host, namespace, 5432) is None and not installations:
                    yield f"{name} asks the database at {host}, which is no Service's port"
                continue
            if environment.get("PGSSLMODE") != "verify-full":
                yield f"{name} does not ask the database for a certificate of its name"
            folder = environment.get("PGSSLROOTCERT", "").rpartition("/")[0]
            if mounts.get(folder) not in secrets:
                yield f"{name} has no authority to check the database's certificate by"


def claims_exist_and_are_used(stack: Stack) -> Iterator[str]:
    """A pod's claim is in the overlay, and every claim has a pod."""
    used = set()
    for workload, pod in stack.pods():
        namespace = workload["metadata"]["namespace"]
        for reference in _references(pod, "persistentVolumeClaim"):
            used.add((namespace, reference["claimName"]))
            if stack.get("PersistentVolumeClaim", reference["claimName"], namespace) is None:
                yield f"{name_of(workload)} mounts claim {reference['claimName']}, which is not there"
    for claim in stack.of("PersistentVolumeClaim"):
        if (claim["metadata"]["namespace"], claim["metadata"]["name"]) not in used:
            yield f"{name_of(claim)} is used by no pod"


def accounts_exist(stack: Stack) -> Iterator[str]:
    """Pods and bindings name ServiceAccounts and Roles that are there."""
    for workload, pod in stack.pods():
        account = pod.get("serviceAccountName", "default")
        if stack.get("ServiceAccount", account, workload["metadata"]["namespace"]) is None:
            yield f"{name_of(workload)} runs as ServiceAccount {account}, which is not there"
    for binding in stack.of("RoleBinding"):
        role = binding["roleRef"]
        if stack.get(role["kind"], role["name"], binding["metadata"]["namespace"]) is None:
            yield f"{name_of(binding)} gives {role['kind']} {role['name']}, which is not there"
        for subject in binding["subjects"]:
            if stack.get(subject["kind"], subject["name"], subject.get("namespace", "")) is None:
                yield f"{name_of(binding)} is for {subject['kind']} {subject['name']}, which is not there"


def routes_lead_somewhere(stack: Stack) -> Iterator[str]:
    """A route belongs to the one Gateway, has a host of its own, and its backends are Services' ports."""
    hosts: dict[str, str] = {}
    for route in stack.of("HTTPRoute"):
        if {parent["name"] for parent in route["spec"]["parentRefs"]} != {"http"}:
            yield f"{name_of(route)} belongs to another Gateway than http"
        for host in route["spec"]["hostnames"]:
            if host in hosts:
                yield f"{name_of(route)} has the host {host} of {hosts[host]}"
            hosts[host] = name_of(route)
        for backend in (backend for rule in route["spec"]["rules"] for backend in rule["backendRefs"]):
            if stack.service_target(backend["name"], route["metadata"]["namespace"], backend["port"]) is None:
                yield f"{name_of(route)} leads to {backend['name']}:{backend['port']}, which is not there"


def openshift_routes_lead_somewhere(stack: Stack) -> Iterator[str]:
    """A Route's host, where one is set, is its own, and its backend is a Service's port."""
    hosts: dict[str, str] = {}
    for route in stack.of("Route"):
        target, port = route["spec"]["to"]["name"], route["spec"]["port"]["targetPort"]
        if stack.service_target(target, route["metadata"]["namespace"], port) is None:
            yield f"{name_of(route)} leads to {target}:{port}, which is not there"
        host = route["spec"].get("host", "")
        if host in hosts:
            yield f"{name_of(route)} has the host {host} of {hosts[host]}"
        if host:
            hosts[host] = name_of(route)


def addresses_exist(stack: Stack) -> Iterator[str]:
    """Every URL of the cluster that a container is given leads to a Service's port."""
    for workload, pod in stack.pods():
        namespace = workload["metadata"]["namespace"]
        for container in pod["containers"]:
            environment = plain_env(container) | configmap_env(stack, container, namespace)
            for variable, value in environment.items():
                url = urlsplit(value)
                if url.scheme != "http" or not url.hostname or "," in value:
                    continue
                service, _, rest = url.hostname.partition(".")
                target = rest.partition(".")[0] or namespace
                if stack.service_target(service, target, url.port or 80) is None:
                    yield f"{name_of(workload)} has {variable}={value}, which leads to no Service's port"


def references_come_after_their_variables(stack: Stack) -> Iterator[str]:
    """Kubernetes leaves a $(NAME) as it is when NAME stands later in the list, or nowhere."""
    for name, _, container in stack.containers():
        for variable, value in plain_env(container).items():
            if "$(" in value:
                yield f"{name} has {variable}={value}: what it refers to does not stand before it"


def _named(pod: Object, *keys: str) -> set[str]:
    return {str(reference["name"]) for reference in _references(pod, *keys)}


def _references(value: object, *keys: str) -> Iterator[Object]:
    """Yield every object that stands under one of these keys, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in keys and isinstance(item, dict):
                yield item
            yield from _references(item, *keys)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item, *keys)


def _published(stack: Stack, namespace: str) -> set[str]:
    """Return the names of ConfigMaps that init containers of this namespace write."""
    return {
        plain_env(container)["EXPERIMENT_CONFIGMAP"]
        for _, workload, container in stack.containers()
        if workload["metadata"]["namespace"] == namespace and "EXPERIMENT_CONFIGMAP" in plain_env(container)
    }


def configmap_env(stack: Stack, container: Object, namespace: str) -> dict[str, str]:
    """Return the environment variables that a container takes from whole ConfigMaps."""
    data: dict[str, str] = {}
    for source in container.get("envFrom", []):
        name = source.get("configMapRef", {}).get("name", "")
        data |= (stack.get("ConfigMap", name, namespace) or {}).get("data", {})
    return data


RULES = (
    names_are_unique,
    namespaces_are_given,
    services_select_one_workload,
    probes_ask_existing_ports,
    volumes_exist,
    plugins_are_found,
    protocols_are_found,
    configmaps_exist,
    configmaps_are_hashed_and_used,
    secrets_are_made,
    databases_are_there_or_verified,
    claims_exist_and_are_used,
    accounts_exist,
    routes_lead_somewhere,
    openshift_routes_lead_somewhere,
    addresses_exist,
    references_come_after_their_variables,
)
