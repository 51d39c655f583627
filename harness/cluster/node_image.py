"""Builds an image for kind's node on a machine that can pull none.

It has what kind's own recipe puts into a node (images/base of its Go module), from Debian's packages, and
the Kubernetes that the embedded cluster runs too. kindnet, kind's own network, is in no package registry:
kube-router takes its place. It connects several nodes, and enforces network policies.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from harness.cluster import image_archives, settings
from harness.cluster.build import (
    ProductBuilder,
    cache_key,
    helper_image,
    missing_packages,
    pause_image,
    products,
)
from harness.cluster.kind_program import MODULE, download_module
from harness.cluster.settings import VERSIONS, Folders
from harness.common.commands import read_output, run_logged, succeeds
from harness.common.debian_packages import install_debian_packages
from harness.common.debian_system import DEBIAN, make_debian_system
from harness.common.errors import HarnessError
from harness.common.go import Go
from harness.common.progress import Steps

NAME = "localhost/kind-node"
FILES = settings.HERE / "kind_node"
IMPORT_SERVICE = "kind-images.service"
MASQUERADE_SERVICE = "kind-masquerade.service"
MASQUERADE = "etc/kind-masquerade.nft"
CONFLIST = "10-kube-router.conflist"
NETWORK = "kind-node"  # in the node's nftables
BRIDGE = "kube-bridge"  # kube-router's own name
ROUTER = "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0"
ROUTER_IMAGE = f"localhost/{ROUTER.rpartition('/')[2].replace('@', ':')}"
# The node's programs that kube-router calls, each by its names; iptables by the kernel's nf_tables.
ROUTER_TOOLS = {
    "usr/bin/ip": ("ip",),
    "usr/sbin/ipset": ("ipset",),
    "usr/sbin/xtables-nft-multi": ("iptables", "iptables-restore", "iptables-save"),
}
PROVISIONER = f"localhost/local-path-provisioner:v{VERSIONS['local_path_provisioner']}"
# What kind's images/base/Dockerfile installs or compiles, less what serves NFS, iSCSI and FUSE.
PACKAGES = (
    *("systemd", "conntrack", "iptables", "ipset", "nftables", "iproute2", "ethtool", "util-linux", "mount"),
    *("kmod", "libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq", "procps"),
    *("containerd", "runc", "containernetworking-plugins"),
)
PACKAGED = {package: file for file, package in VERSIONS["debian"].items()}
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
NODE_COMMANDS = ("kubeadm", "kubectl", "kubelet")
# Services that have no place in a container, as the recipe removes them.
UNWANTED = (
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*",
    "etc/systemd/system/*.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "lib/systemd/system/basic.target.wants/*",
)
WANTED = (
    "kubelet.service",
    "containerd.service",
    "undo-mount-hacks.service",
    IMPORT_SERVICE,
    MASQUERADE_SERVICE,
)
START: dict[str, object] = {
    "Entrypoint": ["/usr/local/bin/entrypoint", "/sbin/init"],
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker"],
    "StopSignal": "SIGRTMIN+3",
}
# What the recipe makes of `ctr oci spec`, for every container of a pod.
SPECIFICATION = (
    '.hooks.createContainer = [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)'
)
BUILD_LIMIT = 900.0  # seconds for one step


def storage_manifest(source: str, provisioner: str, helper: str) -> str:
    """Return the manifest of kind's storage class, out of const_storage.go, with images of this machine.

    Raises HarnessError when the file is not written as it was in the pinned release.
    """
    found = re.search(r"const defaultStorageManifest = `\n(.*)`\s*\Z", source, re.DOTALL)
    images = {"storageProvisionerImage": provisioner, "storageHelperImage": helper}
    if not found or not all(f"` + {name} + `" in found[1] for name in images):
        raise HarnessError(
            "kind's module keeps its storage manifest in another form than the pinned release;"
            " correct harness/cluster/node_image.py."
        )
    manifest = found[1]
    for name, image in images.items():
        manifest = manifest.replace(f"` + {name} + `", image)
    return manifest


def containerd_config(text: str, pause: str) -> str:
    """Return kind's configuration of containerd, changed for this image.

    The image of a pod's namespaces is `pause`. The node runs without CAP_SYS_RESOURCE too, and CoreDNS may
    listen on port 53 as in containerd 2.
    """
    text = re.sub(r'sandbox_image = ".*"', f'sandbox_image = "{pause}"', text)
    more = "restrict_oom_score_adj = true\n  enable_unprivileged_ports = true"
    return text.replace("restrict_oom_score_adj = false", more)


class NodeImage:
    """The image of kind's node, for one container engine, `docker` or `podman`."""

    def __init__(self, folders: Folders, engine: str, steps: Steps) -> None:
        """Keep it in the cache of `folders`, and report the progress to `steps`."""
        self.folders = folders
        self.engine = engine
        self.steps = steps
        self.builder = ProductBuilder(folders, steps)
        self.log = folders.log / "node-image.log"

    @property
    def key(self) -> str:
        """A hash over all that decides what is built."""
        built = [product.key for product in products(self.folders).values()]
        masquerade = (settings.HERE / "templates/masquerade.nft").read_text()
        ranges = f"{settings.KIND_POD_RANGE} {settings.KIND_SERVICE_RANGE}"
        return cache_key(FILES, [MODULE, DEBIAN, *built, Path(__file__).read_text(), masquerade, ranges])

    @property
    def reference(self) -> str:
        """The image's name in the engine."""
        return f"{NAME}:v{VERSIONS['kubernetes']}-{self.key}"

    @property
    def archive(self) -> Path:
        """The node's file system, once it has been built."""
        return self.folders.cache / f"kind-node-{self.key}.tar"

    def provide(self) -> str:
        """Build the image unless the engine has it, and return its name.

        Raises HarnessError when it cannot be built.
        """
        if not succeeds([self.engine, "image", "inspect", self.reference], settings.START_LIMIT):
            if not self.archive.exists():
                self._build()
            self._run(self.engine, "load", "--input", str(self.archive))
        return self.reference

    def _run(self, *command: str) -> None:
        failure = "The image of kind's node could not be built."
        run_logged(command, self.log, failure, BUILD_LIMIT, downloads_from="A package registry")

    def _build(self) -> None:
        if missing := missing_packages({PACKAGED[name]: name for name in ("busybox-static", "debootstrap")}):
            install_debian_packages(missing, self.log)
        self.builder.build_kubernetes()
        self.builder.build_small_images()
        self.builder.build_gateway()
        module = download_module(self.folders, MODULE)
        for old in self.folders.cache.glob("kind-node-*"):
            old.unlink() if old.is_file() else shutil.rmtree(old)  # an interrupted build left a folder
        with tempfile.TemporaryDirectory(dir=self.folders.cache, prefix="kind-node-") as work:
            root = Path(work) / "root"
            make_debian_system(root, PACKAGES, self.log)
            self._add_kind_files(root, module)
            self._add_containerd(root)
            self._add_kubernetes(root)
            self._add_images(root / "kind/images")
            self._add_manifests(root / "kind/manifests", module)
            self._enable_services(root)
            layer, unfinished = Path(work) / "layer.tar", Path(work) / "node.tar"
            self._run("tar", "--create", "--numeric-owner", f"--file={layer}", f"--directory={root}", ".")
            image_archives.write_image(unfinished, layer, [self.reference], START, self.builder.architecture)
            unfinished.rename(self.archive)

    def _add_kind_files(self, root: Path, module: Path) -> None:
        files = module / "images/base/files"
        for file in (path for path in files.rglob("*") if path.is_file()):
            place = root / file.relative_to(files)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
            place.chmod(0o755 if place.parent.name == "bin" else 0o644)
        (root / "sbin/init").symlink_to("/usr/lib/systemd/systemd")
        with (root / "etc/systemd/journald.conf").open("a") as journal:
            journal.write("ReadKMsg=no\n")  # the kernel's log is not the node's

    def _add_containerd(self, root: Path) -> None:
        """Let kind's configuration of containerd find Debian's programs, our images and a network."""
        (root / "usr/local/bin/containerd").symlink_to("/usr/bin/containerd")
        (root / "opt/cni").mkdir(parents=True)
        (root / "opt/cni/bin").symlink_to("/usr/lib/cni")
        specification = self._read(root, "ctr", "oci", "spec")
        folder = root / "etc/containerd"
        (folder / "cri-base.json").write_text(self._read(root, "jq", SPECIFICATION, text=specification))
        config = folder / "config.toml"
        config.write_text(containerd_config(config.read_text(), pause_image(self.folders)))
        network = root / "etc/cni/net.d" / CONFLIST
        network.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / CONFLIST, network)
        values: dict[str, object] = {
            "network_name": NETWORK,
            "pod_bridge": BRIDGE,
            "pod_range": settings.KIND_POD_RANGE,
            "service_range": settings.KIND_SERVICE_RANGE,
        }
        (root / MASQUERADE).write_text(settings.render("templates/masquerade.nft", values))

    def _add_kubernetes(self, root: Path) -> None:
        kube = root / "usr/bin/kube"
        shutil.copyfile(self._programs / "kube", kube)
        kube.chmod(0o755)
        for name in NODE_COMMANDS:
            kube.with_name(name).symlink_to("kube")
        (root / "etc/kubernetes/manifests").mkdir(parents=True)
        (root / "kind/version").write_text(f"v{VERSIONS['kubernetes']}")

    def _add_images(self, folder: Path) -> None:
        """Write the images that Kubernetes itself needs into a folder, from where the node imports them."""
        folder.mkdir()
        root = folder.parents[1]
        image_archives.write_scratch(
            folder / "kubernetes.tar",
            f"localhost/etcd:{VERSIONS['etcd']}",
            {
                "bin/kube": self._programs / "kube",
                **self._with_libraries(root, "usr/sbin/nft"),  # kube-proxy calls it
            },
            also_named=[f"localhost/{name}:v{VERSIONS['kubernetes']}" for name in CONTROL_PLANE],
            links={
                **{f"bin/{name}": "kube" for name in (*CONTROL_PLANE, "etcd")},
                "usr/local/bin/kube-proxy": "/bin/kube",  # kubeadm's manifest has the whole path
            },
            entrypoint="/bin/kube",
            user="0",
            architecture=self.builder.architecture,
        )
        router = Go(VERSIONS["go"], self.folders.cache).install_program(ROUTER, self.log)
        extensions = (root / "usr/lib").glob("*/xtables/*.so")
        image_archives.write_scratch(
            folder / "kube-router.tar",
            ROUTER_IMAGE,
            {
                "bin/kube-router": router,
                **self._with_libraries(root, *ROUTER_TOOLS),
                **{str(path.relative_to(root)): path for path in extensions if path.is_file()},
            },
            links={
                f"bin/{name}": Path(program).name
                for program, names in ROUTER_TOOLS.items()
                for name in names
                if name != Path(program).name
            },
            entrypoint="/bin/kube-router",
            user="0",
            architecture=self.builder.architecture,
        )
        image_archives.write_scratch(
            folder / "local-path-provisioner.tar",
            PROVISIONER,
            {"bin/local-path-provisioner": self._programs / "local-path-provisioner"},
            entrypoint="/bin/local-path-provisioner",
            user="0",
            architecture=self.builder.architecture,
        )
        small = products(self.folders)["pause"].folder
        for archive in (self._programs / "coredns.tar", small / "pause.tar", small / "helper.tar"):
            shutil.copyfile(archive, folder / archive.name)

    def _with_libraries(self, root: Path, *programs: str) -> dict[str, Path]:
        """Return programs of the node, and the libraries that they need, by their paths in an image."""
        listed = self._read(root, "ldd", *(f"/{program}" for program in programs))
        libraries = {name: root / name for name in re.findall(r"/(\S+) \(0x", listed)}
        return {f"bin/{Path(program).name}": root / program for program in programs} | libraries

    def _add_manifests(self, folder: Path, module: Path) -> None:
        """Write what kind applies to a new cluster: its network and its storage."""
        folder.mkdir()
        values: dict[str, object] = {
            "router_image": ROUTER_IMAGE,
            "conflist": CONFLIST,
            "service_range": settings.KIND_SERVICE_RANGE,
        }
        network = settings.render("kind_node/default-cni.yaml", values)
        (folder / "default-cni.yaml").write_text(network)
        source = (module / "pkg/build/nodeimage/const_storage.go").read_text()
        manifest = storage_manifest(source, PROVISIONER, helper_image(self.folders))
        (folder / "default-storage.yaml").write_text(manifest)

    def _enable_services(self, root: Path) -> None:
        for pattern in UNWANTED:
            for path in root.glob(pattern):
                path.unlink()
        for service in (IMPORT_SERVICE, MASQUERADE_SERVICE):
            shutil.copyfile(FILES / service, root / "etc/systemd/system" / service)
        self._run("chroot", str(root), "systemctl", "enable", *WANTED)
        self._run("chroot", str(root), "systemctl", "mask", "systemd-binfmt.service")

    @property
    def _programs(self) -> Path:
        return products(self.folders)["kubernetes"].folder

    def _read(self, root: Path, *command: str, text: str = "") -> str:
        return read_output(
            ["chroot", str(root), *command], f"{command[0]} does not run in the node", text=text
        )
