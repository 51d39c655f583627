"""Each folder is a whole build context, so the Dockerfiles repeat their first stage; it may not differ."""

import re
from pathlib import Path

import pytest

from harness.images.catalog import APPS, IMAGES

DOCKERFILES = sorted([*APPS.glob("*/Dockerfile"), *IMAGES.glob("*/Dockerfile")])
PYTHON_DOCKERFILES = [path for path in DOCKERFILES if "uv pip install" in path.read_text()]
A2A_SDK = " OTEL_INSTRUMENTATION_A2A_SDK_ENABLED=false"  # of the agent alone


def folder(path: Path) -> str:
    return path.parent.name


def install_step(path: Path) -> str:
    (step,) = [step for step in re.split(r"\n(?=[A-Z]+ )", path.read_text()) if "uv pip install" in step]
    return step


def test_apps_differ_in_nothing_but_their_package() -> None:
    texts = []
    for path in APPS.glob("*/Dockerfile"):
        (package,) = [file.parent.name for file in path.parent.glob("*/__main__.py")]
        texts.append(path.read_text().replace(package, "PACKAGE").replace(A2A_SDK, ""))
    assert len(texts) == 4
    assert set(texts) == {texts[0]}


def test_backends_install_their_release_alike() -> None:
    steps = {install_step(IMAGES / name / "Dockerfile") for name in ("mlflow", "phoenix")}
    assert len({re.sub(r'"[a-z-]+==', '"RELEASE==', step) for step in steps}) == 1


@pytest.mark.parametrize("path", PYTHON_DOCKERFILES, ids=folder)
def test_step_that_installs_sees_this_machines_registries(path: Path) -> None:
    mounted = set(re.findall(r"--mount=type=secret,id=(\w+),target=\S+ ", install_step(path)))
    assert mounted == {"pip", "uv", "certificates"}


def test_all_install_with_one_release_of_uv_on_one_base() -> None:
    text = "\n".join(path.read_text() for path in PYTHON_DOCKERFILES)
    releases = re.findall(r" uv==([0-9.]+)", text)
    assert len(releases) == len(PYTHON_DOCKERFILES)
    assert len(set(releases)) == 1
    assert len(set(re.findall(r"^ARG BASE_IMAGE=.*", text, re.MULTILINE))) == 1
