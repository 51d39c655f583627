"""What the manifests run in each official image, and what docs/images.md says of its Dockerfile."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.common.combinations import Combination, combinations
from harness.images.catalog import IMAGES, image_entries
from rendered import Object, Stack

PAGE = Path(__file__).parents[2] / "docs" / "images.md"
ENTRY_POINT = "its own entry point"
# Checked against the official Dockerfiles in docs/images.md.
PRESUMED = {
    "docker.io/library/postgres": {"bash", "pg_isready"},
    "ghcr.io/mlflow/mlflow": {"bash", "mlflow", "python3", "test"},
    "docker.io/arizephoenix/phoenix": {ENTRY_POINT},
    "docker.io/otel/opentelemetry-collector-contrib": {"/otelcol-contrib"},
}


def programs(container: Object) -> Iterator[str]:
    """Yield what a container, its probes and its hooks run."""
    yield container.get("command", [ENTRY_POINT])[0]
    hooks = list(container.get("lifecycle", {}).values())
    probes = [value for key, value in container.items() if key.endswith("Probe")]
    yield from (each["exec"]["command"][0] for each in (*hooks, *probes) if "exec" in each)


def smallest_combinations() -> set[Combination]:
    """Return every overlay alone, and each Component in the smallest combination that has it."""
    smallest: dict[str, Combination] = {}
    for each in sorted(combinations(), key=lambda each: len(each.components)):
        for name in each.components or (each.overlay,):
            smallest.setdefault(name, each)
    return set(smallest.values())


def test_manifests_run_no_program_that_no_dockerfile_was_read_for(
    combination: Callable[[Combination], Stack],
) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for wanted in smallest_combinations():
        for _, _, container in combination(wanted).containers():
            found[container["image"].rpartition(":")[0]].update(programs(container))
    official = {image: ran for image, ran in found.items() if not image.startswith("localhost/")}
    assert official == PRESUMED


def test_the_page_has_a_line_for_each_program() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `?([^|`]+?)`? \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {
        (image, program) for image, program in rows if "." in image and not program.startswith("docker")
    }
    wanted = {(image, program) for image, ran in PRESUMED.items() for program in ran}
    assert wanted <= listed


@pytest.mark.parametrize("entry", image_entries("built-images"), ids=lambda entry: entry["name"])
def test_what_is_built_in_its_place_starts_as_the_manifests_presume(entry: dict[str, str]) -> None:
    dockerfile = (IMAGES / entry["newName"].rpartition("/")[2] / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9]\d*", dockerfile, re.MULTILINE), "runAsNonRoot needs a number"
    if ENTRY_POINT in PRESUMED[entry["name"]]:
        assert re.search(r"^ENTRYPOINT ", dockerfile, re.MULTILINE)
