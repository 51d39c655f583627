"""The cluster where there is a container engine: kind makes it, https://kind.sigs.k8s.io."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.cluster import addons, image_archives, preflight, settings
from harness.cluster.kubectl import Kubectl
from harness.cluster.probes import gateway_probe
from harness.cluster.settings import VERSIONS, Folders
from harness.common.commands import read_output, run_logged
from harness.common.errors import HarnessError
from harness.common.progress import Steps


class Kind:
    """A cluster that kind runs in Docker or Podman."""

    def __init__(self, folders: Folders, engine: str) -> None:
        """Name what it is made of; touch nothing. `engine` is `docker` or `podman`."""
        self.folders = folders
        self.engine = engine
        kubectl = shutil.which("kubectl") or "kubectl"
        self.address = "127.0.0.1"
        self.kubectl = Kubectl(
            Path(kubectl), folders.kubeconfig, folders.state / "kubectl-cache", self.address
        )
        self.gateway = f"{self.address}:{settings.GATEWAY_PORT}"

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of kind that uses our engine."""
        return ["env", f"KIND_EXPERIMENTAL_PROVIDER={self.engine}", "kind", *arguments]

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

    def config(self) -> str:
        """Return kind's configuration file."""
        values: dict[str, object] = {
            "cluster_name": settings.CLUSTER_NAME,
            "gateway_port": settings.GATEWAY_PORT,
            "gateway_node_port": settings.GATEWAY_NODE_PORT,
        }
        return settings.render("templates/kind.yaml", values)

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

    def up(self) -> None:
        """Make the cluster, or mend it; return when it is healthy.

        Raises HarnessError with what a user should do when that is not possible.
        """
        steps = Steps(3)
        with steps.step("requirements of this machine"):
            preflight.check_folder(self.folders)
            preflight.check_kind(published=bool(shutil.which("kind")) and self.exists())
            self.folders.state.mkdir(parents=True, exist_ok=True)
            self.folders.provider.write_text("kind\n")
        with steps.step(f"kind cluster {settings.CLUSTER_NAME}"):
            if not self.exists():
                (self.folders.state / "images.json").unlink(missing_ok=True)
                (self.folders.state / "kind.yaml").write_text(self.config())
                self._logged(self.create(), "kind could not make the cluster.", settings.DOWNLOAD_LIMIT)
            self.folders.kubeconfig.chmod(0o600)
        with steps.step("gateway"):
            addons.install_gateway(
                self.kubectl,
                "https://github.com/kubernetes-sigs/gateway-api/releases/download/"
                f"v{VERSIONS['gateway_api']}/standard-install.yaml",
                f"docker.io/traefik:v{VERSIONS['traefik']}",
                self.address,
                self.folders.log / "traefik.log",
            )

    def _logged(self, command: list[str], failure: str, limit: float) -> None:
        run_logged(command, self.folders.log / "kind.log", failure, limit)

    def load(self, archives: Iterable[Path]) -> list[tuple[image_archives.Archive, bool]]:
        """Load the image archives that kind's node does not have; return each with whether it was loaded.

        Raises HarnessError when one cannot be loaded.
        """
        record = self.folders.state / "images.json"
        node = f"{settings.CLUSTER_NAME}-control-plane"
        names = [self.engine, "exec", node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet"]
        return image_archives.load(
            archives,
            record,
            lambda: set(read_output(names, "kind's node does not answer").split()),
            lambda path: self._logged(
                self.command("load", "image-archive", str(path), f"--name={settings.CLUSTER_NAME}"),
                f"kind could not load the image archive {path}.",
                settings.IMPORT_LIMIT,
            ),
        )

    def down(self) -> None:
        """Delete the cluster and its state folder.

        Raises HarnessError when kind cannot delete it.
        """
        if not shutil.which("kind"):
            raise HarnessError(
                f"`kind` made the cluster and is not on the PATH now; install it: {preflight.KIND_INSTALL}"
            )
        name, kubeconfig = f"--name={settings.CLUSTER_NAME}", f"--kubeconfig={self.folders.kubeconfig}"
        command = self.command("delete", "cluster", name, kubeconfig)
        self._logged(command, "kind could not delete the cluster.", settings.DOWNLOAD_LIMIT)
        shutil.rmtree(self.folders.state)
