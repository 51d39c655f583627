"""Proves what a drain of a node does to the stack: `tox -e drain`, after `tox -e e2e -- --nodes 3` on kind.

    tox -e e2e -- --nodes 3 --component mlflow-auth --component network-policies --component high-availability
    tox -e drain

What must hold is in drain.robot; Robot's report is in results/drain. Other clusters than our own kind cluster
are not touched: a drain moves the pods of everybody on the node.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import current_context
from harness.common.suites import run_robot

SUITE = Path(__file__).with_name("drain.robot")
RESULTS = ROOT / "results" / "drain"


@reports_errors
def main(arguments: list[str] | None = None) -> int:
    """Drain nodes of the kind cluster; the exit code is 0 only when nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m harness.proofs.drain", description=main.__doc__)
    parser.add_argument("robot_options", nargs="*", metavar="-- OPTION", help="options for robot")
    options = parser.parse_args(arguments)
    folders = Folders.from_environment()
    if lifecycle.provider(folders) != "kind":
        raise HarnessError("Nodes are drained on a kind cluster only: tox -e e2e -- --nodes 3")
    os.environ.update(lifecycle.environment(folders))
    deployed = deployment.find_deployed()
    if not deployed or "high-availability" not in deployed.components:
        raise HarnessError("Deploy it first: tox -e e2e -- --nodes 3 --component high-availability")
    disruptive = ["--variable", f"DISRUPTIVE:{current_context()}"]
    own = [*deployed.robot_options, *disruptive, *options.robot_options]
    return run_robot("--outputdir", str(RESULTS), *own, str(SUITE), environment=deployed.environment)


if __name__ == "__main__":
    sys.exit(main())
