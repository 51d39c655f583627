"""The stack's namespaces are found by its Services, and never guessed."""

from __future__ import annotations

import pytest
from kubernetes.client import ApiException

from kube.client import ClusterError
from kube.model import Object
from kube.namespaces import Namespaces
from kube.objects import Objects
from tests.libraries.objects import service

BACKENDS = ["mlflow", "phoenix"]
WANTED = [["otel-collector"], BACKENDS]
ROSSOCTL = [service(name, "rossoctl-system") for name in ("otel-collector", "phoenix")]
KAGENTI = [service(name, "kagenti-system") for name in ("otel-collector", "mlflow", "postgres")]
OTHERS = [service("otel-collector", "monitoring"), service("mlflow", "data-science"), service("mlflow", "a")]


@pytest.mark.parametrize(
    ("services", "namespace"), [(ROSSOCTL, "rossoctl-system"), (KAGENTI, "kagenti-system")]
)
def test_the_one_namespace_with_a_service_of_each_group_is_found(
    services: list[dict[str, object]], namespace: str
) -> None:
    found = Namespaces(Objects()).find_namespace_with_services(
        [*OTHERS, *services], "SYSTEM_NAMESPACE", WANTED
    )
    assert found == namespace


def test_all_namespaces_with_a_service_of_a_name_are_found() -> None:
    found = Namespaces(Objects()).find_namespaces_with_service([*OTHERS, *KAGENTI], "mlflow")
    assert found == ["a", "data-science", "kagenti-system"]


def test_of_several_namespaces_none_is_chosen() -> None:
    with pytest.raises(ClusterError) as raised:
        Namespaces(Objects()).find_namespace_with_services(ROSSOCTL + KAGENTI, "SYSTEM_NAMESPACE", WANTED)
    assert str(raised.value) == (
        "2 namespaces have Service otel-collector and Service mlflow or phoenix: choose one with "
        "--variable SYSTEM_NAMESPACE:kagenti-system or --variable SYSTEM_NAMESPACE:rossoctl-system."
    )


def test_no_namespace_is_reported_with_what_was_looked_for() -> None:
    with pytest.raises(ClusterError) as raised:
        Namespaces(Objects()).find_namespace_with_services(OTHERS, "AGENTS_NAMESPACE", [["weather-service"]])
    assert str(raised.value) == (
        "No namespace has Service weather-service: deploy with `kubectl apply -k kustomize/overlays/<name>`, "
        "choose another context, or name the namespace with --variable AGENTS_NAMESPACE:NAME."
    )


class SomeNamespaces(Objects):
    """Has one namespace, and one that may not be read."""

    def read_object(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return the one, and reject the others."""
        assert (api_version, kind, namespace) == ("v1", "Namespace", None)
        if name == "there":
            return {}
        raise ClusterError("rejected") from ApiException(status=403 if name == "forbidden" else 404)


def test_a_namespace_that_does_not_exist_is_named() -> None:
    namespaces = Namespaces(SomeNamespaces())
    namespaces.namespaces_should_exist(["there", "forbidden"])
    with pytest.raises(ClusterError) as missing:
        namespaces.namespaces_should_exist(["there", "a", "b"])
    assert str(missing.value) == (
        "The cluster has no namespace a and no namespace b: correct the settings SYSTEM_NAMESPACE and "
        "AGENTS_NAMESPACE, or choose another context."
    )
