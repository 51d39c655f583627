"""Workloads are found by their Services and labels, whatever their names, and pods by their workloads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kube.workloads import Workloads
from tests.libraries.objects import IMAGE, deployment, pod, service, services_and, stack, workload


def test_the_images_that_run_are_named_with_their_digests() -> None:
    assert Workloads().find_running_images(stack(pod()), deployment()) == [f"{IMAGE} (0123456789ab)"]


def test_native_sidecars_are_among_the_images_that_run_and_no_status_is_no_digest() -> None:
    new = pod()
    new["spec"]["initContainers"] = [
        {"name": "prepare", "image": "prepare:1"},
        {"name": "sidecar", "image": "sidecar:1", "restartPolicy": "Always"},
    ]
    del new["status"]
    found = Workloads().find_running_images(stack(new), deployment())
    assert found == ["sidecar:1 (not running)", f"{IMAGE} (not running)"]


def test_pods_are_found_by_any_kind_of_selector() -> None:
    one = deployment()
    expression = {"key": "app.kubernetes.io/name", "operator": "In", "values": ["otel-collector"]}
    one["spec"]["selector"] = {"matchExpressions": [expression]}
    assert Workloads().find_pods(stack(pod()), one) == [pod()]
    expression["values"] = ["mlflow"]
    assert Workloads().find_pods(stack(pod()), one) == []


@pytest.mark.parametrize(
    ("annotations", "port"),
    [
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "8000"}, 8000),
        ({"prometheus.io/port": "8000"}, None),
        ({"prometheus.io/scrape": "false", "prometheus.io/port": "8000"}, None),
        (None, None),
    ],
)
def test_only_pods_that_say_so_are_asked_for_metrics(
    annotations: dict[str, str] | None, port: int | None
) -> None:
    one = deployment()
    one["spec"]["template"]["metadata"] = {"annotations": annotations}
    assert Workloads().find_metrics_port(one) == port


PHOENIX = {"phoenix": {"namespace": "kagenti-system", "service": "phoenix"}}


def test_a_service_that_selects_pods_promises_a_workload() -> None:
    names = ("phoenix", "outside", "mlflow")
    places = {name: {"namespace": "kagenti-system", "service": name} for name in names}
    deleted = services_and(workload("phoenix", app="other"))
    assert Workloads().find_component_problems(deleted, places) == {
        "phoenix": [
            "Service phoenix in namespace kagenti-system selects app=phoenix, which no workload's pods carry"
        ]
    }


def test_a_component_that_is_not_rolled_out_or_not_clear_has_its_problems() -> None:
    one = deployment(readyReplicas=0)
    one["spec"]["template"]["metadata"] = {"labels": {"app": "phoenix"}}
    problems = Workloads().find_component_problems(services_and(one), PHOENIX)
    assert problems == {"phoenix": ["0 of 1 replicas are Ready"]}
    two = services_and(one, workload("green", app="phoenix"))
    (problem,) = Workloads().find_component_problems(two, PHOENIX)["phoenix"]
    assert "selects the pods of Deployment otel-collector and Deployment green" in problem


def test_a_stack_has_the_problems_of_its_other_workloads_and_misses_those_that_were_deleted() -> None:
    other = deployment(readyReplicas=0)
    before = [other, workload("mlflow"), workload("phoenix")]
    before[2]["metadata"]["namespace"] = "team1"
    now = services_and(other, before[2])
    assert Workloads().find_stack_problems(now, {}, before) == {
        "otel-collector": ["0 of 1 replicas are Ready"],
        "Deployment kagenti-system/mlflow": ["it was deleted"],
    }
    assert Workloads().find_stack_problems(services_and(deployment()), {}, [deployment()]) == {}


def test_the_pods_of_the_stack_are_those_of_its_workloads_and_those_with_its_label() -> None:
    own, job, foreign = pod(), pod("job"), pod("foreign")
    job["metadata"]["labels"] = {"app.kubernetes.io/part-of": "llm-observability"}
    foreign["metadata"]["labels"] = {"app.kubernetes.io/name": "other"}
    assert Workloads().find_pods_of_stack(stack(own, job, foreign), {}) == [own, job]


def test_a_ready_pod_of_the_current_generation_is_asked_or_else_an_older_one() -> None:
    judge = Workloads()
    assert (
        judge.find_ready_pod(stack(pod("old"), pod()), deployment())["metadata"]["name"]
        == "otel-collector-new-abcde"
    )
    assert len(judge.find_ready_pods(stack(pod("old"), pod(), pod()), deployment())) == 2
    old = pod("old")
    assert judge.find_ready_pods(stack(old), deployment()) == [old]
    old["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
    with pytest.raises(AssertionError, match="otel-collector has no Ready pod"):
        judge.find_ready_pod(stack(old), deployment())


def test_a_component_is_stopped_where_no_pod_of_any_generation_serves() -> None:
    components = {"otel-collector": {"namespace": "kagenti-system", "service": "otel-collector"}}
    labels = {"app.kubernetes.io/name": "otel-collector"}
    behind = [service("otel-collector", **labels)]
    hanging = deployment(updatedReplicas=0)
    hanging["spec"]["template"]["metadata"] = {"labels": labels}
    judge = Workloads()
    for pods, stopped in ([pod("old")], False), ([], True):
        taken = replace(stack(*pods), workloads=[hanging], services=behind)
        assert judge.find_component_problems(taken, components)
        assert bool(judge.find_stopped_components(taken, components)) is stopped


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
    with pytest.raises(AssertionError, match="pods of Deployment blue and Deployment green; name a Service"):
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


def test_a_stack_is_written_in_a_few_words() -> None:
    assert repr(stack()) == "Stack(workloads: 1, replica sets: 2, pods: 0, claims: 1, services: 0)"
