"""Plays a Kagenti installation for overlays/kagenti: a Helm chart, and a weather agent beside it.

The chart has the components that the overlay attaches to. On the embedded cluster all images are built here.
On kind they are the official ones, with the installation's own collector, 0.122.1.
"""

from __future__ import annotations

from pathlib import Path

from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.cache import cache_folder
from harness.common.commands import read_output
from harness.common.errors import HarnessError
from harness.common.kubectl import ensure_namespace, find, kubectl
from harness.common.kubectl_and_helm import find_program
from harness.images.catalog import image_entries
from harness.stand_ins.stand_in import StandIn

HERE = Path(__file__).parent
AGENTS_FOLDER = HERE / "agents"
SYSTEM, AGENTS = "kagenti-system", "team1"
RELEASE = "kagenti-deps"
PART_OF = "app.kubernetes.io/part-of=llm-observability"
LIMIT = "240s"
COLLECTOR = "docker.io/otel/opentelemetry-collector-contrib"
IMAGES = {"phoenix": "docker.io/arizephoenix/phoenix", "postgres": "docker.io/library/postgres"}


def helm(version: int, *arguments: str) -> str:
    """Return what Helm, of major version 3 or 4, prints. Raises HarnessError when it fails."""
    program = find_program(f"helm{version}", cache_folder() / "programs")
    return read_output([program, *arguments], f"`helm {' '.join(arguments[:3])}` (Helm {version}) failed")


def images() -> dict[str, str]:
    """Return the chart's values for its images, in the versions that the overlays have."""
    tags = {entry["name"]: entry["newTag"] for entry in image_entries("images")}
    names, wanted = {}, IMAGES
    if lifecycle.provider(Folders.from_environment()) == "embedded":
        names = {entry["name"]: entry["newName"] for entry in image_entries("built-images")}
        wanted = {**IMAGES, "collector": COLLECTOR}
    return {f"images.{key}": f"{names.get(name, name)}:{tags[name]}" for key, name in wanted.items()}


def install(version: int, *options: str) -> None:
    """Install or upgrade the chart's release, and wait until it runs."""
    values = [option for key, value in images().items() for option in ("--set-string", f"{key}={value}")]
    place = ["--namespace", SYSTEM, "--wait", f"--timeout={LIMIT}"]
    helm(version, "upgrade", "--install", RELEASE, str(HERE / "chart"), *place, *values, *options)


def up() -> None:
    """Install the stand-in with Helm 3, and wait until it and the agent run; what is up already stays.

    Raises HarnessError when something does not come up.
    """
    for namespace in (SYSTEM, AGENTS):
        ensure_namespace(kubectl, namespace)
    if not find(kubectl, "gateway", "http", "--namespace", SYSTEM):
        raise HarnessError(f"There is no Gateway http in {SYSTEM}: `tox -e cluster -- up` brings it.")
    kubectl("apply", "--kustomize", str(AGENTS_FOLDER))
    install(3)
    kubectl("rollout", "status", "deployment", "-n", AGENTS, "-l", PART_OF, f"--timeout={LIMIT}")


def down() -> None:
    """Remove the stand-in, and the ConfigMaps and Secrets that pods of the overlay made; namespaces stay.

    Raises HarnessError when something does not go.
    """
    kubectl("delete", "--kustomize", str(AGENTS_FOLDER), "--ignore-not-found")
    if RELEASE in helm(3, "list", "--namespace", SYSTEM, "--short").split():
        helm(3, "uninstall", RELEASE, "--namespace", SYSTEM, "--wait")
    kubectl("delete", "configmap,secret", "--namespace", SYSTEM, "--selector", PART_OF)


def environment() -> dict[str, str]:
    """Return nothing: the suites find all of it as they do elsewhere."""
    return {}


STAND_IN = StandIn("kagenti", up, down, environment)
