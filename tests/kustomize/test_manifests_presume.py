"""What the manifests presume of each official image: harness/images/presumed.yaml, and docs/images.md."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.common.combinations import KUSTOMIZE, Combination, combinations
from harness.images.catalog import IMAGES, image_entries
from harness.images.presumed import read_presumed
from rendered import Object, Stack, all_containers

PAGE = Path(__file__).parents[2] / "docs" / "images.md"
PRESUMED = read_presumed()
ENTRY_POINT = "its own entry point"
PYTHON_IMAGES = ("ghcr.io/mlflow/mlflow", "docker.io/arizephoenix/phoenix")
# Of an image of your own, which Component mlflow-oidc wants.
OTHER_MODULES = {"mlflow_oidc_auth"}
# What is imported by the programs themselves: Phoenix, a login's forms, and the drivers of connection URLs.
IMPORTED_BY_PROGRAMS = {"asyncpg", "flask_wtf", "phoenix", "psycopg2"}
READ_ONLY_VOLUMES = {"configMap", "secret", "projected", "downwardAPI"}


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


def containers_of_official_images(
    combination: Callable[[Combination], Stack],
) -> Iterator[tuple[Combination, str, Object, Object]]:
    """Yield the combination, the image without its tag, the pod and the container, for each container."""
    for wanted in smallest_combinations():
        for _, pod in combination(wanted).pods():
            for container in all_containers(pod):
                image = container["image"].rpartition(":")[0]
                if not image.startswith("localhost/"):
                    yield wanted, image, pod, container


def words_of_scripts() -> set[str]:
    """Return all words of the shell scripts that pods run, mounted ones and those in an argument."""
    files = (*KUSTOMIZE.rglob("*.sh"), *KUSTOMIZE.rglob("*.yaml"))
    return {word for file in files for word in re.findall(r"[\w-]+", file.read_text())}


def imported_modules() -> set[str]:
    """Return what the scripts that pods run import, beside the standard library and each other."""
    scripts = list(KUSTOMIZE.rglob("*.py"))
    found: set[str] = set()
    for script in scripts:
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    own = {script.stem for script in scripts} | set(sys.stdlib_module_names)
    return {name for name in found if name.partition(".")[0] not in own}


def test_manifests_run_no_program_that_no_dockerfile_was_read_for(
    combination: Callable[[Combination], Stack],
) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for _, image, _, container in containers_of_official_images(combination):
        found[image].update(programs(container))
    scripts = words_of_scripts()
    assert found.keys() == PRESUMED.keys()
    for image, presumed in PRESUMED.items():
        own = {ENTRY_POINT} if presumed.entry_point and ENTRY_POINT in found[image] else set()
        assert found[image] <= presumed.programs | own, image
        assert presumed.programs - found[image] <= scripts, f"{image}: these programs are not run"


def test_scripts_import_no_module_that_no_dockerfile_was_read_for() -> None:
    presumed = set().union(*(PRESUMED[image].modules for image in PYTHON_IMAGES))
    needed = {
        module
        for module in imported_modules()
        if module.partition(".")[0] not in OTHER_MODULES
        and not any(f"{module}.".startswith(f"{name}.") for name in presumed)
    }
    assert needed == set()
    tops = {name.partition(".")[0] for name in imported_modules()}
    assert {name.partition(".")[0] for name in presumed} - tops == IMPORTED_BY_PROGRAMS


def test_nothing_is_written_but_to_volumes(combination: Callable[[Combination], Stack]) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for _, image, pod, container in containers_of_official_images(combination):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        volumes = {each["name"]: each for each in pod.get("volumes", ())}
        for mount in container.get("volumeMounts", ()):
            kinds = volumes.get(mount["name"], {"volumeClaimTemplate": {}}).keys()
            if not mount.get("readOnly") and not kinds & READ_ONLY_VOLUMES:
                found[image].add(mount["mountPath"])
    assert found == {image: set(presumed.writable) for image, presumed in PRESUMED.items()}


def test_the_users_number_is_the_pods_or_openshifts(combination: Callable[[Combination], Stack]) -> None:
    for wanted, image, pod, container in containers_of_official_images(combination):
        context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
        assert context["runAsNonRoot"] is True
        assert context.get("runAsUser") or wanted.overlay == "openshift", f"{wanted}: {image}"


def test_the_database_names_its_locale_itself() -> None:
    (command,) = re.findall(
        r"initdb (?:.*\\\n)+.*", (KUSTOMIZE / "base" / "postgres" / "start.sh").read_text(encoding="utf-8")
    )
    assert {"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"} <= set(command.split())


def test_the_page_has_a_line_for_each_program_and_module() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `?([^|`]+?)`? \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    wanted = {
        (image, name)
        for image, presumed in PRESUMED.items()
        for name in (*presumed.programs, *presumed.modules, *([ENTRY_POINT] if presumed.entry_point else []))
    }
    assert wanted <= set(rows)


@pytest.mark.parametrize("entry", image_entries("built-images"), ids=lambda entry: entry["name"])
def test_what_is_built_in_its_place_starts_as_the_manifests_presume(entry: dict[str, str]) -> None:
    dockerfile = (IMAGES / entry["newName"].rpartition("/")[2] / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9]\d*", dockerfile, re.MULTILINE), "runAsNonRoot needs a number"
    if PRESUMED[entry["name"]].entry_point:
        assert re.search(r"^ENTRYPOINT ", dockerfile, re.MULTILINE)
