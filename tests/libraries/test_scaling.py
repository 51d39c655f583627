"""Budgets, autoscalers and claims are judged from their objects; where all is well there is no problem."""

from __future__ import annotations

from typing import Any

import pytest

from kube.model import Object
from kube.scaling import Scaling


def budget(**status: Any) -> Object:  # noqa: ANN401 - fields of a status
    well = {"observedGeneration": 2, "expectedPods": 2, "currentHealthy": 2, "desiredHealthy": 1}
    return {
        "metadata": {"name": "mlflow", "generation": 2},
        "spec": {"minAvailable": 1},
        "status": {**well, "disruptionsAllowed": 1, **status},
    }


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"disruptionsAllowed": 0, "currentHealthy": 1}, "1 of 2 pods are healthy, expected at least 2"),
        ({"expectedPods": 0}, "budget mlflow selects no pod"),
        ({"observedGeneration": 1}, "the controller has seen generation 1 of 2"),
    ],
)
def test_a_budget_that_allows_no_eviction_says_why(status: dict[str, int], said: str) -> None:
    assert Scaling().find_budget_problems(budget()) == []
    (problem,) = Scaling().find_budget_problems(budget(**status))
    assert said in problem


def test_an_autoscaler_without_metrics_says_why() -> None:
    able = {"type": "AbleToScale", "status": "True"}
    blind = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": "none",
    }
    scaler = {"metadata": {"name": "mlflow"}, "status": {"conditions": [able, blind]}}
    (problem,) = Scaling().find_autoscaler_problems(scaler)
    assert problem == "autoscaler mlflow has ScalingActive=False: FailedGetResourceMetric: none"
    blind["status"] = "True"
    assert Scaling().find_autoscaler_problems(scaler) == []
    assert len(Scaling().find_autoscaler_problems({"metadata": {"name": "mlflow"}})) == 2


def test_what_its_controller_has_not_looked_at_is_unseen() -> None:
    conditions = [{"type": "AbleToScale", "status": "True"}]
    scaler = {"metadata": {"name": "phoenix", "generation": 2}, "spec": {"scaleTargetRef": {}}}
    assert Scaling().find_unseen_objects([budget(observedGeneration=1), scaler]) == ["mlflow", "phoenix"]
    assert Scaling().find_unseen_objects([budget(), scaler | {"status": {"conditions": conditions}}]) == []


def test_a_claim_that_two_pods_mount_is_named() -> None:
    def pod(claim: str) -> Object:
        volumes = [{"name": "queue", "persistentVolumeClaim": {"claimName": claim}}, {"name": "tmp"}]
        return {"spec": {"volumes": volumes}}

    assert Scaling().find_shared_claim_problems([pod("queue-0"), pod("queue-1")]) == []
    problems = Scaling().find_shared_claim_problems([pod("queue-0"), pod("queue-0")])
    assert problems == ["claim queue-0 is mounted by 2 pods"]
