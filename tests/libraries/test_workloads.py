"""What is wrong with a workload is read from its objects; a healthy one has no problems."""

from __future__ import annotations

from typing import Any

import pytest

from kube.workloads import Object, Stack, Workloads, container_states, sickest_first

IMAGE = "docker.io/otel/opentelemetry-collector-contrib:0.158.0"


def deployment(**status: Any) -> Object:  # noqa: ANN401 - fields of a status
    healthy = {"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "otel-collector",
            "namespace": "kagenti-system",
            "uid": "d-1",
            "generation": 3,
            "annotations": {"deployment.kubernetes.io/revision": "2"},
            "labels": {"app.kubernetes.io/part-of": "llm-observability"},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "otel-collector"}},
            "template": {"spec": {"containers": [{"name": "otel-collector", "image": IMAGE}]}},
        },
        "status": {**healthy, **status},
    }


def replica_set(revision: str, pod_hash: str) -> Object:
    return {
        "metadata": {
            "name": f"otel-collector-{pod_hash}",
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "labels": {"pod-template-hash": pod_hash},
            "ownerReferences": [{"uid": "d-1"}],
        }
    }


def pod(pod_hash: str = "new", image: str = IMAGE, **container: Any) -> Object:  # noqa: ANN401
    running = {
        "name": "otel-collector",
        "ready": True,
        "restartCount": 0,
        "imageID": "sha256:0123456789abcdef",
        "state": {"running": {"startedAt": "2026-11-24T00:00:00Z"}},
    }
    return {
        "metadata": {
            "name": f"otel-collector-{pod_hash}-abcde",
            "namespace": "kagenti-system",
            "creationTimestamp": "2026-11-24T00:00:00Z",
            "labels": {"app.kubernetes.io/name": "otel-collector", "pod-template-hash": pod_hash},
        },
        "spec": {
            "containers": [{"name": "otel-collector", "image": image}],
            "volumes": [{"name": "queue", "persistentVolumeClaim": {"claimName": "queue"}}, {"name": "tmp"}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{**running, **container}],
        },
    }


def stack(*pods: Object, claim: str = "Bound") -> Stack:
    claims = [{"metadata": {"namespace": "kagenti-system", "name": "queue"}, "status": {"phase": claim}}]
    return Stack([deployment()], [replica_set("1", "old"), replica_set("2", "new")], list(pods), claims)


def restarted(reason: str, exit_code: int) -> Object:
    end = {"terminated": {"reason": reason, "exitCode": exit_code, "finishedAt": "2026-11-24T01:00:00Z"}}
    return pod(restartCount=2, lastState=end)


def test_a_healthy_workload_has_no_problems() -> None:
    judge, all_well = Workloads(), stack(pod())
    assert judge.find_rollout_problems(deployment()) == []
    assert judge.find_restart_problems(all_well, deployment()) == []
    assert judge.find_image_problems(all_well, deployment()) == []
    assert judge.find_claim_problems(all_well, deployment()) == []
    assert judge.find_running_images(all_well, deployment()) == [f"{IMAGE} (0123456789ab)"]


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
    assert problem in Workloads().find_rollout_problems(deployment(**status))


def test_scaled_to_0_is_a_problem() -> None:
    workload = deployment(replicas=0, readyReplicas=0, updatedReplicas=0)
    workload["spec"]["replicas"] = 0
    assert Workloads().find_rollout_problems(workload) == ["it is scaled to 0 replicas"]


def test_a_stateful_set_is_judged_by_its_revisions() -> None:
    workload = {**deployment(currentRevision="a", updateRevision="b"), "kind": "StatefulSet"}
    assert Workloads().find_rollout_problems(workload) == ["revision b is not rolled out yet"]


def test_a_crash_and_an_oom_kill_are_problems() -> None:
    (crash,) = Workloads().find_restart_problems(stack(restarted("Error", 1)), deployment())
    assert "restarted 2 times, last with Error (exit code 1) at 2026-11-24T01:00:00Z" in crash
    (killed,) = Workloads().find_restart_problems(stack(restarted("OOMKilled", 137)), deployment())
    assert killed == "otel-collector-new-abcde/otel-collector was killed for memory (OOMKilled)"


def test_an_init_container_may_try_again_but_not_run_out_of_memory() -> None:
    init = restarted("Error", 1)
    init["status"]["initContainerStatuses"] = init["status"].pop("containerStatuses")
    init["status"]["containerStatuses"] = []
    assert Workloads().find_restart_problems(stack(init), deployment()) == []
    init["status"]["initContainerStatuses"][0]["lastState"]["terminated"]["reason"] = "OOMKilled"
    assert len(Workloads().find_restart_problems(stack(init), deployment())) == 1


def test_a_restart_with_the_whole_node_is_no_problem() -> None:
    assert Workloads().find_restart_problems(stack(restarted("Unknown", 255)), deployment()) == []


def test_restarts_before_the_roll_out_are_no_problem() -> None:
    old = pod("old", restartCount=7, lastState={"terminated": {"reason": "Error", "exitCode": 1}})
    assert Workloads().find_restart_problems(stack(old, pod()), deployment()) == []


