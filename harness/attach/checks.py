"""Looks at an installation before anything is applied: what is there, and what would conflict."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.attach import collector, ours
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, find, kubectl

DRY_RUN = ("apply", "--server-side", "--dry-run=server", f"--field-manager={ours.MANAGER}", "--kustomize")


@dataclass(frozen=True)
class Findings:
    """What was found: each note and each problem is one sentence. With a problem nothing may be applied."""

    notes: list[str]
    problems: list[str]


def check(overlay: Path, namespace: str) -> Findings:
    """Look at an installation, and change nothing.

    Raises HarnessError when there is none, or when it cannot be read.
    """
    deployment = find_collector(namespace)
    theirs = collector.read_config(deployment)
    things, attached = ours.render(overlay, namespace), ours.render(ours.ATTACH, namespace)
    configmaps = [thing for thing in attached if thing["kind"] == "ConfigMap"]
    brought = [*things, *configmaps]
    problems = _find_taken(brought + ours.made_by_pods([*things, *attached], namespace))
    problems += collector.find_config_problems(theirs, collector.our_config(configmaps))
    if arguments := collector.foreign_arguments(deployment):
        problems.append(
            f"Deployment {ours.COLLECTOR} has args of its own, {arguments}, which attaching would replace"
        )
    if not problems:
        problems = _try(overlay, namespace) + _try(ours.ATTACH, namespace)
    return Findings([*_describe_mlflow(theirs, namespace), _describe_change(brought, namespace)], problems)


def find_collector(namespace: str) -> Object:
    """Return the installation's collector. Raises HarnessError where there is none."""
    deployment = find(
        kubectl, "deployment", ours.COLLECTOR, "--namespace", namespace, "--show-managed-fields"
    )
    if deployment is None:
        raise HarnessError(
            f"There is no Deployment {ours.COLLECTOR} in {namespace}: give the installation's namespace, "
            "such as --namespace rossoctl-system or --namespace kagenti-system."
        )
    return deployment


def _find_taken(things: list[Object]) -> list[str]:
    return [
        f"{ours.describe(thing)} is there already and is not ours"
        for thing in ours.find_there(things)
        if not ours.is_ours(thing)
    ]


def _try(folder: Path, namespace: str) -> list[str]:
    """Return what the API server has against applying a kustomization; it changes nothing."""
    with ours.in_namespace(folder, namespace) as there:
        done = _run_kubectl(*DRY_RUN, str(there))
    if not done.returncode:
        return []
    lines = [line for line in done.stderr.splitlines() if line.lower().startswith("error")]
    return lines or [f"`kubectl {' '.join(DRY_RUN)}` failed: {done.stderr.strip()}"]


def _run_kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=False)


def _describe_mlflow(theirs: collector.Config, namespace: str) -> list[str]:
    """Return one sentence where the installation has an MLflow of its own."""
    found = [
        ours.describe(thing)
        for thing in ours.read_all({"deployments"}, namespace)
        if "mlflow" in thing["metadata"]["name"] and not ours.is_ours(thing)
    ]
    found += [
        f"pipeline {pipeline} sends to experiment {experiment}"
        for pipeline, experiment in collector.find_mlflow_pipelines(theirs).items()
    ]
    if not found:
        return []
    return [
        f"This installation has an MLflow already ({', '.join(found)}): attaching adds a second one, and "
        "changes nothing of the first."
    ]


def _describe_change(brought: list[Object], namespace: str) -> str:
    return (
        f"Attaching brings {len(brought)} objects to {namespace}, all named {ours.PREFIX}..., and gives "
        f"Deployment {ours.COLLECTOR} args, a variable and two volumes; its pod is replaced."
    )
