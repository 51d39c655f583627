"""The stack's namespaces are found by its Services, and never guessed."""

from __future__ import annotations

import pytest

from kube.client import ClusterError
from kube.namespaces import Namespaces
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
    found = Namespaces().find_namespace_with_services([*OTHERS, *services], "SYSTEM_NAMESPACE", WANTED)
    assert found == namespace


def test_of_several_namespaces_none_is_chosen() -> None:
    with pytest.raises(ClusterError) as raised:
        Namespaces().find_namespace_with_services(ROSSOCTL + KAGENTI, "SYSTEM_NAMESPACE", WANTED)
    assert str(raised.value) == (
        "2 namespaces have Service otel-collector and Service mlflow or phoenix: choose one with "
        "--variable SYSTEM_NAMESPACE:kagenti-system or --variable SYSTEM_NAMESPACE:rossoctl-system."
    )


def test_no_namespace_is_reported_with_what_was_looked_for() -> None:
    with pytest.raises(ClusterError) as raised:
        Namespaces().find_namespace_with_services(OTHERS, "AGENTS_NAMESPACE", [["weather-service"]])
    assert str(raised.value) == (
        "No namespace has Service weather-service: deploy with `kubectl apply -k kustomize/overlays/<name>`, "
        "choose another context, or name the namespace with --variable AGENTS_NAMESPACE:NAME."
    )
