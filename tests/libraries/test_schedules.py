"""A CronJob is judged by its last scheduled run; one that was not due yet, or runs now, is well."""

from __future__ import annotations

from typing import Any

import pytest

from kube.model import Object
from kube.schedules import Schedules

DUE, EARLIER, LATER = "2026-11-26T03:17:00Z", "2026-11-25T03:17:09Z", "2026-11-26T03:17:09Z"


def cronjob(*, suspend: bool = False, **status: Any) -> Object:  # noqa: ANN401 - fields of a status
    return {"metadata": {"name": "retention"}, "spec": {"suspend": suspend}, "status": status}


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"lastScheduleTime": DUE, "lastSuccessfulTime": LATER},
        {"lastScheduleTime": DUE, "lastSuccessfulTime": EARLIER, "active": [{"name": "retention-1"}]},
        {"lastSuccessfulTime": LATER},
    ],
)
def test_a_run_that_succeeded_or_is_not_over_is_no_problem(status: dict[str, Any]) -> None:
    assert Schedules().find_cronjob_problems(cronjob(**status)) == []


@pytest.mark.parametrize(("succeeded", "said"), [({"lastSuccessfulTime": EARLIER}, EARLIER), ({}, "none")])
def test_a_run_that_did_not_succeed_is_reported(succeeded: dict[str, Any], said: str) -> None:
    (problem,) = Schedules().find_cronjob_problems(cronjob(lastScheduleTime=DUE, **succeeded))
    assert f"was due at {DUE}, and that run did not succeed (the last one that did: {said})" in problem


def test_a_suspended_one_is_reported() -> None:
    assert Schedules().find_cronjob_problems(cronjob(suspend=True)) == [
        "CronJob retention is suspended, so it never runs"
    ]
