"""Build contexts that must be filled before: Debian's base system, the collector's program, Keycloak."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import yaml

from harness.cluster.settings import VERSIONS
from harness.common.cache import cache_folder
from harness.common.commands import run_logged
from harness.common.debian_packages import install_debian_packages
from harness.common.debian_system import DEBIAN, make_debian_system
from harness.common.errors import HarnessError
from harness.common.go import COMPILER_FLAGS, Go
from harness.images.catalog import Image

DEBIAN_PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
# Files that no program needs at run time.
UNUSED = ("usr/share/doc", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man")
DOWNLOADS = ("var/cache", "var/lib/apt/lists", "var/log")
GO: str = VERSIONS["go"]
KEYCLOAK = "org.keycloak:keycloak-quarkus-dist"  # its distribution, in Maven's repository
KEYCLOAK_SHA256 = {"26.7.3": "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"}
DOWNLOAD_LIMIT = 900  # seconds
COMPILE_LIMIT = 3600  # seconds


def build_debian_context(image: Image, context: Path, log: Path, _: Path) -> None:
    """Fill the folder `root` of the context with a small Debian that has Python and pip."""
    shutil.copy(image.folder / "Dockerfile", context)
    root = context / "root"
    make_debian_system(root, DEBIAN_PACKAGES, log)
    for name in UNUSED:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in DOWNLOADS:
        for path in (root / name).rglob("*"):
            if path.is_file():
                path.unlink()


def build_collector_context(image: Image, context: Path, log: Path, cache: Path) -> None:
    """Compile the collector that builder.yaml describes into the context."""
    config = image.folder / "builder.yaml"
    version = collector_version(config)
    if version != image.version:
        raise HarnessError(
            f"The overlay wants collector {image.version}, but {config} describes {version}; change one."
        )
    shutil.copy(image.folder / "Dockerfile", context)
    compile_collector(config, context / "otelcol-contrib", log, cache)


def collector_version(config: Path) -> str:
    """Return the version of the collector that a builder.yaml describes."""
    return str(yaml.safe_load(config.read_text())["dist"]["version"])


def compile_collector(config: Path, program: Path, log: Path, cache: Path) -> None:
    """Compile the collector that a builder.yaml describes into a file, by the collector's own builder.

    Raises HarnessError when it does not compile.
    """
    go = Go(GO, cache)
    go.install(log)
    builder = f"go.opentelemetry.io/collector/cmd/builder@v{collector_version(config)}"
    with tempfile.TemporaryDirectory(dir=program.parent.parent) as work:
        run_logged(
            [go.program, "run", builder, "--config", config, "--gcflags", COMPILER_FLAGS],
            log,
            "The collector did not compile; running this again continues where it stopped.",
            COMPILE_LIMIT,
            downloads_from="The Go module proxy (GOPROXY)",
            environment=go.environment,
            folder=Path(work),
        )
        (Path(work) / "dist" / "otelcol-contrib").rename(program)


def find_collector(config: Path) -> Path:
    """Return the program of the collector that a builder.yaml describes, compiled into the cache once."""
    folder = cache_folder() / f"otelcol-{collector_version(config)}"
    program = folder / "otelcol-contrib"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        compile_collector(config, program, folder / "compile.log", cache_folder())
    return program


def build_keycloak_context(image: Image, context: Path, log: Path, _: Path) -> None:
    """Fill the folder `keycloak` of the context with Keycloak's distribution, as Maven gives it.

    Raises HarnessError when it is another file than the one that was locked.
    """
    if not shutil.which("mvn"):
        install_debian_packages(["maven"], log)
    name = f"{KEYCLOAK.partition(':')[2]}-{image.version}"
    archive = context / f"{name}.zip"
    run_logged(
        [
            "mvn", "--batch-mode", "--quiet", "dependency:copy",
            f"-Dartifact={KEYCLOAK}:{image.version}:zip", f"-DoutputDirectory={context}",
        ],
        log,
        f"Keycloak {image.version} could not be downloaded.",
        DOWNLOAD_LIMIT,
        downloads_from="Maven's repository",
    )  # fmt: skip
    if hashlib.sha256(archive.read_bytes()).hexdigest() != KEYCLOAK_SHA256.get(image.version):
        raise HarnessError(
            f"{archive.name} is not the file of KEYCLOAK_SHA256 in harness/images/contexts.py: for a new "
            "release, add its hash."
        )
    with zipfile.ZipFile(archive) as distribution:
        distribution.extractall(context)
    archive.unlink()
    (context / f"keycloak-{image.version}").rename(context / "keycloak")
    for script in (context / "keycloak" / "bin").glob("*.sh"):
        script.chmod(0o755)  # a zip file has no permissions for Python
    shutil.copy(image.folder / "Dockerfile", context)


# By the image's name; an image that is not here has all it needs in its own folder.
CONTEXT_BUILDERS: dict[str, Callable[[Image, Path, Path, Path], None]] = {
    "base": build_debian_context,
    "keycloak": build_keycloak_context,
    "opentelemetry-collector-contrib": build_collector_context,
}
# What decides the outcome beside the files of the image's own folder.
CONTEXT_INPUTS = {
    "base": [DEBIAN, *DEBIAN_PACKAGES, *UNUSED, *DOWNLOADS],
    "keycloak": [KEYCLOAK, *KEYCLOAK_SHA256.values()],
    "opentelemetry-collector-contrib": [GO],
}
