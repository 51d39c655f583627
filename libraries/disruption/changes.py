"""Changes the cluster: deletes and evicts pods, scales and restarts workloads, changes passwords."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library

from kube.client import CLUSTER, ClusterClient, ClusterError, status_of
from kube.model import Object


@library(scope="GLOBAL")
class Changes:
    """Does to pods what node drains, failures and administrators do. The log says what it did."""

    def __init__(self, cluster: ClusterClient = CLUSTER) -> None:
        """Change this cluster."""
        self._cluster = cluster

    @keyword
    def delete_pod(self, pod: Object) -> None:
        """Delete a pod as `kubectl delete pod` does: it gets the signal to stop and has its time to end."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        delete = self._cluster.connection.delete
        self._change(f"delete pod {name}", delete, "v1", "Pod", name=name, namespace=namespace)

    @keyword
    def evict_pod(self, pod: Object) -> str:
        """Evict a pod, as `kubectl drain` does; return why that is rejected, empty where it is not.

        A disruption budget rejects; any other error is a ClusterError.
        """
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        evict = self._cluster.connection.v1.create_namespaced_pod_eviction
        eviction = {"metadata": {"name": name, "namespace": namespace}}
        try:
            self._change(f"evict pod {name}", evict, name, namespace, eviction)
        except ClusterError as error:
            if status_of(error) != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            logger.info(f"Rejected: {error}")
            return str(error)
        return ""

    @keyword
    def scale_workload(self, workload: Object, replicas: int) -> None:
        """Ask for so many pods of a Deployment or StatefulSet; do not wait for them."""
        self._patch_workload(f"scale {{}} to {replicas}", workload, {"replicas": replicas})

    @keyword
    def restart_workload(self, workload: Object) -> None:
        """Replace the pods of a Deployment or StatefulSet, as `kubectl rollout restart` does; do not wait."""
        restarted = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat(timespec="seconds")}
        self._patch_workload("restart {}", workload, {"template": {"metadata": {"annotations": restarted}}})

    @keyword
    def change_password(self, namespace: str, secret: str) -> None:
        """Put a new password, made at random, into a Secret."""
        new = {"stringData": {"password": secrets.token_urlsafe(32)}}
        patch = self._cluster.connection.patch
        action = f"change the password in Secret {secret}"
        self._change(action, patch, "v1", "Secret", name=secret, namespace=namespace, body=new)

    def _patch_workload(self, action: str, workload: Object, spec: Object) -> None:
        name, namespace = workload["metadata"]["name"], workload["metadata"]["namespace"]
        self._change(
            action.format(name),
            self._cluster.connection.patch,
            "apps/v1",
            workload["kind"],
            name=name,
            namespace=namespace,
            body={"spec": spec},
        )

    def _change(self, action: str, function: Any, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        self._cluster.call(action, function, *arguments, **options)
        logger.info(f"Done: {action}.")
