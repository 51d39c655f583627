"""Makes pods that are no part of the stack, to try what strangers reach, and takes them away again."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from robot.api.deco import keyword, library

from kube.api import ClusterError, api_message
from kube.workloads import Object

# Longer than any suite takes: a visitor that was forgotten ends by itself.
LIFETIME = 600
COMMAND = ["python3", "-c", f"import time; time.sleep({LIFETIME})"]


@library(scope="GLOBAL")
class Visitors:
    """Makes and deletes pods. Only suites in robot/resilience use it."""

    def __init__(self) -> None:
        """Make nothing."""
        self._made: list[tuple[str, str]] = []

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - the Kubernetes client has no types
        """Return a client of the kubeconfig's current context, made on first use: a dry run needs none."""
        from kubernetes import config  # noqa: PLC0415 - heavy, and not needed for a dry run

        return config.new_client_from_config()

    @keyword
    def create_visitor(self, pod: Object, namespace: str, labels: dict[str, str]) -> Object:
        """Create a pod that waits, with the image and the restrictions of a pod that has Python; return it.

        It does not run yet when this returns.
        """
        from kubernetes import client  # noqa: PLC0415

        api = client.CoreV1Api(self._client)
        try:
            made = api.create_namespaced_pod(namespace, visitor(pod, labels))
        except client.ApiException as error:
            raise ClusterError(f"Cannot make a pod in {namespace}: {api_message(error)}.") from error
        self._made.append((made.metadata.name, namespace))
        found: Object = self._client.sanitize_for_serialization(made)
        return found

    @keyword
    def delete_visitors(self) -> None:
        """Delete every pod that was made here."""
        from kubernetes import client  # noqa: PLC0415

        while self._made:
            name, namespace = self._made.pop()
            try:
                client.CoreV1Api(self._client).delete_namespaced_pod(name, namespace)
            except client.ApiException as error:
                raise ClusterError(f"Cannot delete pod {name}: {api_message(error)}.") from error


def visitor(pod: Object, labels: dict[str, str]) -> Object:
    """Return the manifest of a visitor: of `pod` it takes image, limits and restrictions, nothing else."""
    spec, like = pod["spec"], pod["spec"]["containers"][0]
    taken = {
        key: like[key] for key in ("image", "imagePullPolicy", "securityContext", "resources") if key in like
    }
    return {
        "metadata": {"generateName": "visitor-", "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFETIME,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": spec.get("securityContext", {}),
            "imagePullSecrets": spec.get("imagePullSecrets", []),
            "containers": [{"name": "visitor", "command": COMMAND, **taken}],
        },
    }
