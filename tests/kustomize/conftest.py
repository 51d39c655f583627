"""Render overlays and combinations of Components, each once a session."""

import functools
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.common.combinations import KUSTOMIZE, Combination, write_kustomization
from harness.common.kubectl_and_helm import find_program
from rendered import BuildError, Stack


@pytest.fixture(scope="session")
def kubectl(pytestconfig: pytest.Config) -> str:
    cache = pytestconfig.cache
    assert cache is not None
    return find_program("kubectl", cache.mkdir("programs"))


@pytest.fixture(scope="session")
def render(kubectl: str) -> Callable[[Path], str]:
    # Memory that is not collected makes it a fifth faster, and a render needs little.
    environment = {**os.environ, "GOGC": "off"}

    @functools.cache
    def rendered(folder: Path) -> str:
        done = subprocess.run(
            [kubectl, "kustomize", folder], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode:
            raise BuildError(f"{folder} does not build: {done.stderr}")
        assert not done.stderr, f"{folder} builds with a warning: {done.stderr}"
        return done.stdout

    return rendered


@pytest.fixture(scope="session")
def overlay(render: Callable[[Path], str]) -> Callable[[str], Stack]:
    """Return a function that renders an overlay by name. What it returns is shared: copy it to change it."""
    return functools.cache(lambda name: Stack.parse(render(KUSTOMIZE / "overlays" / name)))


@pytest.fixture(scope="session")
def compose(
    render: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Sequence[str]], str]:
    """Return a function that renders a folder of kustomize/ with Components on top, by their names."""

    @functools.cache
    def composed(resource: str, components: tuple[str, ...]) -> str:
        if not components:
            return render(KUSTOMIZE / resource)
        folder = tmp_path_factory.mktemp("composed")
        write_kustomization(
            folder, KUSTOMIZE / resource, [KUSTOMIZE / "components" / name for name in components]
        )
        return render(folder)

    return lambda resource, components: composed(resource, tuple(components))


@pytest.fixture(scope="session")
def on_base(compose: Callable[[str, Sequence[str]], str]) -> Callable[[tuple[str, ...]], Stack]:
    """Return a function that renders the base with some Components on top, by their names, in order."""
    return functools.cache(lambda components: Stack.parse(compose("base", components)))


@pytest.fixture(scope="session")
def combination(compose: Callable[[str, Sequence[str]], str]) -> Callable[[Combination], Stack]:
    """Return a function that renders an overlay with Components on top, as `tox -e e2e` deploys it."""
    return functools.cache(lambda wanted: Stack.parse(compose(f"overlays/{wanted.overlay}", wanted.on_top)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests report beyond passed and failed, as the property `summary`."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, line in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(line))
