"""What is wrong with a workload is read from its objects; a healthy one has no problems."""

from __future__ import annotations

import pytest

from kube.health import Health
from kube.model import Object
from tests.libraries.objects import IMAGE, deployment, pod, restarted, stack


def test_a_healthy_workload_has_no_problems() -> None:
    judge, all_well = Health(), stack(pod())
    assert judge.find_rollout_problems(deployment()) == []
    assert judge.find_restart_problems(all_well, deployment()) == []
    assert judge.find_image_problems(all_well, deployment()) == []
    assert judge.find_claim_problems(all_well, deployment()) == []


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ({"observedGeneration": 2}, "the controller has seen generation 2 of 3"),
        ({"updatedReplicas": 0}, "0 of 1 replicas are of the current generation"),
        ({"readyReplicas": 0}, "0 of 1 replicas are Ready"),
        ({"replicas": 2}, "replicas of an older generation still run"),
    ],
)
def test_a_roll_out_that_is_not_done_says_why(status: dict[str, int], problem: str) -> None:
    assert problem in Health().find_rollout_problems(deployment(**status))


def test_scaled_to_0_is_a_problem() -> None:
    workload = deployment(replicas=0, readyReplicas=0, updatedReplicas=0)
    workload["spec"]["replicas"] = 0
    assert Health().find_rollout_problems(workload) == ["it is scaled to 0 replicas"]


def test_a_stateful_set_is_judged_by_its_revisions() -> None:
    workload = {**deployment(currentRevision="a", updateRevision="b"), "kind": "StatefulSet"}
    assert Health().find_rollout_problems(workload) == ["revision b is not rolled out yet"]


def test_a_crash_and_an_oom_kill_are_problems() -> None:
    (crash,) = Health().find_restart_problems(stack(restarted("Error", 1)), deployment())
    assert "restarted 2 times, last with Error (exit code 1) at 2026-11-24T01:00:00Z" in crash
    (killed,) = Health().find_restart_problems(stack(restarted("OOMKilled", 137)), deployment())
    assert killed == "otel-collector-new-abcde/otel-collector was killed for memory (OOMKilled)"


def init_container(reason: str, **spec: str) -> Object:
    """Return a pod whose only status is that of an init container that restarted."""
    found = restarted(reason, 1)
    (status,) = found["status"].pop("containerStatuses")
    found["status"]["initContainerStatuses"] = [{**status, "name": "prepare"}]
    found["spec"]["initContainers"] = [{"name": "prepare", "image": IMAGE, **spec}]
    return found


def test_an_init_container_may_try_again_but_not_run_out_of_memory() -> None:
    assert Health().find_restart_problems(stack(init_container("Error")), deployment()) == []
    (killed,) = Health().find_restart_problems(stack(init_container("OOMKilled")), deployment())
    assert killed == "otel-collector-new-abcde/prepare was killed for memory (OOMKilled)"


def test_a_native_sidecar_that_restarts_is_a_problem() -> None:
    sidecar = init_container("Error", restartPolicy="Always")
    (crash,) = Health().find_restart_problems(stack(sidecar), deployment())
    assert crash.startswith("otel-collector-new-abcde/prepare restarted 2 times, last with Error")


def test_a_pod_that_has_no_status_yet_has_no_problems() -> None:
    new = pod()
    del new["status"]
    assert Health().find_restart_problems(stack(new), deployment()) == []
    assert Health().find_image_problems(stack(new), deployment()) == []


def test_a_restart_with_the_whole_node_is_no_problem() -> None:
    assert Health().find_restart_problems(stack(restarted("Unknown", 255)), deployment()) == []


def test_restarts_before_the_roll_out_are_no_problem() -> None:
    old = pod("old", restartCount=7, lastState={"terminated": {"reason": "Error", "exitCode": 1}})
    assert Health().find_restart_problems(stack(old, pod()), deployment()) == []


def test_another_image_and_an_image_that_cannot_be_had_are_problems() -> None:
    (other,) = Health().find_image_problems(stack(pod(image="other:1")), deployment())
    assert other == f"otel-collector-new-abcde/otel-collector has image other:1, expected {IMAGE}"
    waits = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    (missing,) = Health().find_image_problems(stack(pod(imageID="", state=waits)), deployment())
    assert missing.endswith(f"cannot get {IMAGE}: ImagePullBackOff: Back-off pulling image")


@pytest.mark.parametrize(
    ("pod_user", "container_user", "users", "said"),
    [
        (None, 1000660000, "1000660000/10000", None),
        (1000669999, None, "1000660000/10000", None),
        (
            1000670000,
            None,
            "1000660000/10000",
            "runs as user 1000670000, expected one of 1000660000 to 1000669999",
        ),
        (
            1000660000,
            1001,
            "1000660000-1000669999",
            "runs as user 1001, expected one of 1000660000 to 1000669999",
        ),
        (None, None, "1000660000/10000", "runs as whatever user its image names, expected one of"),
        (None, 1001, None, None),
    ],
)
def test_a_user_from_outside_of_the_namespace_s_range_is_a_problem(
    pod_user: int | None, container_user: int | None, users: str | None, said: str | None
) -> None:
    one = pod()
    if pod_user:
        one["spec"]["securityContext"] = {"runAsUser": pod_user}
    if container_user:
        for container in [*one["spec"]["containers"], *one["spec"].get("initContainers", ())]:
            container["securityContext"] = {"runAsUser": container_user}
    problems = Health().find_user_problems(stack(one), deployment(), users)
    assert bool(problems) == bool(said)
    assert all(said and said in problem for problem in problems)


def test_a_claim_that_is_not_bound_is_a_problem() -> None:
    (problem,) = Health().find_claim_problems(stack(pod(), claim="Pending"), deployment())
    assert problem == "volume claim queue of otel-collector-new-abcde is Pending"
