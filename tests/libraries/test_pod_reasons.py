"""Why a pod is not Ready, and why a workload has none that is."""

from __future__ import annotations

from typing import Any

import pytest

from kube import progress
from kube.evidence import Evidence
from kube.model import Object, Stack
from kube.pod_reasons import crashed_container, fails_for_good, why_not_ready
from kube.workloads import Workloads
from tests.clock import Clock
from tests.libraries.objects import deployment, pod, replica_set, service

COLLECTOR = {"otel-collector": {"namespace": "kagenti-system", "service": "otel-collector"}}


def sick(**container: Any) -> Object:  # noqa: ANN401
    """Return a pod whose only container is in that state, so that the pod is not Ready."""
    states: dict[str, Any] = {"ready": False, "state": {}, **container}
    found = pod(**states)
    found["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    return found


def waits(reason: str, message: str | None = None) -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(reason: str, code: int) -> Object:
    return {"terminated": {"reason": reason, "exitCode": code}}


NO_PROGRAM = ended("StartError", 128)
NO_PROGRAM["terminated"]["message"] = 'exec: "/otelcol": no such file'


def going(*finalizers: str) -> Object:
    """Return a pod that is being deleted; its container has ended by the signal for that."""
    found = sick(state=ended("Error", 143))
    found["metadata"] |= {"deletionTimestamp": "2026-11-24T02:00:00Z", "finalizers": list(finalizers)}
    return found


def unready(reason: str | None, message: str | None) -> Object:
    """Return a pod that is not Ready, as its condition says, although its container is."""
    found = pod()
    found["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": reason, "message": message}
    ]
    return found


UNSCHEDULED = sick()
UNSCHEDULED["status"] = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes:  Insufficient cpu."}],
}
NOT_ON_A_NODE = sick()
NOT_ON_A_NODE["status"] = {"phase": "Pending"}


@pytest.mark.parametrize(
    ("broken", "why", "for_good"),
    [
        (
            sick(**waits("ImagePullBackOff", "not found")),
            "image docker.io/otel/opentelemetry-collector-contrib:0.158.0 cannot be pulled "
            "(ImagePullBackOff: not found)",
            True,
        ),
        (
            sick(**waits("CreateContainerConfigError", "no secret login")),
            "container otel-collector cannot be started (CreateContainerConfigError: no secret login)",
            False,
        ),
        (
            sick(**waits("CrashLoopBackOff"), lastState=ended("Error", 3)),
            "container otel-collector ends with exit code 3",
            True,
        ),
        (
            sick(state={"running": {}}, lastState=ended("OOMKilled", 137)),
            "container otel-collector was killed for memory (OOMKilled)",
            True,
        ),
        (sick(state={"running": {}}), "the readiness probe of container otel-collector fails", False),
        (
            sick(state={"running": {}}, started=False),
            "the startup probe of container otel-collector fails",
            False,
        ),
        (sick(**waits("ContainerCreating")), "its containers are starting", False),
        (
            sick(**waits("CrashLoopBackOff"), lastState=ended("Completed", 0)),
            "container otel-collector ends with exit code 0",
            True,
        ),
        (
            sick(**waits("CrashLoopBackOff"), lastState=NO_PROGRAM),
            'container otel-collector cannot be started (StartError: exec: "/otelcol": no such file)',
            True,
        ),
        (going(), "its pod is being deleted since 2026-11-24T02:00:00Z", False),
        (
            going("example.com/keep"),
            "its pod is being deleted since 2026-11-24T02:00:00Z, finalizer example.com/keep keeps it",
            False,
        ),
        (
            unready("ReadinessGatesNotReady", 'no "x"'),
            'its containers are Ready, and its pod is not (ReadinessGatesNotReady: no "x")',
            False,
        ),
        (unready(None, None), "its containers are Ready, and its pod is not (no reason)", False),
        (UNSCHEDULED, "no node takes its pod (0/1 nodes: Insufficient cpu.)", False),
        (NOT_ON_A_NODE, "its pod is not on a node yet", False),
        (pod(), "", False),
    ],
)
def test_a_pod_that_is_not_ready_says_why(broken: Object, why: str, for_good: bool) -> None:
    assert why_not_ready(broken) == why
    assert fails_for_good(broken) is for_good


def test_a_failed_init_container_is_named() -> None:
    broken = sick(**waits("PodInitializing"))
    broken["status"]["initContainerStatuses"] = [
        {"name": "wait-for-postgres", "ready": False, "state": ended("Error", 1), "image": "postgres"}
    ]
    assert why_not_ready(broken) == "container wait-for-postgres ends with exit code 1"
    assert crashed_container(broken) == "wait-for-postgres"


