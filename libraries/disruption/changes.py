"""Changes the cluster: deletes and evicts pods, scales workloads. Only suites in robot/resilience use it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library

from kube.api import ClusterError, api_message, unlogged
from kube.workloads import Object


@library(scope="GLOBAL")
class Changes:
    """Does to pods what node drains, failures and administrators do. What it does is in the log."""

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - the Kubernetes client has no types
        """Return a client of the kubeconfig's current context, made on first use: a dry run needs none."""
        from kubernetes import config  # noqa: PLC0415 - heavy, and not needed for a dry run

        return config.new_client_from_config()

    @keyword
    def delete_pod(self, pod: Object) -> None:
        """Delete a pod as `kubectl delete pod` does: it is told to stop and has its time to end."""
        from kubernetes import client  # noqa: PLC0415

        name, namespace = _place(pod)
        self._change(
            f"delete pod {name}", client.CoreV1Api(self._client).delete_namespaced_pod, name, namespace
        )

    @keyword
    def evict_pod(self, pod: Object) -> str:
        """Ask for a pod's eviction, as `kubectl drain` does; return why it is refused, empty where it is not.

        Refused is what a disruption budget does not allow; any other error is a ClusterError.
        """
        from kubernetes import client  # noqa: PLC0415

        name, namespace = _place(pod)
        eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace=namespace))
        evict = client.CoreV1Api(self._client).create_namespaced_pod_eviction
        try:
            self._change(f"evict pod {name}", evict, name, namespace, eviction)
        except ClusterError as error:
            if getattr(error.__cause__, "status", None) != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            logger.info(f"Refused: {error}")
            return str(error)
        return ""

    @keyword
    def scale_workload(self, workload: Object, replicas: int) -> None:
        """Ask for so many pods of a Deployment or StatefulSet; it does not wait for them."""
        from kubernetes import client  # noqa: PLC0415

        api = client.AppsV1Api(self._client)
        scale = {
            "Deployment": api.patch_namespaced_deployment_scale,
            "StatefulSet": api.patch_namespaced_stateful_set_scale,
        }[workload["kind"]]
        name, namespace = _place(workload)
        self._change(f"scale {name} to {replicas}", scale, name, namespace, {"spec": {"replicas": replicas}})

    @keyword
    def change_password(self, namespace: str, secret: str) -> None:
        """Put a new password, made at random, into a Secret."""
        from kubernetes import client  # noqa: PLC0415

        patch = client.CoreV1Api(self._client).patch_namespaced_secret
        new = {"stringData": {"password": secrets.token_urlsafe(32)}}
        unlogged(self._change, f"change the password in Secret {secret}", patch, secret, namespace, new)

    @keyword
    def restart_workload(self, workload: Object) -> None:
        """Roll a Deployment or StatefulSet anew, as `kubectl rollout restart` does; it does not wait."""
        from kubernetes import client  # noqa: PLC0415

        api = client.AppsV1Api(self._client)
        patch = {
            "Deployment": api.patch_namespaced_deployment,
            "StatefulSet": api.patch_namespaced_stateful_set,
        }[workload["kind"]]
        name, namespace = _place(workload)
        restarted = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat(timespec="seconds")}
        template = {"metadata": {"annotations": restarted}}
        self._change(f"restart {name}", patch, name, namespace, {"spec": {"template": template}})

    def _change(self, what: str, function: Any, *arguments: Any) -> None:  # noqa: ANN401
        from kubernetes.client import ApiException  # noqa: PLC0415

        try:
            function(*arguments)
        except ApiException as error:
            raise ClusterError(f"Cannot {what}: {api_message(error)}.") from error
        logger.info(f"Done: {what}.")


def _place(item: Object) -> tuple[str, str]:
    return item["metadata"]["name"], item["metadata"]["namespace"]
