"""Conditions in the status of Gateways and routes."""

from __future__ import annotations

from collections.abc import Iterable

from kube.model import Object


def unmet_conditions(
    item: Object, reporter: str, conditions: Iterable[Object], expected: Iterable[str]
) -> list[str]:
    """Return which of the expected conditions do not hold for the current generation of `item`.

    `reporter` is who reports the conditions. OpenShift's API gives Routes no generation, so none is too old.
    """
    found = {condition["type"]: condition for condition in conditions}
    generation = item["metadata"].get("generation", 0)
    problems = []
    for name in expected:
        condition = found.get(name)
        if condition is None:
            problems.append(f"{reporter}: {name} is not reported")
        elif condition["status"] != "True":
            why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
            problems.append(f"{reporter}: {name} is {condition['status']}, {why}")
        elif condition.get("observedGeneration", generation) < generation:
            problems.append(f"{reporter}: {name} is about an older generation")
    return problems
