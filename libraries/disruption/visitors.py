"""Creates visitors, to try what pods outside the stack reach, and deletes them again."""

from __future__ import annotations

from robot.api.deco import keyword, library

from kube.client import CLUSTER, ClusterClient
from kube.model import Object

# Longer than any suite takes: a visitor that was forgotten ends by itself.
LIFETIME = 600  # seconds
COMMAND = ["python3", "-c", f"import time; time.sleep({LIFETIME})"]


@library(scope="GLOBAL")
class Visitors:
    """Creates and deletes pods. Only suites in robot/resilience use it."""

    def __init__(self, cluster: ClusterClient = CLUSTER) -> None:
        """Create visitors in this cluster; none yet."""
        self._cluster = cluster
        self._created: list[tuple[str, str]] = []

    @keyword
    def create_visitor(self, pod: Object, namespace: str, labels: dict[str, str]) -> Object:
        """Create a pod that waits, with the image and the restrictions of a pod that has Python; return it.

        It does not run yet when this returns.
        """
        create = self._cluster.connection.create
        action = f"create a pod in namespace {namespace}"
        created: Object = self._cluster.call(
            action, create, "v1", "Pod", namespace=namespace, body=visitor(pod, labels)
        ).to_dict()
        self._created.append((created["metadata"]["name"], namespace))
        return created

    @keyword
    def delete_visitors(self) -> None:
        """Delete every visitor that was created here."""
        delete = self._cluster.connection.delete
        while self._created:
            name, namespace = self._created.pop()
            self._cluster.call(f"delete pod {name}", delete, "v1", "Pod", name=name, namespace=namespace)


def visitor(pod: Object, labels: dict[str, str]) -> Object:
    """Return the manifest of a visitor: image, limits and restrictions of `pod`, nothing else."""
    spec, like = pod["spec"], pod["spec"]["containers"][0]
    taken = {
        key: like[key] for key in ("image", "imagePullPolicy", "securityContext", "resources") if key in like
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
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
