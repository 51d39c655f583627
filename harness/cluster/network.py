"""The node's network on this machine: sets up and removes its address, masquerading and kernel settings."""

import json
import re
import shutil
from pathlib import Path

from harness.cluster import settings
from harness.cluster.settings import Folders
from harness.common.commands import read_output, succeeds

# Settings of the kernel that Kubernetes changes; `down` writes back what was there.
SYSCTLS = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
)
COMMENT = settings.NETWORK_NAME


def sysctl(name: str) -> Path:
    """Return the file of a kernel setting."""
    return Path("/proc/sys") / name


def remember_sysctls(record: Path) -> None:
    """Write down the kernel's settings, unless that was done before."""
    if not record.exists():
        values = {name: sysctl(name).read_text().strip() for name in SYSCTLS if sysctl(name).exists()}
        record.write_text(json.dumps(values, indent=1))


def restore_sysctls(record: Path) -> None:
    """Write back the kernel's settings that were written down."""
    if record.exists():
        for name, value in json.loads(record.read_text()).items():
            if sysctl(name).exists() and sysctl(name).read_text().strip() != value:
                sysctl(name).write_text(value)


def resolv_conf(
    candidates: tuple[Path, ...] = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")),
) -> Path:
    """Return the file whose name servers pods can reach: the first with one that is not on loopback."""
    for candidate in candidates:
        servers = (
            re.findall(r"^nameserver\s+(\S+)", candidate.read_text(), re.MULTILINE)
            if candidate.exists()
            else []
        )
        if any(not server.startswith("127.") and server != "::1" for server in servers):
            return candidate
    return candidates[0]


def firewall_rules(chain_listings: dict[str, str]) -> list[list[str]]:
    """Return the iptables rules that let pods through a firewall that drops what it does not know.

    `chain_listings` maps INPUT and FORWARD to what `iptables -S CHAIN` prints; one that accepts needs none.
    """
    directions = {"INPUT": ("-i",), "FORWARD": ("-i", "-o")}
    return [
        [chain, direction, settings.POD_BRIDGE, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"]
        for chain, listing in chain_listings.items()
        if f"-P {chain} DROP" in listing and COMMENT not in listing
        for direction in directions[chain]
    ]


def our_rules(listing: str) -> list[list[str]]:
    """Return the cluster's own rules in what `iptables -S` prints, as the arguments that follow -D."""
    return [
        line.replace('"', "").split()[1:]
        for line in listing.splitlines()
        if line.startswith("-A ") and re.search(rf"--comment \"?{COMMENT}\"?( |$)", line)
    ]


def up(folders: Folders) -> None:
    """Give the machine the node's address, and let pods reach what is outside.

    Raises HarnessError when the kernel lacks what that needs.
    """
    for module in ("overlay", "br_netfilter"):
        if shutil.which("modprobe"):
            succeeds(["modprobe", module], 10)
    remember_sysctls(folders.state / "sysctls.json")
    bridged = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")
    for name in (*bridged, "net/ipv4/ip_forward"):
        if sysctl(name).exists():
            sysctl(name).write_text("1")
    failure = "The kernel refused the node's network"
    if not Path("/sys/class/net", settings.NODE_BRIDGE).exists():
        read_output(["ip", "link", "add", settings.NODE_BRIDGE, "type", "bridge"], failure)
    read_output(
        ["ip", "address", "replace", f"{settings.NODE_ADDRESS}/32", "dev", settings.NODE_BRIDGE], failure
    )
    read_output(["ip", "link", "set", settings.NODE_BRIDGE, "up"], failure)
    read_output(["nft", "-f", "-"], failure, text=settings.render("templates/masquerade.nft", names()))
    if shutil.which("iptables"):
        listings = {chain: read_output(["iptables", "-S", chain], failure) for chain in ("INPUT", "FORWARD")}
        for rule in firewall_rules(listings):
            read_output(["iptables", "-I", *rule], failure)


def names() -> dict[str, object]:
    """Return the names and ranges of the network, for templates."""
    return {
        "dns_address": settings.DNS_ADDRESS,
        "network_name": settings.NETWORK_NAME,
        "node_address": settings.NODE_ADDRESS,
        "node_pod_range": settings.NODE_POD_RANGE,
        "pod_bridge": settings.POD_BRIDGE,
        "pod_range": settings.POD_RANGE,
        "service_range": settings.SERVICE_RANGE,
    }


def remove_pod_links() -> None:
    """Remove the machine's ends of the pods' links, and their bridge."""
    bridge = Path("/sys/class/net", settings.POD_BRIDGE)
    if bridge.exists():
        for link in sorted((bridge / "brif").iterdir()):
            succeeds(["ip", "link", "delete", link.name], 10)
        succeeds(["ip", "link", "delete", settings.POD_BRIDGE], 10)


def remove_services() -> None:
    """Remove kube-proxy's tables.

    A kube-proxy that starts over old tables does not fill an endpoint's chain that is there already
    (epChainSkipUpdate in pkg/proxy/nftables, 1.35.4), even if it is empty: that Service then refuses
    connections.
    """
    if shutil.which("nft"):
        for family in ("ip", "ip6"):
            succeeds(["nft", "delete", "table", family, "kube-proxy"], 10)


def has_policies() -> bool:
    """Say whether the kernel has the table of the NetworkPolicies; it is there without any policy too."""
    return succeeds(["nft", "list", "chain", "inet", settings.POLICIES_TABLE, "forward"], 10)


def down(folders: Folders) -> None:
    """Remove all that `up`, kube-proxy and the pods put into the machine's network."""
    remove_pod_links()
    if Path("/sys/class/net", settings.NODE_BRIDGE).exists():
        succeeds(["ip", "link", "delete", settings.NODE_BRIDGE], 10)
    remove_services()
    if shutil.which("nft"):
        succeeds(["nft", "delete", "table", "ip", settings.NETWORK_NAME], 10)
        succeeds(["nft", "delete", "table", "inet", settings.POLICIES_TABLE], 10)
    if shutil.which("iptables"):
        for rule in our_rules(read_output(["iptables", "-S"], "The firewall could not be read")):
            succeeds(["iptables", "-D", *rule], 10)
    restore_sysctls(folders.state / "sysctls.json")
