"""Builds an image for kind's node on a machine that can pull none.

It has what kind's own recipe puts into a node (images/base of its Go module), from Debian's packages, and
the Kubernetes that the embedded cluster runs too. It serves clusters of one node. kindnet, which connects
several, is in no package registry: a bridge takes its place, and nothing enforces network policies.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from harness.cluster import image_archives, settings
from harness.cluster.build import ProductBuilder, cache_key, helper_image, pause_image, products
from harness.cluster.kind_program import MODULE, download_module
from harness.cluster.settings import VERSIONS, Folders
from harness.common.commands import read_output, run_logged, succeeds
from harness.common.debian_packages import install_debian_packages
from harness.common.debian_system import DEBIAN, make_debian_system
from harness.common.errors import HarnessError
from harness.common.progress import Steps

NAME = "localhost/kind-node"
FILES = settings.HERE / "kind_node"
IMPORT_SERVICE = "kind-images.service"
CONFLIST = "10-bridge.conflist"
PROVISIONER = f"localhost/local-path-provisioner:v{VERSIONS['local_path_provisioner']}"
# What kind's images/base/Dockerfile installs or compiles, less what serves NFS, iSCSI and FUSE.
PACKAGES = (
    *("systemd", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount", "kmod"),
    *("libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq", "procps"),
    *("containerd", "runc", "containernetworking-plugins"),
)
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
WANTED = ("kubelet.service", "containerd.service", "undo-mount-hacks.service", IMPORT_SERVICE)
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
        return cache_key(FILES, [MODULE, DEBIAN, *built, Path(__file__).read_text()])

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
        self.builder.build_kubernetes()
        self.builder.build_small_images()
        self.builder.build_gateway()
        module = download_module(self.folders, MODULE)
        if not shutil.which("debootstrap"):
            install_debian_packages(["debootstrap"], self.log)
        for old in self.folders.cache.glob("kind-node-*"):
            old.unlink() if old.is_file() else shutil.rmtree(old)  # an interrupted build left a folder
        with tempfile.TemporaryDirectory(dir=self.folders.cache, prefix="kind-node-") as work:
            root = Path(work) / "root"
            make_debian_system(root, PACKAGES, self.log)
            self._add_kind_files(root, module)
            self._add_containerd(root)
            self._add_kubernetes(root)
            self._add_images(root / "kind/images")
            self._add_storage(root / "kind/manifests", module)
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
        network.write_text(
            settings.render(f"kind_node/{CONFLIST}", {"node_pod_range": settings.NODE_POD_RANGE})
        )

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
        libraries = re.findall(r"/(\S+) \(0x", self._read(root, "ldd", "/usr/sbin/nft"))
        image_archives.write_scratch(
            folder / "kubernetes.tar",
            f"localhost/etcd:{VERSIONS['etcd']}",
            {
                "bin/kube": self._programs / "kube",
                "bin/nft": root / "usr/sbin/nft",  # kube-proxy calls it
                **{name: root / name for name in libraries},
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

    def _add_storage(self, folder: Path, module: Path) -> None:
        folder.mkdir()
        source = (module / "pkg/build/nodeimage/const_storage.go").read_text()
        manifest = storage_manifest(source, PROVISIONER, helper_image(self.folders))
        (folder / "default-storage.yaml").write_text(manifest)

    def _enable_services(self, root: Path) -> None:
        for pattern in UNWANTED:
            for path in root.glob(pattern):
                path.unlink()
        shutil.copyfile(FILES / IMPORT_SERVICE, root / "etc/systemd/system" / IMPORT_SERVICE)
        self._run("chroot", str(root), "systemctl", "enable", *WANTED)
        self._run("chroot", str(root), "systemctl", "mask", "systemd-binfmt.service")

    @property
    def _programs(self) -> Path:
        return products(self.folders)["kubernetes"].folder

    def _read(self, root: Path, *command: str, text: str = "") -> str:
        return read_output(
            ["chroot", str(root), *command], f"{command[0]} does not run in the node", text=text
        )
