"""What both kinds of cluster get on top of Kubernetes: a Gateway controller and the Gateway `http`."""

from pathlib import Path

from harness.cluster import settings
from harness.cluster.kubectl import Kubectl
from harness.common.errors import HarnessError
from harness.common.kubectl import ensure_namespace, wait_until_served
from harness.common.waiting import wait_for

GATEWAY_API = tuple(
    f"{kind}.gateway.networking.k8s.io" for kind in ("gatewayclasses", "gateways", "httproutes")
)


def wait_for_rollout(kubectl: Kubectl, namespace: str, deployment: str, log: Path) -> None:
    """Wait until a Deployment is available.

    Raises HarnessError, with the namespace's events written to `log`, when it does not become so in time.
    """

    def available() -> bool:
        status = kubectl.get("deployment", deployment, "-n", namespace)["status"]
        return bool(status.get("availableReplicas")) and not status.get("unavailableReplicas")

    try:
        wait_for(available, settings.ADDON_LIMIT, f"{namespace}/{deployment} did not become available", log)
    except HarnessError:
        log.write_text(kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp"))
        raise


def is_programmed(kubectl: Kubectl) -> bool:
    """Say whether the Gateway `http` has the condition Programmed: its controller serves it."""
    try:
        gateway = kubectl.get("gateway", "http", "-n", settings.GATEWAY_NAMESPACE)
    except HarnessError:
        return False
    conditions = gateway.get("status", {}).get("conditions", [])
    return any(
        condition["type"] == "Programmed" and condition["status"] == "True" for condition in conditions
    )


def install_gateway(kubectl: Kubectl, definitions: str, image: str, address: str, log: Path) -> None:
    """Install the Gateway API (`definitions`: file or URL), Traefik's `image`, the Gateway at `address`.

    Raises HarnessError when it does not come up.
    """
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=cluster", "-f", definitions)
    wait_until_served(kubectl, *GATEWAY_API)
    ensure_namespace(kubectl, settings.GATEWAY_NAMESPACE)
    values: dict[str, object] = {
        "traefik_image": image,
        "gateway_address": address,
        "gateway_port": settings.GATEWAY_PORT,
        "gateway_node_port": settings.GATEWAY_NODE_PORT,
    }
    kubectl.apply(settings.render("manifests/traefik.yaml", values))
    wait_for_rollout(kubectl, "traefik", "traefik", log)
    wait_for(
        lambda: is_programmed(kubectl),
        settings.ADDON_LIMIT,
        f"Traefik did not serve the Gateway {settings.GATEWAY_NAMESPACE}/http (`kubectl describe` says why)",
        log,
    )
