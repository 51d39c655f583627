"""Render overlays and combinations of Components, each once until a file of kustomize/ changes."""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.common import combinations
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
    # Memory that is not collected makes it a fifth faster, and a render needs little. A second thread costs
    # a tenth, and the other cores have tests of their own.
    environment = {**os.environ, "GOGC": "off", "GOMAXPROCS": "1"}

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
def kept(kubectl: str, pytestconfig: pytest.Config) -> Path:
    """Return a folder for what this kubectl renders from kustomize/ as it is, shared by all test runs."""
    program = Path(kubectl).stat()
    digest = hashlib.sha256(f"{kubectl} {program.st_size} {program.st_mtime_ns}".encode())
    manifests = sorted(path for path in KUSTOMIZE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    for file in (*manifests, Path(combinations.__file__), Path(__file__)):
        digest.update(f"\n{file}\n".encode())
        digest.update(file.read_bytes())
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir("rendered") / digest.hexdigest()
    for outdated in folder.parent.iterdir():
        if outdated != folder:
            shutil.rmtree(outdated, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def compose(
    render: Callable[[Path], str], kept: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Sequence[str]], Stack]:
    """Return a function that renders a folder of kustomize/ with Components on top, by their names.

    What it returns is shared: copy it to change it.
    """

    def folder_of(resource: str, components: tuple[str, ...]) -> Path:
        if not components:
            return KUSTOMIZE / resource
        folder = tmp_path_factory.mktemp("composed")
        paths = [KUSTOMIZE / "components" / name for name in components]
        return write_kustomization(folder, KUSTOMIZE / resource, paths)

    @functools.cache
    def composed(resource: str, components: tuple[str, ...]) -> Stack:
        name = hashlib.sha256(json.dumps([resource, *components]).encode()).hexdigest()
        file = kept / f"{name}.json"
        if not file.exists():
            stack = Stack.parse(render(folder_of(resource, components)))
            with tempfile.NamedTemporaryFile("w", dir=kept, delete=False, encoding="utf-8") as partial:
                json.dump(stack.objects, partial)
            Path(partial.name).rename(file)
        return Stack(json.loads(file.read_text(encoding="utf-8")))

    return lambda resource, components: composed(resource, tuple(components))


@pytest.fixture(scope="session")
def overlay(compose: Callable[[str, Sequence[str]], Stack]) -> Callable[[str], Stack]:
    """Return a function that renders an overlay by name."""
    return lambda name: compose(f"overlays/{name}", ())


@pytest.fixture(scope="session")
def on_base(compose: Callable[[str, Sequence[str]], Stack]) -> Callable[[tuple[str, ...]], Stack]:
    """Return a function that renders the base with some Components on top, by their names, in order."""
    return lambda components: compose("base", components)


@pytest.fixture(scope="session")
def combination(compose: Callable[[str, Sequence[str]], Stack]) -> Callable[[Combination], Stack]:
    """Return a function that renders an overlay with Components on top, as `tox -e e2e` deploys it."""
    return lambda wanted: compose(f"overlays/{wanted.overlay}", wanted.on_top)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests report beyond passed and failed, as the property `summary`."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, line in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(line))
