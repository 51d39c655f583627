"""The cluster where there is a container engine: kind makes it, https://kind.sigs.k8s.io."""

import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from harness.cluster import addons, build, image_archives, preflight, settings
from harness.cluster.kind_program import download_module, install_kind, kind_program
from harness.cluster.kubectl import Kubectl
from harness.cluster.node_image import NAME, NodeImage
from harness.cluster.probes import gateway_probe
from harness.cluster.settings import VERSIONS, Folders
from harness.common.commands import read_output, run_logged, succeeds
from harness.common.errors import HarnessError
from harness.common.kubectl_and_helm import find_program
from harness.common.progress import Steps, say

OFFICIAL_NODE = f"docker.io/kindest/node:v{VERSIONS['kind_node']}"
GATEWAY_RELEASE = (
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/"
    f"v{VERSIONS['gateway_api']}/standard-install.yaml"
)
BUILT = "built"  # in place of an image's name: build one on this machine
# Since 1.35 the kubelet does not start by itself on a machine with cgroup v1.
KUBELET_PATCH = {"kind": "KubeletConfiguration", "failCgroupV1": False}


class Kind:
    """A cluster that kind runs in Docker or Podman."""

    def __init__(self, folders: Folders, engine: str) -> None:
        """Name what it is made of; touch nothing. `engine` is `docker` or `podman`."""
        self.folders = folders
        self.engine = engine
        self.address = "127.0.0.1"
        kubectl = shutil.which("kubectl") or folders.state / "bin" / "kubectl"
        self.kubectl = Kubectl(
            Path(kubectl), folders.kubeconfig, folders.state / "kubectl-cache", self.address
        )
        self.gateway = f"{self.address}:{settings.GATEWAY_PORT}"

    @property
    def nodes(self) -> list[str]:
        """The containers that are the cluster's nodes.

        Raises HarnessError when kind does not answer.
        """
        name = f"--name={settings.CLUSTER_NAME}"
        return sorted(read_output(self.command("get", "nodes", name), "kind does not answer").split())

    @property
    def workers(self) -> list[str]:
        """The nodes that take pods: the control plane does so only where it is the only node.

        Raises HarnessError when kind does not answer.
        """
        control_plane = f"{settings.CLUSTER_NAME}-control-plane"
        return [node for node in self.nodes if node != control_plane] or [control_plane]

    @property
    def node_image(self) -> str:
        """The image that the cluster's nodes were made from; empty without a cluster."""
        record = self.folders.node_image
        return record.read_text().strip() if record.exists() else ""

    @property
    def pulls_images(self) -> bool:
        """Whether its nodes are official ones: then what they run is pulled too, and not built here."""
        return not self.node_image.startswith(NAME)

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of kind that uses our engine."""
        program = str(kind_program(self.folders))
        return ["env", f"KIND_EXPERIMENTAL_PROVIDER={self.engine}", program, *arguments]

    def create(self) -> list[str]:
        """Return the command line that makes the cluster."""
        return self.command(
            "create",
            "cluster",
            f"--name={settings.CLUSTER_NAME}",
            f"--config={self.folders.state}/kind.yaml",
            f"--kubeconfig={self.folders.kubeconfig}",
            f"--wait={settings.NODE_LIMIT}s",
        )

    def config(self, node_image: str, nodes: int) -> str:
        """Return kind's configuration file: a control plane, and `nodes` - 1 workers, of this image."""
        values: dict[str, object] = {
            "cluster_name": settings.CLUSTER_NAME,
            "gateway_port": settings.GATEWAY_PORT,
            "gateway_node_port": settings.GATEWAY_NODE_PORT,
        }
        config = yaml.safe_load(settings.render("templates/kind.yaml", values))
        config["nodes"] += [{"role": "worker"} for _ in range(nodes - 1)]
        for node in config["nodes"]:
            node["image"] = node_image
        patches: list[Mapping[str, object]] = [KUBELET_PATCH]
        if node_image.startswith(NAME):
            config["networking"] = {
                "podSubnet": settings.KIND_POD_RANGE,
                "serviceSubnet": settings.KIND_SERVICE_RANGE,
                "kubeProxyMode": "nftables",
            }
            tags = {
                "etcd": {"local": {"imageTag": VERSIONS["etcd"]}},
                "dns": {"imageTag": f"v{VERSIONS['coredns']}"},
            }
            patches.append({"kind": "ClusterConfiguration", "imageRepository": "localhost", **tags})
        config["kubeadmConfigPatches"] = [json.dumps(patch) for patch in patches]
        return str(yaml.safe_dump(config, sort_keys=False))

    def exists(self) -> bool:
        """Say whether kind has the cluster.

        Raises HarnessError when kind does not answer.
        """
        clusters = read_output(self.command("get", "clusters"), "kind does not answer")
        return settings.CLUSTER_NAME in clusters.split()

    def problems(self) -> Iterable[str]:
        """Yield what is wrong, a sentence each; nothing for a healthy cluster."""
        if not self.exists():
            yield f"kind has no cluster {settings.CLUSTER_NAME}"
        elif not self.kubectl.succeeds("get", "--raw=/readyz"):
            yield "the API server is not ready"
        elif not addons.is_programmed(self.kubectl):
            yield f"the Gateway http in {settings.GATEWAY_NAMESPACE} is not Programmed"
        elif problem := gateway_probe(self.gateway).problem():
            yield problem

    def up(self, node_image: str = "", nodes: int = 0) -> None:
        """Make the cluster, or mend it; return when it is healthy.

        `node_image` is the name of the nodes' image, or BUILT; by default it is kind's official one, or BUILT
        where that cannot be pulled. `nodes` is how many it has, by default one, or as many as it has now.
        Raises HarnessError with what a user should do when that is not possible.
        """
        steps = Steps(4)
        with steps.step("requirements of this machine"):
            preflight.check_folder(self.folders)
            self.folders.state.mkdir(parents=True, exist_ok=True)
            install_kind(self.folders)
            self._install_kubectl()
            there = self.exists()
            if not there:
                preflight.check_ports("127.0.0.1", {settings.GATEWAY_PORT: "the gateway"})
            self.folders.provider.write_text("kind\n")
        with steps.step("image of its nodes"):
            if there:
                self._check_nodes(node_image, nodes)
            else:
                self.folders.node_image.write_text(self._provide_node_image(node_image, steps))
        with steps.step(f"kind cluster {settings.CLUSTER_NAME}"):
            if not there:
                (self.folders.state / "images.json").unlink(missing_ok=True)
                (self.folders.state / "kind.yaml").write_text(self.config(self.node_image, nodes or 1))
                self._logged(self.create(), "kind could not make the cluster.", settings.DOWNLOAD_LIMIT)
            self.folders.kubeconfig.chmod(0o600)
        with steps.step("gateway"):
            definitions, image = self._gateway()
            addons.install_gateway(
                self.kubectl, definitions, image, self.address, self.folders.log / "traefik.log"
            )

    def _install_kubectl(self) -> None:
        """Give the cluster a kubectl of its own where there is none on the PATH."""
        program = find_program("kubectl", self.folders.cache / "programs")
        link = self.kubectl.program
        if not link.exists():
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(program)

    def _check_nodes(self, image: str, nodes: int) -> None:
        there = ""
        if image and not self.node_image.startswith(NAME if image == BUILT else image):
            there = f"nodes of {self.node_image}, not of {image}"
        elif nodes and nodes != len(self.nodes):
            there = f"{len(self.nodes)} nodes, not {nodes}"
        if there:
            raise HarnessError(f"The cluster has {there}; remove it first: tox -e cluster -- down")

    def _provide_node_image(self, wanted: str, steps: Steps) -> str:
        """Return the name of an image that the engine has, or that kind pulls."""
        if wanted and wanted != BUILT:
            return wanted
        if not wanted:
            for command in (["image", "inspect", OFFICIAL_NODE], ["pull", "--quiet", OFFICIAL_NODE]):
                if succeeds([self.engine, *command], settings.DOWNLOAD_LIMIT):
                    return OFFICIAL_NODE
        if platform.system() != "Linux" or os.geteuid() != 0:
            raise HarnessError(
                f"{OFFICIAL_NODE} cannot be pulled, and only root on Linux can build one in its place;"
                " name an image of a registry that you reach: --node-image NAME."
            )
        if not wanted:
            say(f"{OFFICIAL_NODE} cannot be pulled: building one in its place (--node-image names another).")
        return NodeImage(self.folders, self.engine, steps).provide()

    def _gateway(self) -> tuple[str, str]:
        """Return the Gateway API's definitions (a URL or a file) and the name of Traefik's image."""
        if self.pulls_images:
            definitions = GATEWAY_RELEASE
            if not self.kubectl.succeeds("apply", "--dry-run=client", f"--filename={definitions}"):
                module = download_module(self.folders, build.GATEWAY_API)
                file = self.folders.state / "gateway-api.yaml"
                file.write_text(build.gateway_definitions(module))
                definitions = str(file)
            return definitions, f"docker.io/traefik:v{VERSIONS['traefik']}"
        gateway = build.products(self.folders)["gateway"].folder
        ((archive, _),) = self.load([gateway / "traefik.tar"])
        return str(gateway / "gateway-api.yaml"), archive.names[0]

    def _logged(self, command: list[str], failure: str, limit: float) -> None:
        run_logged(command, self.folders.log / "kind.log", failure, limit)

    def load(self, archives: Iterable[Path]) -> list[tuple[image_archives.Archive, bool]]:
        """Load the image archives that the workers do not have; return each with whether it was loaded.

        Raises HarnessError when one cannot be loaded.
        """
        where = [f"--name={settings.CLUSTER_NAME}", f"--nodes={','.join(self.workers)}"]
        return image_archives.load(
            archives,
            self.folders.state / "images.json",
            self._images,
            lambda path: self._logged(
                self.command("load", "image-archive", str(path), *where),
                f"kind could not load the image archive {path}.",
                settings.IMPORT_LIMIT,
            ),
        )

    def name_images(self, names: Mapping[str, str]) -> None:
        """Give images that the workers have a second name each; `names` is old -> new.

        Raises HarnessError when a worker lacks one.
        """
        for node in self.workers:
            for old, new in names.items():
                self._logged(
                    self._ctr(node, "images", "tag", "--force", old, new),
                    f"The image {old} could not be named {new} on {node}.",
                    settings.IMPORT_LIMIT,
                )

    def _images(self) -> set[str]:
        """Return the images that every worker has."""
        listed = [self._ctr(node, "images", "list", "--quiet") for node in self.workers]
        return set.intersection(
            *(set(read_output(each, "kind's node does not answer").split()) for each in listed)
        )

    def _ctr(self, node: str, *arguments: str) -> list[str]:
        return [self.engine, "exec", node, "ctr", "--namespace=k8s.io", *arguments]

    def down(self) -> None:
        """Delete the cluster and its state folder.

        Raises HarnessError when kind cannot delete it.
        """
        install_kind(self.folders)
        name, kubeconfig = f"--name={settings.CLUSTER_NAME}", f"--kubeconfig={self.folders.kubeconfig}"
        command = self.command("delete", "cluster", name, kubeconfig)
        self._logged(command, "kind could not delete the cluster.", settings.DOWNLOAD_LIMIT)
        shutil.rmtree(self.folders.state)
