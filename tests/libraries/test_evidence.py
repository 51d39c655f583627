"""The evidence about a workload names what is sick first, and leaves out what is well."""

from __future__ import annotations

import pytest

from kube.client import ClusterError
from kube.evidence import Evidence, container_states, sickest_first
from kube.model import Object
from kube.objects import Objects
from kube.pods import Pods
from tests.libraries.objects import deployment, pod, stack


def test_container_states_show_why_a_pod_does_not_start() -> None:
    refused = {
        "waiting": {
            "reason": "CreateContainerConfigError",
            "message": 'configmap "mlflow-experiment" not found',
        }
    }
    (line,) = container_states(pod(state=refused, ready=False))
    assert line == (
        'otel-collector waiting CreateContainerConfigError configmap "mlflow-experiment" not found '
        "not Ready, 0 restarts"
    )
    assert container_states({"status": {"phase": "Pending"}}) == ["Pending"]


def test_evidence_begins_with_the_pod_that_is_sick_and_leaves_out_what_is_done() -> None:
    well, slow, sick = (
        pod("a"),
        pod("b", ready=False),
        pod("c", ready=False, state={"waiting": {"reason": "PodInitializing"}}),
    )
    slow["status"]["conditions"] = sick["status"]["conditions"] = []
    refused = {"terminated": {"exitCode": 1, "message": "certificate verify failed"}}
    done = {"name": "create-secrets", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}
    failed = {"name": "create-database", "restartCount": 2, "state": refused}
    sick["status"]["initContainerStatuses"] = [done, failed]
    assert sickest_first([well, slow, sick]) == [sick, slow, well]
    assert [line.split()[0] for line in container_states(sick)] == ["create-database", "otel-collector"]


class _Nothing(Objects):
    """A cluster where events may not be read."""

    def read_objects(
        self, api_version: str, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]:
        del api_version, namespace, selector
        message = f"Cannot read {kind}s: 403 forbidden."
        raise ClusterError(message)


class _Logs(Pods):
    """Has a log of the present run, and none of the one before."""

    def read_log(
        self,
        pod: Object,
        container: str,
        lines: int | None = 6,
        previous: bool = False,
        since_seconds: int | None = None,
    ) -> list[str]:
        del pod, lines, since_seconds
        if previous:
            message = f"Cannot read the log of {container}: 400 not found."
            raise ClusterError(message)
        return ["panic: no database"]


def test_a_failure_has_the_first_problems_conditions_states_and_logs_and_says_what_could_not_be_read() -> (
    None
):
    unmet = {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "m"}
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    sick = pod(ready=False, restartCount=1, state=ended)
    library = Evidence(_Nothing(), _Logs())
    with pytest.raises(AssertionError) as failure:
        library.fail_with_evidence(stack(sick), deployment(conditions=[unmet]), "It fails", list("abcd"))
    assert str(failure.value).splitlines() == [
        "It fails: a; b; c; … (4 in all).",
        "  condition Available=False MinimumReplicasUnavailable: m",
        "  pod otel-collector-new-abcde: otel-collector terminated Error 1 not Ready, 1 restarts",
        "  (Cannot read Events: 403 forbidden.)",
        "  log of otel-collector before its restart: (Cannot read the log of otel-collector: 400 not found.)",
        "  log of otel-collector: panic: no database",
    ]
