"""Proves that another agent than the weather agent is judged by a contract that was learned from it.

    python -m harness.proofs.second_agent

Beside the deployed stack it runs apps/climate-agent: another framework, other span names, a tool without a
server. `python -m learn` writes its contract, and all suites judge the agent by it. Then the agent gets one
defect, and the suites must find it. At the end the agent is removed. Results are in results/second-agent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import kubectl, wait_until_rolled_out
from harness.common.progress import Steps, duration, say
from harness.common.suites import SUITES, run_and_read
from harness.images.catalog import Image
from harness.images.loading import load_images

MANIFESTS = Path(__file__).parent / "manifests"
IMAGE = Image("climate-agent", "0.1.0")
AGENT = ("deployment/climate-agent", "--namespace=team1")
RESULTS = ROOT / "results" / "second-agent"
CONTRACT = RESULTS / "climate-agent.yaml"
QUESTION = "What is the weather in {city}?"
ROLLOUT = 120.0  # seconds
DEFECT = "root-ends-early"
FINDING_TEST = "The Trace In MLflow Says What Happened"
FINDING = "time.outside-parent: answer question > invoke_agent climate_assistant"


def roll_out(defect: str = "") -> None:
    """Let the agent have a defect, or none, and wait until it runs so."""
    kubectl("set", "env", *AGENT, f"DEFECT={defect}")
    wait_until_rolled_out(kubectl, *AGENT, limit=ROLLOUT)


def learn(options: list[str]) -> None:
    """Write the agent's contract. Raises HarnessError when nothing was learned."""
    asked = ["--question", QUESTION, "--out", str(CONTRACT), "--overwrite"]
    command = [sys.executable, "-m", "learn", *asked, *options]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise HarnessError("No contract was learned; the message above says why.")


def judge(name: str, options: list[str]) -> Any:  # noqa: ANN401 - it has no types
    """Run suites against the agent and return the root suite. Raises HarnessError where none ran."""
    shutil.rmtree(RESULTS / name, ignore_errors=True)
    variables = ["--variable", f"CONTRACT:{CONTRACT}", "--variable", f"QUESTION:{QUESTION}"]
    return run_and_read(RESULTS / name, "--console", "dotted", *variables, *options, str(SUITES))


def check_good(options: list[str]) -> str:
    """Judge the agent as it is; return how many tests passed. Raises HarnessError where one failed."""
    total = judge("good", options).statistics
    if total.failed or not total.passed:
        raise HarnessError(
            f"{total.failed} tests failed for the agent, {total.passed} passed; "
            f"{RESULTS / 'good' / 'report.html'} says why."
        )
    return f"{total.passed} tests passed, {total.skipped} were skipped"


def check_defect(options: list[str]) -> str:
    """Judge the agent with its defect; return the finding. Raises HarnessError where it was not found."""
    (test,) = judge("defect", [*options, "--test", FINDING_TEST]).all_tests
    if test.status != "FAIL" or FINDING not in test.message:
        raise HarnessError(f"{FINDING_TEST!r} did not find {DEFECT}: {test.status} {test.message}")
    return next(line for line in str(test.message).splitlines() if FINDING in line)


def prove() -> None:
    """Run the agent, learn, judge it without and with a defect, remove it.

    Raises HarnessError for what fails, or is not found.
    """
    folders = Folders.from_environment()
    os.environ.update(lifecycle.environment(folders))
    deployed = deployment.find_deployed()
    if deployed is None:
        raise HarnessError("There is no stack to run a second agent beside: deploy one with `tox -e e2e`.")
    RESULTS.mkdir(parents=True, exist_ok=True)
    options = [*deployed.robot_options, "--variable", "AGENT_SERVICE:climate-agent"]
    steps = Steps(5)
    try:
        with steps.step("Build and load the agent's image"):
            load_images(folders, [IMAGE])
        with steps.step("Run the agent beside the stack"):
            kubectl("apply", "--kustomize", str(MANIFESTS))
            roll_out()
        with steps.step(f"Learn {CONTRACT.relative_to(ROOT)}"):
            learn(options)
        with steps.step("Judge the agent by it"):
            good = check_good(options)
        with steps.step("Let the root span end too early, and find it"):
            roll_out(DEFECT)
            finding = check_defect(options)
    finally:
        kubectl("delete", "--kustomize", str(MANIFESTS), "--ignore-not-found", "--wait")
    say(f"Without a defect: {good}.\nWith one: {finding}")


@reports_errors
def main() -> int:
    """Prove it; the exit code is 0 only when the agent passed, and its defect was found."""
    argparse.ArgumentParser(prog="python -m harness.proofs.second_agent", description=__doc__).parse_args()
    started = time.monotonic()
    prove()
    say(f"Proven in {duration(time.monotonic() - started)}. The agent is removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
