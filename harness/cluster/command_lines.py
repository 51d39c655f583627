"""The command line of each process of the embedded cluster's node.

Each names the state folder in an argument: by that the processes are found again (see processes.py).
"""

from __future__ import annotations

from pathlib import Path

from harness.cluster import settings

ENFORCER = "network-policy-enforcer"
ENFORCER_SOURCE = settings.HERE / "network_policies.py"
ETCD = f"https://{settings.NODE_ADDRESS}:2379"
ETCD_PEER = f"https://{settings.NODE_ADDRESS}:2380"


def command_lines(state: Path, programs: Path, helper_image: str) -> dict[str, list[str]]:
    """Return the command line of every process by its name, in the order in which they start.

    `programs` is the folder with Kubernetes' programs; the volume provisioner runs `helper_image`.
    """
    arguments = {
        "containerd": [f"--config={state}/containerd.toml"],
        "etcd": _etcd(state),
        "kube-apiserver": _api_server(state),
        "kube-controller-manager": _controller_manager(state),
        "kube-scheduler": [
            f"--bind-address={settings.NODE_ADDRESS}",
            *_client(state, "scheduler"),
            "--leader-elect=false",
        ],
        "kubelet": [
            f"--config={state}/kubelet.yaml",
            f"--kubeconfig={state}/kubelet.conf",
            f"--hostname-override={settings.NODE_NAME}",
            f"--node-ip={settings.NODE_ADDRESS}",
            f"--root-dir={state}/kubelet",
            f"--cert-dir={state}/kubelet/pki",
        ],
        "kube-proxy": [f"--config={state}/kube-proxy.yaml"],
        ENFORCER: [
            "-I",  # it is Python, and needs nothing of the environment
            f"{state}/{ENFORCER_SOURCE.name}",
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
            f"--helper-image={helper_image}",
        ],
    }
    folders = {"containerd": Path("/usr/bin"), ENFORCER: state / "bin"}
    return {name: [str(folders.get(name, programs) / name), *rest] for name, rest in arguments.items()}


def _etcd(state: Path) -> list[str]:
    pki = state / "pki" / "etcd"
    return [
        f"--name={settings.NODE_NAME}",
        f"--data-dir={state}/etcd",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={ETCD_PEER}",
        f"--initial-advertise-peer-urls={ETCD_PEER}",
        f"--initial-cluster={settings.NODE_NAME}={ETCD_PEER}",
        "--client-cert-auth",
        f"--trusted-ca-file={pki}/ca.crt",
        f"--cert-file={pki}/server.crt",
        f"--key-file={pki}/server.key",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki}/ca.crt",
        f"--peer-cert-file={pki}/peer.crt",
        f"--peer-key-file={pki}/peer.key",
    ]


def _api_server(state: Path) -> list[str]:
    pki = state / "pki"
    return [
        f"--bind-address={settings.NODE_ADDRESS}",
        f"--advertise-address={settings.NODE_ADDRESS}",
        "--secure-port=6443",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--etcd-servers={ETCD}",
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
    ]


def _controller_manager(state: Path) -> list[str]:
    pki = state / "pki"
    return [
        f"--bind-address={settings.NODE_ADDRESS}",
        *_client(state, "controller-manager"),
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={settings.POD_RANGE}",
        f"--client-ca-file={pki}/ca.crt",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--service-account-private-key-file={pki}/sa.key",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
    ]


def _client(state: Path, name: str) -> list[str]:
    """Return how a process of the control plane logs in to the API server, and lets others log in."""
    kubeconfig = state / f"{name}.conf"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
    ]
