"""What `tox -e e2e` runs: a cluster of its own, the images, an overlay, and the suites that verify it."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.node_options import add_node_options
from harness.cluster.settings import Folders
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, report_error, reports_errors
from harness.common.kubectl import current_context
from harness.common.meanwhile import meanwhile
from harness.common.progress import say
from harness.common.robot_results import Counts, count_tests
from harness.common.step_times import StepTimes
from harness.common.suites import SUITES, run_and_read
from harness.deployment import Deployment
from harness.images.loading import build_and_load
from harness.result import NOT_JUDGED, read_result
from harness.stand_ins import INSTALLATIONS
from harness.suite_options import suite_options

RESULTS = ROOT / "results"
BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}  # program: Debian's package


@contextmanager
def images_beside() -> Iterator[Callable[[], None]]:
    """Yield what starts to build the images in a process of its own, which ends with this context.

    The images wait for the network while the cluster compiles. What the process cannot do, it leaves to
    `build_and_load`, which waits for it, and reports.
    """
    log = RESULTS / "images.log"
    builds: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        say(f"      The images are built meanwhile, log in {log}")
        command = [sys.executable, "-m", "harness.images", "--no-load"]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            builds.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    try:
        yield start
    finally:
        for build in builds:
            if build.poll() is None:
                os.killpg(build.pid, signal.SIGTERM)  # with the programs that it runs
            build.wait()


def install_browser() -> None:
    """Install the browser that the suite of pages needs where Debian's packages can give it.

    Where they cannot, that suite's own message says what to install.
    """
    missing = [package for program, package in BROWSER.items() if not shutil.which(program)]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        say(f"Installing {' and '.join(missing)} from Debian's packages ...")
        for command in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *command], check=False, stdout=subprocess.DEVNULL)


def run_suites(options: list[str], environment: dict[str, str]) -> Counts:
    """Run every suite against the cluster and return how many tests passed, failed and were skipped.

    `environment` is what the suites must know beside this process's own variables.
    Raises HarnessError when Robot Framework could not run them.
    """
    return count_tests(run_and_read(RESULTS, *options, str(SUITES), environment=environment))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; argparse ends the program for one that is wrong."""
    parser = argparse.ArgumentParser(prog="tox -e e2e --", description=__doc__)
    parser.add_argument(
        "--overlay",
        help="a folder of kustomize/overlays (default: this cluster's own), or one of "
        f"{', '.join(INSTALLATIONS)}: a stand-in for what somebody else installed",
    )
    parser.add_argument(
        "--component",
        action="append",
        default=[],
        dest="components",
        help="a folder of kustomize/components to put on top; may be given several times",
    )
    add_node_options(parser)
    parser.add_argument(
        "--disruptive", action="store_true", help="let robot/resilience disrupt the stack, pods and passwords"
    )
    parser.add_argument(
        "robot_options",
        nargs="*",
        metavar="-- OPTION",
        help="options for robot: -- --variable CITY:Rome",
    )
    return parser.parse_args(arguments)


def run(arguments: argparse.Namespace, times: StepTimes) -> int:
    """Take the cluster from nothing to a verified stack; return the exit code.

    It is 0 only when every test passed, and applying the overlay a second time would change nothing. It is 2
    where the suites judged nothing.
    Raises HarnessError when a step cannot be done.
    """
    folders = Folders.from_environment()
    provider = lifecycle.provider(folders)
    wanted = Deployment(arguments.overlay or provider, arguments.components)
    overlay = deployment.write_overlay(RESULTS / "overlay", wanted.overlay, wanted.components, provider)
    with images_beside() as build_images:
        with times.step("cluster"):
            lifecycle.up(folders, arguments.node_image, arguments.nodes, build_images)
            os.environ.update(lifecycle.environment(folders))
        with times.step("images"):
            deployment.restart_users_of(build_and_load(folders))
    with times.step("overlay", wanted.title):
        deployed = deployment.deploy(wanted, overlay)
    # The steps before this one use apt, too.
    with times.step("browser and rollouts"), meanwhile(install_browser):
        deployment.wait_for_rollouts(deployed)
    with times.step("second apply, in a dry run"):
        changes = deployment.find_changes_of_a_second_apply(overlay) if overlay else []
    with times.step("suites"):
        own = suite_options(wanted.overlay, wanted.components)
        disruptive = ["--variable", f"DISRUPTIVE:{current_context()}"] if arguments.disruptive else []
        options = [*deployed.robot_options, *own, *disruptive, *arguments.robot_options]
        counts = run_suites(options, deployed.environment)
    times.write(RESULTS / "times.json", wanted.title)
    say(f"\nReport: {RESULTS / 'report.html'}\n{times.table()}")
    say("The cluster stays up for the next run; remove it with: tox -e cluster -- down")
    if changes:
        say(f"Error: a second `kubectl apply -k` would change {', '.join(changes)}.")
    say(str(counts))
    code, _ = read_result(RESULTS / "diagnosis.json")
    return 1 if changes else code


@reports_errors
def main() -> int:
    """Run a command line; return the exit code, 2 where a step before the suites could not be done."""
    arguments = parse_arguments()
    times = StepTimes()
    try:
        return run(arguments, times)
    except HarnessError as error:
        if times.seconds:
            say(f"\n{times.table()}")
        report_error(error)
        return NOT_JUDGED


if __name__ == "__main__":
    sys.exit(main())