@pytest.mark.parametrize("restarts", [True, False], ids=["a sidecar's probe fails", "it does not end"])
def test_an_init_container_that_runs_is_named(restarts: bool) -> None:
    broken = sick(**waits("PodInitializing"))
    running = {"name": "wait", "ready": False, "started": True, "state": {"running": {}}, "image": "x"}
    broken["status"]["initContainerStatuses"] = [running]
    broken["spec"]["initContainers"] = [{"name": "wait", **({"restartPolicy": "Always"} if restarts else {})}]
    if restarts:
        assert why_not_ready(broken) == "the readiness probe of container wait fails"
        return
    assert why_not_ready(broken) == "init container wait does not end"
    assert explain(deployment(**NOT_READY), broken) == (
        "init container wait does not end; log of wait: wait: port in use (this run)"
    )


def test_a_long_message_is_shortened() -> None:
    why = why_not_ready(sick(**waits("ErrImagePull", "long " * 100)))
    assert len(why) < 330
    assert why.endswith("...)")


class Logs:
    """Stands in for `kube.pods.Pods`: the last line of each log says which run it is of."""

    def __init__(self, *before: str) -> None:
        """Have lines before the last one."""
        self.before = before

    def read_log(self, _: Object, container: str, lines: int, previous: bool) -> list[str]:
        """Return the lines."""
        last = f"{container}: port in use ({'previous' if previous else 'this'} run)"
        return [*self.before, last][-lines:]


class Events:
    """Stands in for `kube.objects.Objects`: there is an event of a ReplicaSet, and those that are given."""

    def __init__(self, *of_pod: tuple[str, str]) -> None:
        """Have events of the pod, each with a reason and a message, oldest first."""
        about = {"name": "otel-collector-new-abcde"}
        self.of_pod = [
            {
                "metadata": {},
                "lastTimestamp": str(when),
                "involvedObject": about,
                "reason": why,
                "message": what,
            }
            for when, (why, what) in enumerate(of_pod)
        ]

    def read_objects(self, _: str, kind: str, namespace: str) -> list[Object]:
        """Return the events."""
        assert (kind, namespace) == ("Event", "kagenti-system")
        about = {"name": "otel-collector-new"}
        why = "exceeded quota: pods=1"
        of_set = {"metadata": {}, "involvedObject": about, "reason": "FailedCreate", "message": why}
        return [*self.of_pod, of_set]


def explain(
    workload: Object,
    *pods: Object,
    logs: Logs = Logs(),  # noqa: B008 - it has no state
    events: Events = Events(),  # noqa: B008
) -> str:
    found = Stack([workload], [replica_set("2", "new")], list(pods), [])
    return Evidence(events, logs).explain_not_ready(found, workload)  # type: ignore[arg-type]


NOT_READY = {"updatedReplicas": 0, "readyReplicas": 0, "replicas": 0}


def test_a_crash_has_the_last_line_of_the_run_that_crashed() -> None:
    crashing = sick(**waits("CrashLoopBackOff"), lastState=ended("Error", 3))
    why = explain(deployment(**NOT_READY), crashing)
    assert why.startswith("container otel-collector ends with exit code 3; ")
    assert why.endswith("port in use (previous run)")
    assert explain(deployment(**NOT_READY), sick(state=ended("Error", 3))).endswith("(this run)")


def test_a_panic_is_more_than_the_end_of_its_stack_trace() -> None:
    panic = "panic: assertion failed: Page expected to be: 205, but self identifies as 0"
    logs = Logs("started", panic, "", "goroutine 25 [running]:", *[f"\tdb.go:{line}" for line in range(22)])
    why = explain(deployment(**NOT_READY), sick(state=ended("Error", 2)), logs=logs)
    assert why.endswith(panic)


def test_a_workload_whose_pods_are_not_made_says_who_denied_them() -> None:
    why = explain(deployment(**NOT_READY))
    assert why == (
        "0 of 1 replicas are of the current generation; 0 of 1 replicas are Ready; exceeded quota: pods=1"
    )


def test_a_condition_that_says_who_denied_the_pods_lasts_longer_than_events() -> None:
    failed = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": 'pods "x" is forbidden: exceeded quota: q',
    }
    assert explain(deployment(**NOT_READY, conditions=[failed])).endswith("; " + failed["message"])


def test_a_pod_that_goes_is_the_reason_only_where_no_other_one_comes() -> None:
    assert explain(deployment(**NOT_READY), going()) == (
        "0 of 1 replicas are of the current generation; 0 of 1 replicas are Ready; "
        "its pod is being deleted since 2026-11-24T02:00:00Z"
    )
    comes = sick(**waits("ErrImagePull", "x"))
    assert explain(deployment(**NOT_READY), going(), comes).startswith("image ")


MOUNT = ("FailedMount", 'MountVolume.SetUp failed for volume "x" : configmap "no-such-map" not found')
PROBE = ("Unhealthy", 'Readiness probe failed: Get "http://10.244.0.9:5001/health": connection refused')
NO_NODE = ("FailedScheduling", "0/1 nodes are available")
KILLED = ("Killing", "Container otel-collector failed liveness probe, will be restarted")


