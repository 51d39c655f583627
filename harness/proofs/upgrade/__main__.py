"""Proves that an upgrade from MLflow's previous minor on an empty database keeps the traces.

    python -m harness.proofs.upgrade

It removes what is deployed, with its database. Then it applies the same manifests twice: with the previous
release's image, and as they are. What must hold is in before.robot and after.robot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from harness import deployment
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError, report_error
from harness.common.kubectl import kubectl
from harness.deployment import Deployment
from harness.images.catalog import Image, images_for
from harness.images.loading import build_and_load, load_images
from harness.images.requirements import write_requirements

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
PREVIOUS = HERE / "previous"
ROOT = HERE.parents[2]
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


def remove_stack(overlay: str) -> None:
    """Remove what is deployed, databases and all; the cluster then brings back its Gateway."""
    deployment.remove_deployed()
    folder = str(deployment.find_folder("overlays", overlay))
    kubectl("delete", "--kustomize", folder, "--ignore-not-found", "--wait")
    lifecycle.up(Folders.from_environment())


def verify(suite: str, version: str) -> None:
    """Run a suite of this folder against the cluster; raise HarnessError unless every test passes."""
    results = RESULTS / suite
    shutil.rmtree(results, ignore_errors=True)
    variables = ["--variable", f"KEPT:{RESULTS}", "--variable", f"VERSION:{version}"]
    paths = ["--pythonpath", str(ROOT / "libraries"), "--outputdir", str(results)]
    robot = [sys.executable, "-m", "robot", *paths, *variables, str(HERE / f"{suite}.robot")]
    if subprocess.run(robot, cwd=ROOT, check=False).returncode:
        raise HarnessError(f"{suite}.robot failed; {results / 'report.html'} says why.")


def main() -> int:
    """Upgrade MLflow from its previous minor; the exit code is 0 only when its traces are still there."""
    parser = argparse.ArgumentParser(prog="tox -e upgrade --", description=main.__doc__)
    parser.add_argument(
        "--lock", action="store_true", help="only resolve the previous release's packages anew"
    )
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        if arguments.lock:
            write_requirements(previous_image())
            return 0
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / "kept.json").unlink(missing_ok=True)
        folders = Folders.from_environment()
        overlay = lifecycle.provider(folders)
        wanted = Deployment(overlay, [])
        lifecycle.up(folders)
        os.environ.update(lifecycle.environment(folders))
        build_and_load(folders)
        if overlay == "embedded":
            load_images(folders, [previous_image()])
        remove_stack(overlay)
        current = deployment.find_folder("overlays", overlay)
        previous = deployment.write_kustomization(RESULTS / "overlay", current, [PREVIOUS])
        deployment.wait_for_rollouts(deployment.deploy(wanted, previous))
        verify("before", previous_image().version)
        deployment.wait_for_rollouts(deployment.deploy(wanted, current))
        verify("after", current_image().version)
    except HarnessError as error:
        report_error(error)
        return 1
    versions = f"from {previous_image().version} to {current_image().version}"
    print(f"MLflow was upgraded {versions} in {time.monotonic() - started:.0f} s, its traces are there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
