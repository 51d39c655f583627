"""What both kinds of cluster get on top of Kubernetes: a Gateway controller and the Gateway `http`."""

import urllib.error
import urllib.request
from pathlib import Path

from harness.cluster import settings
from harness.cluster.commands import Kubectl
from harness.cluster.progress import ClusterError, wait_for


def answers(url: str) -> bool:
    """Say whether an HTTP server answers, whatever its status."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - http, to addresses of our own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def ensure_namespace(kubectl: Kubectl, name: str) -> None:
    """Create a namespace, in such a way that `kubectl apply` can own it later; keep the one that is there.

    Raises ClusterError when the API server refuses it.
    """
    if not kubectl.succeeds("get", "namespace", name):
        kubectl("create", "namespace", name, "--save-config")


def rolled_out(kubectl: Kubectl, namespace: str, deployment: str, log: Path) -> None:
    """Wait until a Deployment is available.

    Raises ClusterError, with the namespace's events written to `log`, when it does not become so in time.
    """

    def available() -> bool:
        status = kubectl.get("deployment", deployment, "-n", namespace)["status"]
        return bool(status.get("availableReplicas")) and not status.get("unavailableReplicas")

    try:
        wait_for(available, settings.ADDON_LIMIT, f"{namespace}/{deployment} did not become available", log)
    except ClusterError:
        log.write_text(kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp"))
        raise


def programmed(kubectl: Kubectl) -> bool:
    """Say whether the Gateway's controller says that it serves it."""
    try:
        gateway = kubectl.get("gateway", "http", "-n", settings.GATEWAY_NAMESPACE)
    except ClusterError:
        return False
    conditions = gateway.get("status", {}).get("conditions", [])
    return any(
        condition["type"] == "Programmed" and condition["status"] == "True" for condition in conditions
    )


def gateway(kubectl: Kubectl, definitions: str, image: str, address: str, log: Path) -> None:
    """Install the Gateway API (`definitions`: file or URL), Traefik's `image`, the Gateway at `address`.

    Raises ClusterError when it does not come up.
    """
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=cluster", "-f", definitions)
    kubectl(
        "wait",
        "--for=condition=Established",
        "crd/gateways.gateway.networking.k8s.io",
        "crd/gatewayclasses.gateway.networking.k8s.io",
        "--timeout=60s",
    )
    ensure_namespace(kubectl, settings.GATEWAY_NAMESPACE)
    values: dict[str, object] = {
        "traefik_image": image,
        "gateway_address": address,
        "gateway_port": settings.GATEWAY_PORT,
        "gateway_node_port": settings.GATEWAY_NODE_PORT,
    }
    kubectl.apply(settings.render("manifests/traefik.yaml", values))
    rolled_out(kubectl, "traefik", "traefik", log)
    wait_for(
        lambda: programmed(kubectl),
        settings.ADDON_LIMIT,
        f"Traefik did not take the Gateway {settings.GATEWAY_NAMESPACE}/http (`kubectl describe` says why)",
        log,
    )
