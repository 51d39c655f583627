"""What `tox -e e2e` runs: a cluster of its own, the images, an overlay, and the suites that verify it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from robot.api import ExecutionResult

ROOT = Path(__file__).parent
OVERLAYS = ROOT / "kustomize" / "overlays"
RESULTS = ROOT / "results"
ROLLOUT_LIMIT = "300s"
PART_OF = "app.kubernetes.io/part-of=llm-observability"
NAMESPACES = ("kagenti-system", "team1")


class StepError(Exception):
    """A step ended with an exit code that is not 0; it has said why itself."""


def run(*command: str, check: bool = True) -> int:
    """Run a command in the project's folder; raise StepError when it fails, unless check is off."""
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if check and code:
        raise StepError(f"{' '.join(command)} ended with exit code {code}")
    return code


def cluster(*arguments: str, check: bool = True) -> int:
    """Run one command of the cluster's command line, as `tox -e cluster` does."""
    return run(sys.executable, "-m", "cluster", *arguments, check=check)


def provider() -> str:
    """Return which cluster this machine makes, `kind` or `embedded`: also the name of its overlay."""
    command = [sys.executable, "-m", "cluster", "provider"]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if result.returncode:
        raise StepError(result.stderr.strip())
    return result.stdout.strip()


def verify() -> tuple[int, int]:
    """Run every suite against the cluster and return how many tests passed and failed."""
    cluster("exec", "--", sys.executable, "-m", "robot", "--outputdir", str(RESULTS), "robot/", check=False)
    output = RESULTS / "output.xml"
    if not output.exists():
        raise StepError("Robot Framework wrote no results/output.xml; its message above says why")
    statistics = ExecutionResult(output).statistics.total
    return statistics.passed, statistics.failed


def choose_overlay(name: str | None) -> str:
    """Return the overlay to deploy, by default the one for this machine's kind of cluster.

    Raises StepError for a name that kustomize/overlays does not have.
    """
    known = sorted(path.name for path in OVERLAYS.iterdir() if (path / "kustomization.yaml").exists())
    chosen = name or provider()
    if chosen not in known:
        raise StepError(f"there is no overlay {chosen!r}; choose one of: {', '.join(known)}")
    return chosen


def main() -> int:
    """Take the cluster from nothing to a verified stack; return 0 only when every test passed."""
    parser = argparse.ArgumentParser(prog="tox -e e2e --", description=__doc__)
    parser.add_argument(
        "--overlay", help="a folder of kustomize/overlays (default: the one for this cluster)"
    )
    arguments = parser.parse_args()
    started = time.monotonic()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "output.xml").unlink(missing_ok=True)
    try:
        overlay = choose_overlay(arguments.overlay)
        cluster("up")
        run(sys.executable, "-m", "images", "--load")
        cluster("exec", "--", "kubectl", "apply", "-k", str(OVERLAYS / overlay))
        for namespace in NAMESPACES:
            cluster(
                "exec", "--", "kubectl", "rollout", "status", "statefulset,deployment",
                "--namespace", namespace, "--selector", PART_OF, "--timeout", ROLLOUT_LIMIT, check=False,
            )  # fmt: skip
        deployed = time.monotonic()
        passed, failed = verify()
    except StepError as failure:
        print(f"e2e: {failure}", file=sys.stderr)
        return 1
    finished = time.monotonic()
    print(f"\nReport: {RESULTS / 'report.html'}")
    print(f"Deployed in {deployed - started:.0f} s, verified in {finished - deployed:.0f} s.")
    print("The cluster stays up for the next run; remove it with: tox -e cluster -- down")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
