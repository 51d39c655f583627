"""Render overlays and combinations of components, each once a session."""

import functools
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from kubectl_binary import find_kubectl
from rendered import KUSTOMIZE, Stack


@pytest.fixture(scope="session")
def kubectl(pytestconfig: pytest.Config) -> str:
    cache = pytestconfig.cache
    assert cache is not None
    return find_kubectl(cache.mkdir("kubectl"))


@pytest.fixture(scope="session")
def render(kubectl: str) -> Callable[[Path], str]:
    @functools.cache
    def rendered(folder: Path) -> str:
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{folder} does not build: {done.stderr}"
        assert not done.stderr, f"{folder} builds with a warning: {done.stderr}"
        return done.stdout

    return rendered


@pytest.fixture(scope="session")
def overlay(render: Callable[[Path], str]) -> Callable[[str], Stack]:
    """Return a function that renders an overlay by name. What it returns is shared: copy it to change it."""
    return functools.cache(lambda name: Stack.parse(render(KUSTOMIZE / "overlays" / name)))


@pytest.fixture(scope="session")
def combination(
    render: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Stack]:
    """Return a function that renders the base with some components (their folders, in order)."""

    @functools.cache
    def build(components: Sequence[str]) -> Stack:
        folder = tmp_path_factory.mktemp("combination")
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(KUSTOMIZE / "base", folder.resolve())],
            "components": [os.path.relpath(KUSTOMIZE / c, folder.resolve()) for c in components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        return Stack.parse(render(folder))

    return build
