"""The embedded cluster: a Kubernetes node whose processes run on this machine."""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.cluster import addons, build, cleanup, image_archives, network, preflight, processes, settings
from harness.cluster.kubectl import Kubectl, without_proxy
from harness.cluster.probes import Probe, gateway_probe
from harness.cluster.settings import Folders
from harness.common.commands import read_output, run_logged, succeeds
from harness.common.errors import HarnessError
from harness.common.progress import Steps
from harness.common.waiting import wait_for

CTR = "/usr/bin/ctr"
PYTHON = Path("/usr/bin/python3")  # Debian's: the one that runs us may be gone tomorrow
ENFORCER = "network-policy-enforcer"
POLICIES = settings.HERE / "network_policies.py"  # what it runs
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
            settings.HERE / "manifests", [str(settings.VERSIONS), POLICIES.read_text()]
        )
        self.made_from = build.cache_key(settings.HERE / "templates", [manifests])

    def _kubectl(self, kubeconfig: Path) -> Kubectl:
        return Kubectl(
            self.programs / "kubectl", kubeconfig, self.folders.state / "kubectl-cache", self.address
        )

    # What runs

    def commands(self) -> dict[str, list[str]]:
        """Return the argument vector of every process of the node, in the order they start."""
        state, address = self.folders.state, settings.NODE_ADDRESS
        pki = state / "pki"
        etcd, peer = f"https://{address}:2379", f"https://{address}:2380"
        arguments = {
            "containerd": [f"--config={state}/containerd.toml"],
            "etcd": [
                f"--name={settings.NODE_NAME}",
                f"--data-dir={state}/etcd",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster={settings.NODE_NAME}={peer}",
                "--client-cert-auth",
                f"--trusted-ca-file={pki}/etcd/ca.crt",
                f"--cert-file={pki}/etcd/server.crt",
                f"--key-file={pki}/etcd/server.key",
                "--peer-client-cert-auth",
                f"--peer-trusted-ca-file={pki}/etcd/ca.crt",
                f"--peer-cert-file={pki}/etcd/peer.crt",
                f"--peer-key-file={pki}/etcd/peer.key",
            ],
            "kube-apiserver": [
                f"--bind-address={address}",
                f"--advertise-address={address}",
                "--secure-port=6443",
                "--allow-privileged=true",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                "--feature-gates=MutatingAdmissionPolicy=true",
                "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
                f"--client-ca-file={pki}/ca.crt",
                f"--tls-cert-file={pki}/apiserver.crt",
                f"--tls-private-key-file={pki}/apiserver.key",
                f"--etcd-servers={etcd}",
                f"--etcd-cafile={pki}/etcd/ca.crt",
                f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
                f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
                "--kubelet-preferred-address-types=InternalIP",
                f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
                f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                f"--service-account-key-file={pki}/sa.pub",
                f"--service-account-signing-key-file={pki}/sa.key",
                f"--service-cluster-ip-range={settings.SERVICE_RANGE}",
                f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
                f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
                f"--proxy-client-key-file={pki}/front-proxy-client.key",
            ],
            "kube-controller-manager": [
                f"--bind-address={address}",
                *self._as_client("controller-manager"),
                "--allocate-node-cidrs=true",
                f"--cluster-cidr={settings.POD_RANGE}",
                f"--client-ca-file={pki}/ca.crt",
                f"--root-ca-file={pki}/ca.crt",
                f"--cluster-signing-cert-file={pki}/ca.crt",
                f"--cluster-signing-key-file={pki}/ca.key",
                f"--service-account-private-key-file={pki}/sa.key",
                "--use-service-account-credentials=true",
                "--leader-elect=false",
            ],
            "kube-scheduler": [
                f"--bind-address={address}",
                *self._as_client("scheduler"),
                "--leader-elect=false",
            ],
            "kubelet": [
                f"--config={state}/kubelet.yaml",
                f"--kubeconfig={state}/kubelet.conf",
                f"--hostname-override={settings.NODE_NAME}",
                f"--node-ip={address}",
                f"--root-dir={state}/kubelet",
                f"--cert-dir={state}/kubelet/pki",
            ],
            "kube-proxy": [f"--config={state}/kube-proxy.yaml"],
            ENFORCER: [
                "-I",  # it is Python, and needs nothing of the environment
                f"{state}/{POLICIES.name}",
                f"--kubeconfig={state}/admin.conf",
                f"--cni-results={settings.CNI_RESULTS}",
                f"--network={settings.NETWORK_NAME}",
                f"--bridge={settings.POD_BRIDGE}",
                f"--table={settings.POLICIES_TABLE}",
            ],
            "local-path-provisioner": [
                "start",
                f"--kubeconfig={state}/admin.conf",
                "--namespace=local-path-storage",
                "--configmap-name=local-path-config",
                "--provisioner-name=rancher.io/local-path",
                f"--helper-image={build.helper_image(self.folders)}",
            ],
        }
        folders = {"containerd": Path("/usr/bin"), ENFORCER: state / "bin"}
        return {
            name: [str(folders.get(name, self.programs) / name), *rest] for name, rest in arguments.items()
        }

    def _as_client(self, name: str) -> list[str]:
        kubeconfig = self.folders.state / f"{name}.conf"
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
        ]

    def stopped(self) -> list[str]:
        """Return the names of the processes that should run and do not."""
        among = processes.running()
        return [name for name, arguments in self.commands().items() if not processes.find(arguments, among)]

    def _made_from(self) -> str:
        record = self.folders.state / "made-from"
        return record.read_text() if record.exists() else ""

    def log(self, name: str) -> Path:
        """Return the log file of a process or a step."""
        return self.folders.log / f"{name}.log"

    def start(self, *names: str) -> None:
        """Start processes that do not run; one that runs with other arguments makes way.

        Raises HarnessError when that one does not end.
        """
        for name in names:
            arguments = self.commands()[name]
            if not processes.find(arguments, processes.running()):
                processes.kill(old.pid for old in cleanup.ours(self.folders, (name,)))
                if name == "kube-proxy":
                    network.remove_services()
                processes.start(arguments, self.log(name))

    def ctr(self, *arguments: str) -> list[str]:
        """Return a command line that asks containerd about Kubernetes' containers and images."""
        return [CTR, f"--address={self.folders.socket}", "--namespace=k8s.io", *arguments]

    # Whether it is well

    def problems(self) -> Iterable[str]:
        """Find what is not as it should be, a sentence each, the deepest cause first."""
        if self._made_from() != self.made_from:
            yield "it was made by another version of this program"
        if stopped := self.stopped():
            yield f"not running: {', '.join(stopped)}"
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
        if not addons.programmed(self.kubectl):
            yield f"the Gateway http in {settings.GATEWAY_NAMESPACE} is not Programmed"

    def _pods_are_told_truly(self) -> bool:
        """Say whether every container that the API calls running is running.

        After a restart the API still tells what was before, until the kubelet has looked.
        """
        tasks = read_output(self.ctr("tasks", "list"), "containerd does not answer")
        alive = {line.split()[0] for line in tasks.splitlines() if line.endswith("RUNNING")}
        told = {
            status["containerID"].removeprefix("containerd://")
            for pod in self.kubectl.get("pods", "-A")["items"]
            for status in pod["status"].get("containerStatuses", [])
            if "running" in status["state"]
        }
        return told <= alive

    # Up and down

    def up(self) -> None:
        """Make the cluster, or mend it; return when it is healthy.

        Raises HarnessError with what a user should do when that is not possible.
        """
        if self.folders.provider.exists() and not list(self.problems()):
            return
        steps = Steps(9)
        builder = build.Builder(self.folders, steps)
        with steps.step("this machine has what it takes"):
            preflight.check_embedded(
                self.folders, {p.name for p in cleanup.ours(self.folders, cleanup.CONTROL)}
            )
            self.folders.state.mkdir(parents=True, exist_ok=True)
            self.folders.state.chmod(0o700)
            self.folders.provider.write_text("embedded\n")
            self.folders.cache.mkdir(parents=True, exist_ok=True)
        with steps.step("Debian packages"):
            build.debian_packages(self.folders)
        with steps.step(f"Kubernetes {settings.VERSIONS['kubernetes']} and its small images"):
            builder.small_images()
            builder.kubernetes()
        with steps.step(f"Traefik {settings.VERSIONS['traefik']}"):
            builder.gateway()
        with steps.step("network, certificates and configuration"):
            if self._made_from() not in {"", self.made_from}:
                # These read files, the others only arguments.
                configured = ("containerd", "kubelet", "kube-proxy", ENFORCER)
                processes.kill(old.pid for old in cleanup.ours(self.folders, configured))
            self._clear_stale()
            network.up(self.folders)
            self.configure()
        with steps.step("etcd, API server, containerd"):
            self._control_plane()
        with steps.step("node Ready"):
            self._join()
        with steps.step("images, DNS, storage"):
            self.load(build.archives(self.folders))
            self._dns_and_storage()
        with steps.step("gateway, everything answers"):
            self._gateway()
            (self.folders.state / "made-from").write_text(self.made_from)
            self._settled()

    def _clear_stale(self) -> None:
        """Clear away what containerd and its shims left, if none of them lives (a kill, a reboot)."""
        if not cleanup.ours(self.folders, ("containerd", cleanup.SHIM)):
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
        shutil.copyfile(POLICIES, state / POLICIES.name)
        enforcer = state / "bin" / ENFORCER  # so named, processes tell what it is
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

    def _control_plane(self) -> None:
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

    def _join(self) -> None:
        if API_SERVICE.problem():
            processes.kill(proxy.pid for proxy in cleanup.ours(self.folders, ("kube-proxy",)))
        self.start(ENFORCER, "kubelet", "kube-proxy")

        def ready() -> bool:
            if not self.kubectl.succeeds("get", "node", settings.NODE_NAME):
                return False
            conditions = self.kubectl.get("node", settings.NODE_NAME)["status"].get("conditions", [])
            return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

        self._wait((ENFORCER, "kubelet", "kube-proxy"), ready, "The node is not Ready")

    def _wait(self, names: tuple[str, ...], condition: Callable[[], bool], otherwise: str) -> None:
        """Wait for a condition that processes of the node bring about.

        Raises HarnessError at once when one of them has ended, or when the condition does not hold in time.
        """

        def holds() -> bool:
            if ended := [name for name in names if name in self.stopped()]:
                raise HarnessError(
                    f"{ended[0]} ended by itself; the end of its log says why.", self.log(ended[0])
                )
            return condition()

        wait_for(holds, settings.NODE_LIMIT, otherwise, self.log(names[-1]))

    def load(self, archives: Iterable[Path]) -> list[tuple[image_archives.Archive, bool]]:
        """Import image archives into containerd, but none it has; return each with whether it had to be.

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

    def _dns_and_storage(self) -> None:
        self._kubeadm("addon", "coredns", f"--kubeconfig={self.folders.state}/super-admin.conf")
        values: dict[str, object] = {
            "state": self.folders.state,
            "helper_image": build.helper_image(self.folders),
        }
        self.kubectl.apply(settings.render("manifests/storage.yaml", values))
        self.start("local-path-provisioner")

    def _gateway(self) -> None:
        addons.gateway(
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
        addons.rolled_out(self.kubectl, "kube-system", "coredns", self.log("coredns"))

    def _settled(self) -> None:
        wait_for(
            lambda: not list(self.problems()) and self._pods_are_told_truly(),
            settings.ADDON_LIMIT,
            "The cluster is up but not well; `status` says what is wrong. It did not settle",
            self.log("kubelet"),
        )
