"""Checkov finds nothing in any overlay or combination, and every skip has a reason and is needed.

`tox -e checkov` runs this, because checkov's packages conflict with those of requirements.txt. It runs in
this process, without a platform or a network. It scans each stack by itself, because checkov connects pods
with the NetworkPolicies of whatever else it reads. It reads them as JSON, the quickest format for it.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.common.combinations import Combination, combinations
from rendered import Object, Stack

pytest.importorskip("checkov", reason="checkov has an environment of its own: tox -e checkov")

from checkov.kubernetes.runner import Runner
from checkov.runner_filter import RunnerFilter
from checkov.version import version

SKIP = "checkov.io/skip"
REASON_LENGTH = 20  # characters; a shorter reason gives none
KIND = Combination("kind")
Finding = tuple[str, str]  # a check's id, and the object as checkov names it


@dataclass(frozen=True)
class Scan:
    """Checkov's result for a stack: how many checks passed, which failed, which are skipped and why."""

    passed: int
    failed: dict[Finding, str]
    skipped: dict[Finding, str]

    def __str__(self) -> str:
        """Return the numbers."""
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


Scanner = Callable[[Stack], Scan]


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scanner:
    """Return a function that scans a stack."""
    file = tmp_path_factory.mktemp("checkov") / "stack.json"

    def scanned(stack: Stack) -> Scan:
        file.write_text(json.dumps(stack.objects), encoding="utf-8")
        report = Runner().run(None, files=[str(file)], runner_filter=RunnerFilter(framework=["kubernetes"]))
        assert not report.parsing_errors
        assert len(report.resources) >= len(stack.objects), "checkov did not see every object"
        return Scan(
            len(report.passed_checks),
            {(r.check_id, r.resource): r.check_name for r in report.failed_checks},
            {(r.check_id, r.resource): r.check_result["suppress_comment"] for r in report.skipped_checks},
        )

    return scanned


def scan_for_problems(stack: Stack, scan: Scanner) -> tuple[Scan, list[str]]:
    """Return the scan, and a sentence for each failed check and for each skip without reason or need."""
    found = scan(stack)
    problems = [
        f"{check} fails for {thing}: {name}. Repair it, or give the reason on the object: "
        f"annotation {SKIP}-NAME: {check}=REASON"
        for (check, thing), name in found.failed.items()
    ]
    for (check, thing), reason in found.skipped.items():
        if len(reason) < REASON_LENGTH or reason == "No comment provided":
            problems.append(f"{check} is skipped for {thing} without a reason")
    if found.skipped:
        bare = copy.deepcopy(stack)
        for item in bare.objects:
            annotations = item["metadata"].get("annotations", {})
            for name in [name for name in annotations if name.startswith(SKIP)]:
                del annotations[name]
        needed = scan(bare).failed
        problems += [
            f"{check} is skipped for {thing}, but would not fail: remove the skip"
            for check, thing in found.skipped
            if (check, thing) not in needed
        ]
    return found, problems


@pytest.mark.parametrize("wanted", combinations(), ids=str)
def test_checkov_finds_nothing(
    wanted: Combination,
    combination: Callable[[Combination], Stack],
    scan: Scanner,
    record_property: Callable[[str, object], None],
) -> None:
    found, problems = scan_for_problems(combination(wanted), scan)
    if not wanted.components:
        record_property("summary", f"checkov {version}, overlay {wanted}: {found}")
    assert not problems, "\n".join(problems)


def test_a_failed_check_is_reported(combination: Callable[[Combination], Stack], scan: Scanner) -> None:
    stack = copy.deepcopy(combination(KIND))
    pod(stack, "mlflow")["containers"][0]["securityContext"]["privileged"] = True
    pod(stack, "phoenix")["automountServiceAccountToken"] = True
    problems = "\n".join(scan_for_problems(stack, scan)[1])
    assert (
        "CKV_K8S_16 fails for Deployment.kagenti-system.mlflow: Container should not be privileged"
        in problems
    )
    assert "CKV_K8S_38 fails for Deployment.kagenti-system.phoenix: " in problems


@pytest.mark.parametrize(
    ("skip", "problem"),
    [
        (
            "CKV_K8S_8=a reason that is long enough",
            "is skipped for Deployment.team1.model, but would not fail",
        ),
        ("CKV_K8S_8=short", "CKV_K8S_8 is skipped for Deployment.team1.model without a reason"),
        ("CKV_K8S_8", "CKV_K8S_8 is skipped for Deployment.team1.model without a reason"),
    ],
)
def test_a_skip_without_need_or_reason_is_reported(
    skip: str, problem: str, combination: Callable[[Combination], Stack], scan: Scanner
) -> None:
    stack = copy.deepcopy(combination(KIND))
    model = stack.get("Deployment", "model", "team1")
    assert model
    model["metadata"].setdefault("annotations", {})["checkov.io/skip-this"] = skip
    assert problem in "\n".join(scan_for_problems(stack, scan)[1])


def pod(stack: Stack, name: str) -> Object:
    """Return the pod of a workload of the stack."""
    found: Object = next(spec for workload, spec in stack.pods() if workload["metadata"]["name"] == name)
    return found
