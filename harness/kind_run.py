"""What `tox -e kind` runs: `tox -e e2e` on a kind cluster from nothing, which is removed afterwards.

Where no engine answers, Docker is unpacked and started for this run alone, as root on Debian. Where that is
not possible either, one line says why, and the exit code is 0. The embedded cluster is not touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

from harness.cluster.own_engine import OwnEngine
from harness.cluster.settings import CLUSTER_NAME, Folders
from harness.common.combinations import ROOT
from harness.common.commands import succeeds
from harness.common.container_engine import find_container_engine
from harness.common.errors import HarnessError, reports_errors, stop_when_terminated
from harness.common.progress import duration, say
from harness.e2e import parse_arguments

RESULTS = ROOT / "results"
ENGINE_LIMIT = 60.0  # seconds


def run_on(engine: Mapping[str, str], folders: Folders, arguments: list[str]) -> int:
    """Run e2e on a new kind cluster, remove the cluster, and return the exit code of e2e, or else of `down`.

    `engine` is what lets programs find the engine, in the environment; `folders` are the cluster's.
    """
    environment = {**os.environ, **engine, "EMBEDDED_CLUSTER_STATE": str(folders.state)}
    left = 0
    try:
        e2e = [sys.executable, "-m", "harness.e2e", *arguments]
        code = subprocess.run(e2e, env=environment, check=False).returncode
    finally:
        # Without a cluster in this folder, `down` would look for an embedded one.
        if folders.provider.exists():
            down = [sys.executable, "-m", "harness.cluster", "down"]
            left = subprocess.run(down, env=environment, check=False).returncode
        else:
            shutil.rmtree(folders.state, ignore_errors=True)
    return code or left


def check_that_no_cluster_is_there(engine: str) -> None:
    """Reject an engine that has a cluster of our name already: it is its user's.

    Raises HarnessError.
    """
    node = f"{CLUSTER_NAME}-control-plane"
    if succeeds([engine, "container", "inspect", node], ENGINE_LIMIT):
        raise HarnessError(
            f"{engine} has a kind cluster {CLUSTER_NAME} already, which this would remove; use it with"
            " `tox -e e2e`, or remove it first: tox -e cluster -- down"
        )


@reports_errors
def main(arguments: list[str] | None = None) -> int:
    """Run e2e with these options on kind; return its exit code, and 0 where there can be no engine."""
    options = sys.argv[1:] if arguments is None else arguments
    parse_arguments(options)  # what e2e does not know is refused before an engine is started
    stop_when_terminated()
    default = Folders.from_environment()
    folders = Folders(state=default.state.with_name("kind-run"), cache=default.cache)
    engine = find_container_engine()
    if engine:
        check_that_no_cluster_is_there(engine)
        return run_on({}, folders, options)
    own = OwnEngine(default.state.with_name("kind-run-engine"), RESULTS / "engine.log")
    started = time.monotonic()
    try:
        try:
            own.start()
        except (HarnessError, OSError) as reason:
            say(f"no engine can be had here: {' '.join(str(reason).split())}")
            return 0
        say(f"No engine answers here: started Docker for this run in {duration(time.monotonic() - started)}.")
        return run_on(own.environment, folders, options)
    finally:
        own.stop()


if __name__ == "__main__":
    sys.exit(main())
