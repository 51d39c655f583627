"""The cluster's names, addresses, folders, versions and time limits: the only place for each."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from harness.common.cache import cache_folder, folder_from

HERE = Path(__file__).parent
VERSIONS: dict[str, Any] = tomllib.loads((HERE / "versions.toml").read_text())

CLUSTER_NAME = "llm-observability"
GATEWAY_NAMESPACE = "kagenti-system"
GATEWAY_PORT = 8080
GATEWAY_NODE_PORT = 30080

# The embedded cluster's node has an address of its own, so that no other program has its ports.
NODE_NAME = "node"
NODE_ADDRESS = "10.243.0.1"
NODE_BRIDGE = "ec-node"
POD_BRIDGE = "ec-pods"
POD_RANGE = "10.244.0.0/16"
NODE_POD_RANGE = "10.244.0.0/24"
# Of a kind cluster with built nodes: others, for what its nodes send meets the embedded cluster's rules.
KIND_POD_RANGE = "10.245.0.0/16"
KIND_SERVICE_RANGE = "10.97.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"  # the first of the range, always the Service default/kubernetes
DNS_ADDRESS = "10.96.0.10"
NETWORK_NAME = "embedded-cluster"  # of the CNI network and of the nftables table
POLICIES_TABLE = f"{NETWORK_NAME}-policies"  # of nftables
CNI_RESULTS = Path("/var/lib/cni/results")  # where libcni keeps what the plugins answered
# Every port a process of the node listens on, at NODE_ADDRESS.
NODE_PORTS = {
    2379: "etcd",
    2380: "etcd",
    6443: "kube-apiserver",
    10248: "kubelet",
    10249: "kube-proxy",
    10250: "kubelet",
    10256: "kube-proxy",
    10257: "kube-controller-manager",
    10259: "kube-scheduler",
}

# A machine sold as 6 GB is enough; Go's compiler and the images need the disk.
MEMORY_BYTES = 5_600_000_000
DISK_BYTES = 15 * 1024**3

# Time limits, in seconds. Each is several times what was measured on two busy cores.
DOWNLOAD_LIMIT = 900
COMPILE_LIMIT = 3600
NODE_LIMIT = 120
ADDON_LIMIT = 240
IMPORT_LIMIT = 900
START_LIMIT = 30
STOP_LIMIT = 30


@dataclass(frozen=True)
class Folders:
    """The two folders the cluster lives in: `state` goes with `down`, `cache` stays."""

    state: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> "Folders":
        """Read EMBEDDED_CLUSTER_STATE and EMBEDDED_CLUSTER_CACHE, or take the defaults."""
        default = "/var/lib/embedded-cluster" if os.geteuid() == 0 else "~/.local/state/embedded-cluster"
        return cls(state=folder_from("EMBEDDED_CLUSTER_STATE", default), cache=cache_folder())

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def provider(self) -> Path:
        """The file that says what made the cluster (`kind` or `embedded`) and marks the folder as its own."""
        return self.state / "provider"

    @property
    def node_image(self) -> Path:
        """The file that names the image of kind's node."""
        return self.state / "node-image"

    @property
    def log(self) -> Path:
        """The folder with one log file for each process and step."""
        return self.state / "log"

    @property
    def run(self) -> Path:
        """What does not outlive a restart of the machine."""
        return self.state / "run"

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"


def render(template: str, values: dict[str, object]) -> str:
    """Return a file of this package with its `${name}` filled in from `values` and the versions.

    Raises KeyError for a name that has no value.
    """
    return Template((HERE / template).read_text()).substitute({**VERSIONS, **values})
