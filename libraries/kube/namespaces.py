"""Finds the namespaces of a stack by the names of its Services, and sees whether chosen ones exist."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from robot.api.deco import keyword, library

from kube.client import ClusterError, status_of
from kube.model import Object
from kube.objects import Objects


@library(scope="GLOBAL")
class Namespaces:
    """Finds namespaces among the Services of a whole cluster."""

    def __init__(self, objects: Objects) -> None:
        """Read namespaces by this."""
        self._objects = objects

    @keyword
    def namespaces_should_exist(self, names: Sequence[str]) -> None:
        """Fail with namespaces that the cluster does not have; one that may not be read counts as there."""
        missing = [name for name in names if not self._may_exist(name)]
        if missing:
            raise ClusterError(
                f"The cluster has no namespace {' and no namespace '.join(missing)}: correct the settings "
                "SYSTEM_NAMESPACE and AGENTS_NAMESPACE, or choose another context."
            )

    def _may_exist(self, name: str) -> bool:
        try:
            self._objects.read_object("v1", "Namespace", name)
        except ClusterError as error:
            return status_of(error) != HTTPStatus.NOT_FOUND
        return True

    @keyword
    def find_namespaces_with_service(self, services: Sequence[Object], name: str) -> list[str]:
        """Return the namespaces that have a Service of that name, sorted."""
        found = [each["metadata"] for each in services]
        return sorted({each["namespace"] for each in found if each["name"] == name})

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
