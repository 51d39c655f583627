"""Proves that an upgrade from MLflow's previous minor on an empty database keeps the traces.

    python -m harness.proofs.upgrade

It removes what is deployed, with its database. Then it applies the same manifests twice: with the previous
release's image, and as they are. What must hold is in before.robot and after.robot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import yaml

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import ROOT, write_kustomization
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import kubectl
from harness.common.progress import duration, say
from harness.common.suites import run_robot
from harness.deployment import Deployment
from harness.images.catalog import Image, images_for
from harness.images.loading import build_and_load, load_images
from harness.images.requirements import write_requirements

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
PREVIOUS = HERE / "previous"
RESULTS = ROOT / "results" / "upgrade"


def previous_tag() -> str:
    """Return the tag of MLflow's previous minor, such as v3.16.1-full."""
    component = yaml.safe_load((PREVIOUS / "kustomization.yaml").read_text(encoding="utf-8"))
    return str(component["images"][0]["newTag"])


def current_image() -> Image:
    """Return the image of MLflow that the overlays name."""
    return next(image for image in images_for("embedded") if image.name == "mlflow")


def previous_image() -> Image:
    """Return the previous release: the same Dockerfile with other locked packages."""
    return Image("mlflow", previous_tag(), LOCK)


def remove_stack(overlay: Path) -> None:
    """Remove what is deployed with its databases, also what e2e did not deploy; the Gateway comes back."""
    deployment.remove_deployed()
    kubectl("delete", "--kustomize", str(overlay), "--ignore-not-found", "--wait")
    lifecycle.up(Folders.from_environment())


def deploy_and_run(folder: Path, wanted: Deployment, suite: str, version: str) -> None:
    """Deploy an overlay's folder, and run a suite of this package for MLflow of a release.

    Raises HarnessError unless every test passes.
    """
    deployed = deployment.deploy(wanted, folder)
    deployment.wait_for_rollouts(deployed)
    results = RESULTS / suite
    shutil.rmtree(results, ignore_errors=True)
    variables = ["--variable", f"KEPT:{RESULTS}", "--variable", f"VERSION:{version}"]
    options = ["--outputdir", str(results), *deployed.robot_options, *variables]
    if run_robot(*options, str(HERE / f"{suite}.robot")):
        raise HarnessError(
            f"{suite}.robot failed; {results / 'report.html'}, or else the message above, says why."
        )


def prove() -> None:
    """Deploy the previous release, ask a question, upgrade and compare the trace.

    Raises HarnessError when a step cannot be done or a test fails.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "kept.json").unlink(missing_ok=True)
    folders = Folders.from_environment()
    lifecycle.up(folders)
    os.environ.update(lifecycle.environment(folders))
    build_and_load(folders)
    provider = lifecycle.provider(folders)
    if provider == "embedded":
        load_images(folders, [previous_image()])
    wanted, current = Deployment(provider, []), deployment.find_folder("overlays", provider)
    remove_stack(current)
    previous = write_kustomization(RESULTS / "overlay", current, [PREVIOUS])
    deploy_and_run(previous, wanted, "before", previous_image().version)
    deploy_and_run(current, wanted, "after", current_image().version)


@reports_errors
def main() -> int:
    """Upgrade MLflow from its previous minor; the exit code is 0 only when its traces are still there."""
    parser = argparse.ArgumentParser(prog="python -m harness.proofs.upgrade", description=main.__doc__)
    parser.add_argument(
        "--lock", action="store_true", help="only resolve the previous release's packages anew"
    )
    arguments = parser.parse_args()
    started = time.monotonic()
    if arguments.lock:
        write_requirements(previous_image())
        return 0
    prove()
    versions = f"from {previous_image().version} to {current_image().version}"
    say(
        f"MLflow was upgraded {versions} in {duration(time.monotonic() - started)}; its traces are unchanged."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
