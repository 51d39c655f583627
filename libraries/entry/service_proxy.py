"""Reaches a Service without a route, through the API server's proxy, as `kubectl proxy` does.

https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/, "Manually constructing
apiserver proxy URLs". The requests carry the kubeconfig's own certificate or token.
"""

from __future__ import annotations

from typing import Any

from robot.api.deco import keyword, library
from robot.api.types import Secret

from entry.entry_point import BearerToken, EntryError, EntryPoint, Tls
from kube.client import CLUSTER
from kube.model import Object


@library(scope="GLOBAL")
class ServiceProxy:
    """Makes entry points of Services that no route leads to."""

    @keyword
    def get_entry_point_of_service(self, service: Object) -> EntryPoint:
        """Return where the API server passes requests on to a Service's first port.

        Raises EntryError where the Service has no port, ClusterError where there is no cluster.
        """
        metadata = service["metadata"]
        ports = service["spec"].get("ports")
        if not ports:
            raise EntryError(f"Service {metadata['namespace']}/{metadata['name']} has no port.")
        return make_entry_point(CLUSTER.connection.api_client.configuration, metadata, ports[0]["port"])


def make_entry_point(configuration: Any, metadata: Object, port: int) -> EntryPoint:  # noqa: ANN401 - no types
    """Return the entry point of a Service's port, with what the Kubernetes client logs in with."""
    path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}:{port}/proxy"
    header = configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix(
        "BearerToken"
    )
    token = header.removeprefix("Bearer ") if header else ""
    certificate = (configuration.cert_file, configuration.key_file) if configuration.cert_file else None
    return EntryPoint(
        configuration.host.rstrip("/") + path,
        login=BearerToken(Secret(token)) if token else None,
        tls=Tls(configuration.ssl_ca_cert if configuration.verify_ssl else False, certificate),
    )
