"""What `tox -e upgrade` runs: MLflow's previous minor is deployed, asked, and upgraded; its traces must stay.

The stack is removed first, with its database; then the same manifests are applied twice, with the previous
release's image and as they are. What must hold is in before.robot and after.robot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import yaml

from harness import e2e
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError
from harness.e2e import Deployment, StepError
from harness.images.catalog import Image, images_for
from harness.images.loading import load_images
from harness.images.requirements import write_requirements

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
PREVIOUS = HERE / "previous"
RESULTS = e2e.RESULTS / "upgrade"


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


def overlay_with_previous(overlay: str) -> Path:
    """Return a folder with the overlay, MLflow's previous minor in it."""
    folder = RESULTS / "overlay"
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(e2e.folder_of("overlays", overlay), folder)],
        "components": [os.path.relpath(PREVIOUS, folder)],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return folder


def remove_stack(overlay: str) -> None:
    """Remove what is deployed, databases and all; the cluster then brings back its Gateway."""
    before = e2e.deployed_before()
    if before:
        e2e.remove(before.objects)
    folder = str(e2e.folder_of("overlays", overlay))
    e2e.in_cluster("kubectl", "delete", "--kustomize", folder, "--ignore-not-found", "--wait")
    e2e.record(Deployment(overlay, []))
    e2e.run("harness.cluster", "up")


def verify(suite: str, version: str) -> None:
    """Run a suite of this folder against the cluster; raise StepError unless every test passes."""
    results = RESULTS / suite
    shutil.rmtree(results, ignore_errors=True)
    variables = ["--variable", f"KEPT:{RESULTS}", "--variable", f"VERSION:{version}"]
    paths = ["--pythonpath", str(e2e.ROOT / "libraries"), "--outputdir", str(results)]
    robot = [sys.executable, "-m", "robot", *paths, *variables]
    e2e.in_cluster(*robot, str(HERE / f"{suite}.robot"))


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
        overlay = e2e.ask("harness.cluster", "provider")
        wanted = Deployment(overlay, [])
        e2e.run("harness.cluster", "up")
        e2e.load_images()
        if overlay == "embedded":
            load_images(Folders.from_environment(), [previous_image()])
        remove_stack(overlay)
        e2e.wait_for_rollouts(e2e.deploy(wanted, overlay_with_previous(overlay)))
        verify("before", previous_image().version)
        e2e.wait_for_rollouts(e2e.deploy(wanted, e2e.folder_of("overlays", overlay)))
        verify("after", current_image().version)
    except (StepError, HarnessError) as failure:
        print(f"upgrade: {failure}", file=sys.stderr)
        return 1
    versions = f"from {previous_image().version} to {current_image().version}"
    print(f"MLflow was upgraded {versions} in {time.monotonic() - started:.0f} s, its traces are there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