@pytest.mark.parametrize(
    ("broken", "events", "why"),
    [
        (sick(**waits("ContainerCreating")), (NO_NODE, MOUNT), f"its containers are starting; {MOUNT[1]}"),
        (sick(**waits("ContainerCreating")), (NO_NODE,), "its containers are starting"),
        (
            sick(state={"running": {}}),
            (MOUNT, PROBE),
            f"the readiness probe of container otel-collector fails; {PROBE[1]}",
        ),
        (sick(state={"running": {}}), (MOUNT,), "the readiness probe of container otel-collector fails"),
        (
            sick(state={"running": {}}, lastState=ended("Error", 137)),
            (PROBE, KILLED),
            f"container otel-collector ends with exit code 137; {KILLED[1]}; log of otel-collector before "
            "its restart: otel-collector: port in use (previous run)",
        ),
    ],
)
def test_an_event_says_what_the_state_of_a_container_does_not(
    broken: Object, events: tuple[tuple[str, str], ...], why: str
) -> None:
    assert explain(deployment(**NOT_READY), broken, events=Events(*events)) == why


def test_a_program_that_cannot_be_started_has_logged_nothing() -> None:
    broken = sick(**waits("CrashLoopBackOff"), lastState=NO_PROGRAM)
    assert explain(deployment(**NOT_READY), broken) == why_not_ready(broken)


def test_a_workload_of_no_replicas_says_so() -> None:
    scaled = deployment()
    scaled["spec"]["replicas"] = 0
    assert explain(scaled).startswith("it is scaled to 0 replicas")


def test_a_healthy_workload_has_nothing_to_explain() -> None:
    assert not explain(deployment(), pod())


COLLECTOR_ALONE = ["otel-collector"]


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (sick(state={"running": {}}), COLLECTOR_ALONE),
        (sick(**waits("ErrImagePull")), []),
        (sick(**waits("CreateContainerError")), []),
        (
            sick(**waits("CreateContainerConfigError", 'configmap "mlflow-experiment" not found')),
            COLLECTOR_ALONE,
        ),
    ],
)
def test_only_what_may_become_ready_is_waited_for(broken: Object, found: list[str]) -> None:
    rolling = deployment(**NOT_READY)
    rolling["spec"]["template"]["metadata"] = {"labels": {"app": "otel-collector"}}
    services = [service("otel-collector", app="otel-collector")]
    here = Stack([rolling], [replica_set("2", "new")], [broken], [], services)
    assert Workloads().find_rolling_out(here, COLLECTOR) == found


def test_a_workload_of_no_replicas_is_not_waited_for() -> None:
    scaled = deployment()
    scaled["spec"]["replicas"] = 0
    scaled["spec"]["template"]["metadata"] = {"labels": {"app": "otel-collector"}}
    here = Stack([scaled], [], [], [], [service("otel-collector", app="otel-collector")])
    assert Workloads().find_rolling_out(here, COLLECTOR) == []


def test_a_pod_that_no_node_takes_may_be_waited_for_and_given_up() -> None:
    rolling = deployment(**NOT_READY)
    rolling["spec"]["template"]["metadata"] = {"labels": {"app": "otel-collector"}}
    waiting = sick()
    waiting["status"] = UNSCHEDULED["status"]
    services = [service("otel-collector", app="otel-collector")]
    here = Stack([rolling], [replica_set("2", "new")], [waiting], [], services)
    assert Workloads().find_rolling_out(here, COLLECTOR) == ["otel-collector"]
    assert Workloads().find_rolling_out(here, COLLECTOR, may_get_node=False) == []


WAITING, CREATING = sick(**waits("CreateContainerConfigError", "none")), sick(**waits("ContainerCreating"))
STARTED = sick(state={"running": {"startedAt": "2026-11-27T02:31:47Z"}}, started=False)


@pytest.mark.parametrize(
    ("second", "last"),
    [(STARTED, 88), (CREATING, 44)],
    ids=["a container that starts is progress", "why one waits is none"],
)
def test_a_roll_out_is_waited_for_while_it_makes_progress(
    monkeypatch: pytest.MonkeyPatch, second: Object, last: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    rolling = deployment(**NOT_READY)
    rolling["spec"]["template"]["metadata"] = {"labels": {"app": "otel-collector"}}
    services = [service("otel-collector", app="otel-collector")]
    workloads = Workloads()
    watched = workloads.begin_to_watch_rollouts(45)

    def find(seen: Object, after: float) -> list[str]:
        clock.now = after
        here = Stack([rolling], [replica_set("2", "new")], [seen], [], services)
        return workloads.find_rolling_out(here, COLLECTOR, watched)

    assert find(WAITING, 0) == find(second, 44) == find(second, last) == COLLECTOR_ALONE
    assert find(second, last + 1) == []
