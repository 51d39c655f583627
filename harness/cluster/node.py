"""The embedded cluster: a Kubernetes node whose processes run on this machine."""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.cluster import addons, build, cleanup, image_archives, network, preflight, processes, settings
from harness.cluster.command_lines import ENFORCER, ENFORCER_SOURCE, command_lines
from harness.cluster.kubectl import Kubectl, without_proxy
from harness.cluster.probes import Probe, gateway_probe
from harness.cluster.settings import Folders
from harness.common.commands import read_output, run_logged, succeeds
from harness.common.errors import HarnessError
from harness.common.progress import Steps
from harness.common.waiting import wait_for

CTR = "/usr/bin/ctr"
PYTHON = Path("/usr/bin/python3")  # Debian's: the one that runs us may be gone tomorrow
# Asked without TLS, the API server answers 400: enough to see that kube-proxy leads there.
API_SERVICE = Probe(
    "the API server's Service", f"{settings.API_SERVICE_ADDRESS}:443", expected=range(400, 401)
)


def write_if_changed(file: Path, text: str) -> None:
    """Write a file unless it has this text already: kube-proxy ends whenever its file is written."""
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


class Node:
    """One embedded cluster, in its folders."""

    def __init__(self, folders: Folders) -> None:
        """Name what it is made of; touch nothing."""
        self.folders = folders
        self.programs = build.products(folders)["kubernetes"].folder
        self.address = settings.NODE_ADDRESS
        self.kubectl = self._kubectl(folders.kubeconfig)
        self.gateway = f"{self.address}:{settings.GATEWAY_PORT}"
        manifests = build.cache_key(
            settings.HERE / "manifests", [str(settings.VERSIONS), ENFORCER_SOURCE.read_text()]
        )
        self.configuration_key = build.cache_key(settings.HERE / "templates", [manifests])

    def _kubectl(self, kubeconfig: Path) -> Kubectl:
        return Kubectl(
            self.programs / "kubectl", kubeconfig, self.folders.state / "kubectl-cache", self.address
        )

    # What runs

    def commands(self) -> dict[str, list[str]]:
        """Return the command line of every process of the node, in the order they start."""
        return command_lines(self.folders.state, self.programs, build.helper_image(self.folders))

    def stopped(self) -> list[str]:
        """Return the names of the processes that should run and do not."""
        among = processes.running()
        return [name for name, arguments in self.commands().items() if not processes.find(arguments, among)]

    @property
    def _key_record(self) -> Path:
        return self.folders.state / "made-from"

    def _recorded_key(self) -> str:
        """Return the key of the configuration that the cluster was made from; empty for none."""
        return self._key_record.read_text() if self._key_record.exists() else ""

    def log(self, name: str) -> Path:
        """Return the log file of a process or a step."""
        return self.folders.log / f"{name}.log"

    def _kill(self, *names: str) -> None:
        processes.kill(process.pid for process in cleanup.find_processes(self.folders, names))

    def start(self, *names: str) -> None:
        """Start the processes that do not run; end one that runs with other arguments before.

        Raises HarnessError when that one does not end.
        """
        for name in names:
            arguments = self.commands()[name]
            if not processes.find(arguments, processes.running()):
                self._kill(name)
                if name == "kube-proxy":
                    network.remove_services()
                processes.start(arguments, self.log(name))

    def ctr(self, *arguments: str) -> list[str]:
        """Return a command line that asks containerd about Kubernetes' containers and images."""
        return [CTR, f"--address={self.folders.socket}", "--namespace=k8s.io", *arguments]

    # Whether it is healthy

    def problems(self) -> Iterable[str]:
        """Yield what is wrong, a sentence each, the deepest cause first; nothing for a healthy cluster."""
        if self._recorded_key() != self.configuration_key:
            yield "the cluster was made by another version of this program"
        if stopped := self.stopped():
            yield f"these processes do not run: {', '.join(stopped)}"
            return
        try:
            self.kubectl("get", "--raw=/readyz")
        except HarnessError:
            yield "the API server is not ready"
            return
        probes = (
            API_SERVICE,
            Probe("the kubelet", f"{self.address}:10248", "/healthz"),
            Probe("cluster DNS", f"{settings.DNS_ADDRESS}:9153", "/metrics"),
            gateway_probe(self.gateway),
        )
        yield from filter(None, (probe.problem() for probe in probes))
        if not network.has_policies():
            yield f"NetworkPolicies are not enforced; {self.log(ENFORCER)} says why"
        try:
            found = self.kubectl.get("nodes,storageclasses")["items"]
        except HarnessError as error:
            yield str(error)
            return
        conditions = {
            condition["type"]: condition["status"]
            for item in found
            if item["kind"] == "Node"
            for condition in item["status"].get("conditions", [])
        }
        if conditions.get("Ready") != "True":
            yield "the node is not Ready"
        if "standard" not in {item["metadata"]["name"] for item in found if item["kind"] == "StorageClass"}:
            yield "there is no StorageClass standard"
        if not addons.is_programmed(self.kubectl):
            yield f"the Gateway http in {settings.GATEWAY_NAMESPACE} is not Programmed"

    def _reported_containers_run(self) -> bool:
        """Say whether every container that the API server reports as running does run.

        After a restart the API server reports the state of before, until the kubelet has looked.
        """
        tasks = read_output(self.ctr("tasks", "list"), "containerd does not answer")
        running = {line.split()[0] for line in tasks.splitlines() if line.endswith("RUNNING")}
        reported = {
            status["containerID"].removeprefix("containerd://")
            for pod in self.kubectl.get("pods", "-A")["items"]
            for status in pod["status"].get("containerStatuses", [])
            if "running" in status["state"]
        }
        return reported <= running

    # Up and down

    def up(self, while_compiling: Callable[[], None] = lambda: None) -> None:
        """Make the cluster, or mend it; return when it is healthy.

        `while_compiling` starts what can be done beside, once this machine has its Debian packages.
        Raises HarnessError with what a user should do when that is not possible.
        """
        if self.folders.provider.exists() and not list(self.problems()):
            return
        steps = Steps(9)
        builder = build.ProductBuilder(self.folders, steps)
        with steps.step("requirements of this machine"):
            running = cleanup.find_processes(self.folders, self.commands())
            preflight.check_embedded(self.folders, {process.name for process in running})
            self.folders.state.mkdir(parents=True, exist_ok=True)
            self.folders.state.chmod(0o700)
            self.folders.provider.write_text("embedded\n")
            self.folders.cache.mkdir(parents=True, exist_ok=True)
        with steps.step("Debian packages"):
            build.install_missing_packages(self.folders)
        while_compiling()
        with steps.step(f"Kubernetes {settings.VERSIONS['kubernetes']} and its small images"):
            builder.build_small_images()
            builder.build_kubernetes()
        with steps.step(f"Traefik {settings.VERSIONS['traefik']}"):
            builder.build_gateway()
        with steps.step("network, certificates and configuration"):
            if self._recorded_key() not in {"", self.configuration_key}:
                # These read files, the others only arguments.
                self._kill("containerd", "kubelet", "kube-proxy", ENFORCER)
            self._clear_run_folder()
            network.up(self.folders)
            self.configure()
        with steps.step("etcd, API server, containerd"):
            self._start_control_plane()
        with steps.step("node Ready"):
            self._start_node()
        with steps.step("images, DNS, storage"):
            self.load(build.cluster_archives(self.folders))
            self._install_dns_and_storage()
        with steps.step("gateway, all probes"):
            self._install_gateway()
            self._key_record.write_text(self.configuration_key)
            self._wait_until_healthy()

    def down(self) -> None:
        """Remove the cluster and all that it left on this machine but the cache.

        Raises HarnessError when something cannot be removed.
        """
        cleanup.remove_everything(self.folders, self.commands())

    def _clear_run_folder(self) -> None:
        """Remove what containerd and its shims left, if none of them runs any more (a kill, a reboot)."""
        if not cleanup.find_processes(self.folders, ("containerd", cleanup.SHIM)):
            cleanup.kill_pods(self.folders)
            cleanup.clear_run(self.folders)
        self.folders.run.mkdir(exist_ok=True)

    def configure(self) -> None:
        """Write what the processes read: configuration, certificates, kubeconfigs, the enforcer.

        Raises HarnessError when kubeadm cannot make them.
        """
        state = self.folders.state
        values: dict[str, object] = {
            **network.names(),
            "cluster_name": settings.CLUSTER_NAME,
            "node_name": settings.NODE_NAME,
            "pause_image": build.pause_image(self.folders),
            "resolv_conf": network.resolv_conf(),
            "run": self.folders.run,
            "socket": self.folders.socket,
            "state": state,
        }
        for name in ("kubeadm.yaml", "containerd.toml", "kubelet.yaml", "kube-proxy.yaml"):
            write_if_changed(state / name, settings.render(f"templates/{name}", values))
        (state / "cni").mkdir(exist_ok=True)
        network_list = settings.render("templates/bridge.conflist", values)
        write_if_changed(state / "cni" / "10-bridge.conflist", network_list)
        self._kubeadm("certs", "all")
        for client in ("admin", "super-admin", "controller-manager", "scheduler", "kubelet"):
            if not (state / f"{client}.conf").exists():
                self._kubeadm("kubeconfig", client, f"--kubeconfig-dir={state}")
        unfinished = self.folders.kubeconfig.with_suffix(".new")
        unfinished.touch(mode=0o600)
        shutil.copyfile(state / "admin.conf", unfinished)
        unfinished.replace(self.folders.kubeconfig)
        (state / "bin").mkdir(exist_ok=True)
        kubectl = state / "bin" / "kubectl"
        kubectl.unlink(missing_ok=True)
        kubectl.symlink_to(self.kubectl.program)
        shutil.copyfile(ENFORCER_SOURCE, state / ENFORCER_SOURCE.name)
        enforcer = state / "bin" / ENFORCER  # the process list then shows this name
        enforcer.unlink(missing_ok=True)
        enforcer.symlink_to(PYTHON)

    def _kubeadm(self, *phase: str) -> None:
        run_logged(
            [
                self.programs / "kubeadm",
                "init",
                "phase",
                *phase,
                f"--config={self.folders.state}/kubeadm.yaml",
            ],
            self.log("kubeadm"),
            f"`kubeadm init phase {phase[0]}` failed; `down` and `up` begin from nothing.",
            settings.NODE_LIMIT,
            environment=without_proxy(self.address, os.environ),
        )

    def _start_control_plane(self) -> None:
        (self.folders.state / "etcd").mkdir(mode=0o700, exist_ok=True)
        self.start("containerd", "etcd", "kube-apiserver")
        ready = ("get", "--raw=/readyz")
        self._wait(
            ("etcd", "kube-apiserver"), lambda: self.kubectl.succeeds(*ready), "The API server is not ready"
        )
        administrator = self._kubectl(self.folders.state / "super-admin.conf")
        administrator.apply(settings.render("manifests/administrators.yaml", {}))
        self.start("kube-controller-manager", "kube-scheduler")
        self._wait(("containerd",), lambda: succeeds(self.ctr("version"), 5), "containerd does not answer")

    def _start_node(self) -> None:
        if API_SERVICE.problem():
            self._kill("kube-proxy")
        self.start(ENFORCER, "kubelet", "kube-proxy")

        def ready() -> bool:
            if not self.kubectl.succeeds("get", "node", settings.NODE_NAME):
                return False
            conditions = self.kubectl.get("node", settings.NODE_NAME)["status"].get("conditions", [])
            return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

        self._wait((ENFORCER, "kubelet", "kube-proxy"), ready, "The node is not Ready")

    def _wait(self, names: tuple[str, ...], condition: Callable[[], bool], failure: str) -> None:
        """Wait for a condition that processes of the node bring about.

        Raises HarnessError at once when one of them has ended, or when the condition does not hold in time.
        """

        def holds() -> bool:
            if ended := [name for name in names if name in self.stopped()]:
                raise HarnessError(
                    f"{ended[0]} ended by itself; the end of its log says why.", self.log(ended[0])
                )
            return condition()

        wait_for(holds, settings.NODE_LIMIT, failure, self.log(names[-1]))

    def load(self, archives: Iterable[Path]) -> list[tuple[image_archives.Archive, bool]]:
        """Import the image archives that containerd does not have; return each with whether it was imported.

        Raises HarnessError when one cannot be imported.
        """
        names = self.ctr("images", "list", "--quiet")
        return image_archives.load(
            archives,
            self.folders.state / "images.json",
            lambda: set(read_output(names, "containerd does not answer").split()),
            lambda path: run_logged(
                self.ctr("images", "import", str(path)),
                self.log("images"),
                f"The image archive {path} could not be imported.",
                settings.IMPORT_LIMIT,
            ),
        )

    def _install_dns_and_storage(self) -> None:
        self._kubeadm("addon", "coredns", f"--kubeconfig={self.folders.state}/super-admin.conf")
        values: dict[str, object] = {
            "state": self.folders.state,
            "helper_image": build.helper_image(self.folders),
        }
        self.kubectl.apply(settings.render("manifests/storage.yaml", values))
        self.start("local-path-provisioner")

    def _install_gateway(self) -> None:
        addons.install_gateway(
            self.kubectl,
            str(build.products(self.folders)["gateway"].folder / "gateway-api.yaml"),
            f"localhost/traefik:v{settings.VERSIONS['traefik']}",
            settings.NODE_ADDRESS,
            self.log("traefik"),
        )
        ingress = {"status": {"loadBalancer": {"ingress": [{"ip": settings.NODE_ADDRESS}]}}}
        patch = (
            "patch",
            "service",
            "traefik",
            "--subresource=status",
            "--type=merge",
            f"--patch={json.dumps(ingress)}",
        )
        self.kubectl(*patch, "-n", "traefik")
        addons.wait_for_rollout(self.kubectl, "kube-system", "coredns", self.log("coredns"))

    def _wait_until_healthy(self) -> None:
        wait_for(
            lambda: not list(self.problems()) and self._reported_containers_run(),
            settings.ADDON_LIMIT,
            "The cluster is up but not healthy (`status` says what is wrong): it did not become so",
            self.log("kubelet"),
        )
