"""MLflow beside an existing installation of Kagenti or Rossoctl, attached to its collector.

    python -m harness.attach check|apply|remove --namespace NAMESPACE [--overlay FOLDER]

check looks at the installation, says what is there and what would conflict, and changes nothing. apply does
the same, and goes on only without a conflict. remove gives the collector's fields back, and deletes what has
our label and is managed by us. docs/kagenti.md says more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.attach import ours
from harness.attach.checks import check, find_collector
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import Object, kubectl, resource_of, wait_until_rolled_out
from harness.common.manifests import STACK_SELECTOR, WORKLOADS
from harness.common.options import kustomization, label
from harness.common.progress import say

LIMIT = 300.0  # seconds that a rollout may take


def say_findings(overlay: Path, namespace: str) -> None:
    """Print what is there. Raises HarnessError where something would conflict."""
    findings = check(overlay, namespace)
    for note in findings.notes:
        say(note)
    if findings.problems:
        raise HarnessError(f"Nothing was changed, because {'; '.join(findings.problems)}.")
    say("Nothing conflicts.")


def apply(overlay: Path, namespace: str) -> None:
    """Bring MLflow, wait for it, and attach it. Raises HarnessError where something conflicts or fails."""
    say_findings(overlay, namespace)
    apply_folder(overlay, namespace)
    for thing in ours.render(overlay, namespace):
        if thing["kind"] in WORKLOADS:
            wait_for_rollout(thing["kind"], thing["metadata"]["name"], namespace)
    apply_folder(ours.ATTACH, namespace)
    wait_for_rollout("Deployment", ours.COLLECTOR, namespace)
    say(f"MLflow runs in {namespace}, and the collector sends to it.")


def remove(overlay: Path, namespace: str) -> None:
    """Detach, and delete what is ours; say what has our label and is another's.

    Raises HarnessError when something does not go.
    """
    if ours.MANAGER in ours.managers(find_collector(namespace)):
        apply_folder(ours.DETACH, namespace)
        wait_for_rollout("Deployment", ours.COLLECTOR, namespace)
    things = ours.render(overlay, namespace) + ours.render(ours.ATTACH, namespace)
    kinds = {resource_of(thing) for thing in things} | {"Secret"}
    labelled = ours.read_all(kinds, namespace, "--selector", STACK_SELECTOR)
    # Workloads go first: a claim stays as long as a pod mounts it.
    for thing in sorted(labelled, key=lambda each: each["kind"] not in WORKLOADS):
        if ours.is_ours(thing):
            delete(thing)
        else:
            say(f"{ours.describe(thing)} has our label and is not ours: it stays.")


def delete(thing: Object) -> None:
    """Delete one object and what it owns, and say so."""
    metadata = thing["metadata"]
    place = ("--namespace", metadata["namespace"], "--ignore-not-found", "--cascade=foreground")
    kubectl("delete", resource_of(thing), metadata["name"], *place)
    say(f"{ours.describe(thing)} is deleted.")


def apply_folder(folder: Path, namespace: str) -> None:
    """Apply a kustomization server-side, as the owner of its fields."""
    with ours.in_namespace(folder, namespace) as there:
        manager = f"--field-manager={ours.MANAGER}"
        kubectl("apply", "--server-side", manager, "--kustomize", str(there))


def wait_for_rollout(kind: str, name: str, namespace: str) -> None:
    """Wait until a workload is rolled out. Raises HarnessError when it is not in time."""
    wait_until_rolled_out(kubectl, f"{kind.lower()}/{name}", "--namespace", namespace, limit=LIMIT)


@reports_errors
def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.attach",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = {"check": say_findings, "apply": apply, "remove": remove}
    parser.add_argument("command", choices=commands)
    parser.add_argument(
        "--namespace", type=label, required=True, help="the installation's, such as rossoctl-system"
    )
    parser.add_argument(
        "--overlay",
        type=kustomization,
        default=ours.OVERLAY,
        help="a folder with overlays/kagenti and what you put on top of it (default: overlays/kagenti)",
    )
    given = parser.parse_args(arguments)
    commands[given.command](given.overlay, given.namespace)
    return 0


if __name__ == "__main__":
    sys.exit(main())
