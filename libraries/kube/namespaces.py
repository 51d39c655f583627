"""Finds the namespaces of a stack by the names of its Services."""

from __future__ import annotations

from collections.abc import Sequence

from robot.api.deco import keyword, library

from kube.client import ClusterError
from kube.model import Object


@library(scope="GLOBAL")
class Namespaces:
    """Finds namespaces among the Services of a whole cluster."""

    @keyword
    def find_namespace_with_services(
        self, services: Sequence[Object], setting: str, wanted: Sequence[Sequence[str]]
    ) -> str:
        """Return the one namespace that has a Service of each group of names in `wanted`.

        Raises ClusterError, which names the choices and the `setting` that makes one, where none or several
        have them.
        """
        names: dict[str, set[str]] = {}
        for service in services:
            names.setdefault(service["metadata"]["namespace"], set()).add(service["metadata"]["name"])
        found = sorted(
            namespace for namespace, own in names.items() if all(own.intersection(group) for group in wanted)
        )
        what = " and ".join(f"Service {' or '.join(group)}" for group in wanted)
        if not found:
            raise ClusterError(
                f"No namespace has {what}: deploy with `kubectl apply -k kustomize/overlays/<name>`, choose "
                f"another context, or name the namespace with --variable {setting}:NAME."
            )
        if len(found) > 1:
            choices = " or ".join(f"--variable {setting}:{namespace}" for namespace in found)
            raise ClusterError(f"{len(found)} namespaces have {what}: choose one with {choices}.")
        return found[0]
