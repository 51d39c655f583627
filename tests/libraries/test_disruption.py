"""The cluster is changed by the API's own requests, and a rejected eviction is an answer, not an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from kubernetes import client

from disruption.changes import Changes
from disruption.postgres import PostgreSQL
from disruption.visitors import Visitors
from kube.client import ClusterClient, ClusterError
from kube.model import Object
from kube.pods import Pods

POD = {"metadata": {"name": "mlflow-1", "namespace": "kagenti-system"}}
WORKLOAD = {"metadata": {"name": "otel-collector", "namespace": "kagenti-system"}}
AGENT = {"metadata": {"name": "agent-0"}, "spec": {"containers": [{"name": "agent", "image": "agent:1"}]}}
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


class _Library:
    """Stands for KubeLibrary: keeps what it is asked for, and may reject it."""

    def __init__(self, status: int = 200, message: str = "") -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._status, self._message = status, message
        self.v1 = self

    def __getattr__(self, function: str) -> Any:  # noqa: ANN401 - any function of KubeLibrary
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            self.calls.append((function, arguments, options))
            if self._status >= 400:
                error = client.ApiException(status=self._status, reason="rejected")
                error.body = json.dumps({"message": self._message})
                raise error
            return self

        return call

    def to_dict(self) -> dict[str, Any]:
        return {"metadata": {"name": f"visitor-{len(self.calls)}"}}


def cluster(library: _Library) -> ClusterClient:
    found = ClusterClient()
    found.__dict__["connection"] = library  # as if it were connected
    return found


def test_deletes_the_pod_that_it_is_given() -> None:
    library = _Library()
    Changes(cluster(library)).delete_pod(POD)
    expected = ("delete", ("v1", "Pod"), {"name": "mlflow-1", "namespace": "kagenti-system"})
    assert library.calls == [expected]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_scales_by_the_workloads_kind(kind: str) -> None:
    library = _Library()
    Changes(cluster(library)).scale_workload({**WORKLOAD, "kind": kind}, 0)
    ((function, arguments, options),) = library.calls
    assert (function, arguments) == ("patch", ("apps/v1", kind))
    assert options["name"] == "otel-collector"
    assert options["namespace"] == "kagenti-system"
    assert options["body"] == {"spec": {"replicas": 0}}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_restarts_by_the_annotation_that_kubectl_uses(kind: str) -> None:
    library = _Library()
    Changes(cluster(library)).restart_workload({**WORKLOAD, "kind": kind})
    ((function, arguments, options),) = library.calls
    assert (function, arguments) == ("patch", ("apps/v1", kind))
    annotations = options["body"]["spec"]["template"]["metadata"]["annotations"]
    assert set(annotations) == {"kubectl.kubernetes.io/restartedAt"}


def test_an_eviction_that_is_allowed_gives_no_reason() -> None:
    library = _Library(201)
    assert not Changes(cluster(library)).evict_pod(POD)
    ((function, arguments, _),) = library.calls
    assert function == "create_namespaced_pod_eviction"
    assert arguments == ("mlflow-1", "kagenti-system", POD)


def test_an_eviction_that_a_budget_rejects_is_an_answer() -> None:
    said = Changes(cluster(_Library(429, BUDGET))).evict_pod(POD)
    assert said == f"Cannot evict pod mlflow-1: 429 {BUDGET}"


def test_any_other_rejection_is_an_error() -> None:
    with pytest.raises(ClusterError, match="Cannot evict pod mlflow-1: 403 pods is forbidden"):
        Changes(cluster(_Library(403, "pods is forbidden"))).evict_pod(POD)


def test_every_new_password_is_another_one() -> None:
    library = _Library()
    for _ in range(2):
        Changes(cluster(library)).change_password("kagenti-system", "mlflow-admin")
    (first, second) = (options for _, _, options in library.calls)
    assert (first["name"], first["namespace"]) == ("mlflow-admin", "kagenti-system")
    assert first["body"]["stringData"]["password"] != second["body"]["stringData"]["password"]


def test_what_was_created_is_deleted() -> None:
    library = _Library()
    visitors = Visitors(cluster(library))
    visitors.create_visitor(AGENT, "default", {})
    visitors.create_visitor(AGENT, "team1", {})
    visitors.delete_visitors()
    visitors.delete_visitors()
    deleted = [options for function, _, options in library.calls if function == "delete"]
    assert deleted == [
        {"name": "visitor-2", "namespace": "team1"},
        {"name": "visitor-1", "namespace": "default"},
    ]


class _Psql(Pods):
    """Stands for the pod of PostgreSQL: keeps the programs, and prints these answers in turn."""

    def __init__(self, *answers: str) -> None:
        super().__init__(ClusterClient())
        self.ran: list[str] = []
        self._answers = list(answers)

    def run_in_pod(
        self,
        pod: Object,  # noqa: ARG002
        container: str,  # noqa: ARG002
        command: Sequence[str],
        line: str = "",  # noqa: ARG002
    ) -> str:
        self.ran.append(command[-1])
        return self._answers.pop(0)


POSTGRES = {"metadata": {"name": "postgres-0"}, "spec": {"containers": [{"name": "postgres"}]}}


@pytest.mark.parametrize(("read_only", "value"), [(True, "on"), (False, "off")])
def test_sets_postgresql_read_only_and_has_it_read_that(read_only: bool, value: str) -> None:
    psql = _Psql("ALTER SYSTEM\n", "t\n")
    PostgreSQL(psql).set_read_only(POSTGRES, read_only)
    setting, reload = psql.ran
    assert setting.endswith(f'--command="ALTER SYSTEM SET default_transaction_read_only = {value}"')
    assert reload.endswith('--command="SELECT pg_reload_conf()"')


@pytest.mark.parametrize("answers", [["ERROR:  permission denied"], ["ALTER SYSTEM", "f"]])
def test_says_what_postgresql_rejects(answers: list[str]) -> None:
    with pytest.raises(ClusterError, match=rf"postgres-0 rejects .*: {answers[-1]}"):
        PostgreSQL(_Psql(*answers)).set_read_only(POSTGRES, read_only=True)
