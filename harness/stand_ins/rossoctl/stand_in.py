"""Plays an installation of Rossoctl: a Helm chart with collector, backends, agent and tool.

The chart has two shapes: today's, and Kagenti's of before (chart/values-kagenti.yaml). MLflow and Phoenix
are of the releases that the public chart deploys; agent and tool make the public ones' spans. All images are
built here, on kind too, because each is another release than the overlays'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.cluster.settings import Folders
from harness.common.cache import cache_folder
from harness.common.commands import read_output
from harness.common.kubectl import Object, ensure_namespace, find, kubectl
from harness.common.kubectl_and_helm import find_program
from harness.common.yaml_loader import load_objects
from harness.images.catalog import Image, images_for
from harness.images.loading import load_images
from harness.images.requirements import write_requirements
from harness.stand_ins.stand_in import StandIn

HERE = Path(__file__).parent
CHART = HERE / "chart"
OPEN_METEO = HERE.parent / "open_meteo" / "server.py"
LIMIT = 240.0  # seconds until the release runs
HELM_LIMIT = 300.0  # seconds: more than Helm's own limit
# By the chart's values: image, tag, and until when its packages were published (empty: all).
OTHER_RELEASES = {
    "mlflow": ("mlflow", "v3.9.0", ""),
    "phoenix": ("phoenix", "version-8.32.1", "2025-05-20"),  # it does not start with pandas 3
    "weatherAgent": ("weather-agent", "0.1.0-public", ""),
    "weatherTool": ("weather-tool", "0.1.0-public", ""),
}
OWN_RELEASES = {
    "collector": "opentelemetry-collector-contrib",
    "postgres": "postgres",
    "model": "model",
}


@dataclass(frozen=True)
class Shape:
    """One shape of an installation: its namespaces, its release, and what differs from the chart's values."""

    namespace: str
    release: str
    options: tuple[str, ...] = ()
    agents_namespace: str = "team1"


def other_release(key: str) -> Image:
    """Return the image of a release that is not the overlays'."""
    name, tag, _ = OTHER_RELEASES[key]
    return Image(name, tag, HERE / "images" / name / "requirements.txt")


def renew_requirements() -> None:
    """Resolve the packages of the other releases anew. Raises HarnessError when they do not resolve."""
    for key, (_, _, until) in OTHER_RELEASES.items():
        write_requirements(other_release(key), until)


def image_references() -> dict[str, str]:
    """Return the image of each of the chart's values."""
    own = {image.name: image.reference for image in images_for("embedded")}
    return {key: own[name] for key, name in OWN_RELEASES.items()} | {
        key: other_release(key).reference for key in OTHER_RELEASES
    }


def helm(version: int, *arguments: str) -> str:
    """Return what Helm, of major version 3 or 4, prints. Raises HarnessError when it fails."""
    program = find_program(f"helm{version}", cache_folder() / "programs")
    failure = f"`helm {' '.join(arguments[:3])}` (Helm {version}) failed"
    return read_output([program, *arguments], failure, limit=HELM_LIMIT)


def install(shape: Shape, version: int, *options: str) -> None:
    """Install or upgrade the chart's release with Helm 3 or 4, and wait until it runs."""
    wait = ("--wait", f"--timeout={LIMIT:.0f}s")
    helm(version, "upgrade", "--install", *chart_arguments(shape), *wait, *options)


def render(shape: Shape) -> list[Object]:
    """Return the chart's objects as Helm makes them."""
    return load_objects(helm(3, "template", *chart_arguments(shape)))


def chart_arguments(shape: Shape) -> list[str]:
    """Return what Helm needs to know of a shape: release, chart, namespace and values."""
    images = [
        option
        for key, value in image_references().items()
        for option in ("--set-string", f"images.{key}={value}")
    ]
    program = ["--set-file", f"openMeteo={OPEN_METEO}", "--set", f"agents.namespace={shape.agents_namespace}"]
    place = [shape.release, str(CHART), "--namespace", shape.namespace]
    return [*place, *images, *program, *shape.options]


def up(shape: Shape) -> None:
    """Load the images, install the stand-in with Helm 3, and wait until it runs; what is up already stays.

    Raises HarnessError when something does not come up.
    """
    load_images(Folders.from_environment(), [other_release(key) for key in OTHER_RELEASES])
    for namespace in (shape.namespace, shape.agents_namespace):
        ensure_namespace(kubectl, namespace)
    install(shape, 3)


def down(shape: Shape) -> None:
    """Remove the stand-in with its namespaces. Raises HarnessError when something does not go."""
    if find(kubectl, "namespace", shape.namespace):
        helm(3, "uninstall", shape.release, "--namespace", shape.namespace, "--ignore-not-found", "--wait")
    for namespace in (shape.namespace, shape.agents_namespace):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", limit=HELM_LIMIT)


def make_stand_in(shape: Shape) -> StandIn:
    """Return the stand-in of one shape; the suites find all of it as they do elsewhere."""
    return StandIn("rossoctl", partial(up, shape), partial(down, shape), dict, renew_requirements)


SHAPE = Shape("rossoctl-system", "rossoctl-deps", ("--set", "phoenix.enabled=true"))
STAND_IN = make_stand_in(SHAPE)
WITHOUT_PHOENIX = make_stand_in(Shape("rossoctl-system", "rossoctl-deps", ("--set", "phoenix.enabled=false")))