def test_another_image_and_an_image_that_cannot_be_had_are_problems() -> None:
    (other,) = Workloads().find_image_problems(stack(pod(image="other:1")), deployment())
    assert other == f"otel-collector-new-abcde/otel-collector has other:1, asked for is {IMAGE}"
    waits = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    (missing,) = Workloads().find_image_problems(stack(pod(imageID="", state=waits)), deployment())
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
            "runs as user 1000670000, not as one of 1000660000 to 1000669999",
        ),
        (
            1000660000,
            1001,
            "1000660000-1000669999",
            "runs as user 1001, not as one of 1000660000 to 1000669999",
        ),
        (None, None, "1000660000/10000", "runs as whatever user its image names, not as one of"),
    ],
)
def test_a_user_from_outside_of_the_namespace_s_range_is_a_problem(
    pod_user: int | None, container_user: int | None, users: str, said: str | None
) -> None:
    one = pod()
    if pod_user:
        one["spec"]["securityContext"] = {"runAsUser": pod_user}
    if container_user:
        for container in [*one["spec"]["containers"], *one["spec"].get("initContainers", ())]:
            container["securityContext"] = {"runAsUser": container_user}
    problems = Workloads().find_user_problems(stack(one), deployment(), users)
    assert bool(problems) == bool(said)
    assert all(said and said in problem for problem in problems)


def test_a_claim_that_is_not_bound_is_a_problem() -> None:
    (problem,) = Workloads().find_claim_problems(stack(pod(), claim="Pending"), deployment())
    assert problem == "volume claim queue of otel-collector-new-abcde is Pending"


def test_only_a_ready_pod_of_the_current_generation_is_asked() -> None:
    judge = Workloads()
    assert (
        judge.find_ready_pod(stack(pod("old"), pod()), deployment())["metadata"]["name"]
        == "otel-collector-new-abcde"
    )
    assert len(judge.find_ready_pods(stack(pod("old"), pod(), pod()), deployment())) == 2
    with pytest.raises(AssertionError, match="otel-collector has no Ready pod"):
        judge.find_ready_pod(stack(pod("old")), deployment())


def workload(name: str, namespace: str = "kagenti-system", label: str | None = None, **pods: str) -> Object:
    labels = {"app.kubernetes.io/part-of": label} if label else {}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"template": {"metadata": {"labels": pods}}},
    }


def service(name: str, namespace: str = "kagenti-system", **selector: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}


def services_and(*workloads: Object) -> Stack:
    services = [
        service("phoenix", app="phoenix"),
        service("phoenix", "team1", app="phoenix"),
        service("outside"),
    ]
    return Stack(list(workloads), [], [], [], services)


def test_a_component_is_what_its_service_selects_by_whatever_name() -> None:
    taken = services_and(
        workload("phoenix", app="other"),
        workload("phoenix-0815", app="phoenix", version="20"),
        workload("phoenix", "team1", app="phoenix"),
    )
    found = Workloads().find_workload(taken, "kagenti-system", "phoenix")
    assert found
    assert found["metadata"]["name"] == "phoenix-0815"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mlflow", "there is no Service mlflow in namespace kagenti-system"),
        (
            "phoenix",
            "Service phoenix in namespace kagenti-system selects app=phoenix, which no workload's pods",
        ),
        (
            "outside",
            "Service outside in namespace kagenti-system selects no pods: it leads out of this cluster",
        ),
    ],
)
def test_no_workload_behind_a_service_is_explained(name: str, why: str) -> None:
    taken = services_and(workload("phoenix", app="other"))
    assert Workloads().find_workload(taken, "kagenti-system", name) is None
    assert Workloads().explain_missing_workload(taken, "kagenti-system", name).startswith(why)


def test_several_workloads_behind_one_service_are_named() -> None:
    taken = services_and(workload("blue", app="phoenix"), workload("green", app="phoenix"))
    with pytest.raises(AssertionError, match="pods of Deployment blue and Deployment green: which of them"):
        Workloads().find_workload(taken, "kagenti-system", "phoenix")


def test_the_stack_is_what_is_behind_a_service_or_labelled() -> None:
    taken = services_and(
        workload("labelled", label="llm-observability"),
        workload("stranger"),
        workload("named", app="phoenix", label="llm-observability"),
        workload("foreign", app="phoenix", namespace="team1"),
    )
    places = {"phoenix": {"namespace": "kagenti-system", "service": "phoenix"}}
    judge = Workloads()
    of_the_stack = [item["metadata"]["name"] for item in judge.find_workloads_of_stack(taken, places)]
    assert of_the_stack == ["labelled", "named"]
    (other,) = judge.find_other_workloads(taken, places)
    assert other["metadata"]["name"] == "labelled"


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


def test_a_variable_that_a_secret_gives_is_known_by_the_secrets_name() -> None:
    workload = deployment()
    source = {"secretKeyRef": {"name": "managed-postgres", "key": "host"}}
    workload["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "PGHOST", "valueFrom": source},
        {"name": "PGPORT", "value": "5432"},
    ]
    found = [Workloads().find_secret_of_variable(workload, name) for name in ("PGHOST", "PGPORT", "PGUSER")]
    assert found == ["managed-postgres", None, None]


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
