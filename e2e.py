"""What `tox -e e2e` runs: a cluster of its own, the images, an overlay, and the suites that verify it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
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
WORKLOADS = "statefulset,deployment"
BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}  # program: Debian's package
NAMESPACES = ("kagenti-system", "team1")


class StepError(Exception):
    """A step failed; the message, or what the step printed, says why."""


def run(*module_and_arguments: str, check: bool = True) -> None:
    """Run `python -m ...` in the project's folder; raise StepError when it fails, unless check is off."""
    code = subprocess.run([sys.executable, "-m", *module_and_arguments], cwd=ROOT, check=False).returncode
    if check and code:
        raise StepError(f"`{' '.join(module_and_arguments)}` ended with exit code {code}")


def ask(*module_and_arguments: str) -> str:
    """Return what `python -m ...` prints; raise StepError when it fails."""
    command = [sys.executable, "-m", *module_and_arguments]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if result.returncode:
        raise StepError(result.stderr.strip())
    return result.stdout.strip()


def kubectl(*arguments: str, check: bool = True) -> None:
    """Run kubectl in the cluster that was made here; raise StepError when it fails, unless check is off."""
    run("cluster", "exec", "--", "kubectl", *arguments, check=check)


def install_browser() -> None:
    """Install the browser that the suite of pages needs where Debian's packages can give it.

    Where they cannot, that suite's own message says what to install.
    """
    missing = [package for program, package in BROWSER.items() if not shutil.which(program)]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing {' and '.join(missing)} from Debian's packages ...", flush=True)
        for command in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *command], check=False, stdout=subprocess.DEVNULL)


def load_images() -> set[str]:
    """Build and load the images, as `tox -e images` does; return the names of those that were not there."""
    command = [sys.executable, "-m", "images"]
    loaded = set()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("loaded: "):
                loaded.add(line.removeprefix("loaded: ").strip())
    if process.returncode:
        raise StepError(f"the images could not be built and loaded (exit code {process.returncode})")
    return loaded


def restart_users_of(images: set[str]) -> None:
    """Roll every workload that runs one of these images: same tag, new content, so `apply` would not."""
    listing = ask("cluster", "exec", "--", "kubectl", "get", WORKLOADS, "-A", "-l", PART_OF, "-o", "json")
    for workload in json.loads(listing)["items"]:
        pod = workload["spec"]["template"]["spec"]
        if images & {container["image"] for container in pod["containers"] + pod.get("initContainers", [])}:
            kind, metadata = workload["kind"].lower(), workload["metadata"]
            kubectl("rollout", "restart", f"{kind}/{metadata['name']}", "-n", metadata["namespace"])


def wait_for_rollouts() -> None:
    """Wait until every workload is rolled out, or the limit is over: the suites then say what is wrong."""
    for namespace in NAMESPACES:
        limit = f"--timeout={ROLLOUT_LIMIT}"
        kubectl("rollout", "status", WORKLOADS, "-n", namespace, "-l", PART_OF, limit, check=False)


def verify() -> tuple[int, int]:
    """Run every suite against the cluster and return how many tests passed and failed."""
    run(
        "cluster",
        "exec",
        "--",
        sys.executable,
        "-m",
        "robot",
        "--outputdir",
        str(RESULTS),
        "robot/",
        check=False,
    )
    output = RESULTS / "output.xml"
    if not output.exists():
        raise StepError("Robot Framework wrote no results/output.xml; its message above says why")
    statistics = ExecutionResult(output).statistics.total
    return statistics.passed, statistics.failed


def choose_overlay(name: str | None) -> Path:
    """Return the folder of the overlay to deploy, by default the one for this machine's kind of cluster.

    Raises StepError for a name that kustomize/overlays does not have.
    """
    known = sorted(path.name for path in OVERLAYS.iterdir() if (path / "kustomization.yaml").exists())
    chosen = name or ask("cluster", "provider")
    if chosen not in known:
        raise StepError(f"there is no overlay {chosen!r}; choose one of: {', '.join(known)}")
    return OVERLAYS / chosen


def main() -> int:
    """Take the cluster from nothing to a verified stack; return 0 only when every test passed."""
    parser = argparse.ArgumentParser(prog="tox -e e2e --", description=__doc__)
    parser.add_argument("--overlay", help="a folder of kustomize/overlays (default: this cluster's own)")
    arguments = parser.parse_args()
    started = time.monotonic()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "output.xml").unlink(missing_ok=True)
    try:
        overlay = choose_overlay(arguments.overlay)
        run("cluster", "up")
        install_browser()
        restart_users_of(load_images())
        kubectl("apply", "-k", str(overlay))
        wait_for_rollouts()
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
