"""Enforces NetworkPolicies on the embedded cluster's node, by rules of nftables.

A program of its own: `up` copies it into the state folder, and the system's Python runs it there with the
standard library alone. It reads a pod's address from the CNI result, which is written before the pod's first
container starts. It reads labels and policies from the API server. nftables gets all rules in one
transaction.

As soon as there is a policy, a pod that is not known yet reaches nothing, and only the node reaches it. The
node reaches every pod, and a pod always reaches itself. What a pod sends to an address of the machine is
checked too. Policies hold for open connections as well: each packet from the side that opened a connection is
checked. When the program ends, the rules stay in the kernel, and new pods stay cut off.

Not supported: named ports, ranges of ports (endPort), protocols other than TCP and UDP. A rule with one of
these allows nothing, and the log says so. The cluster has no IPv6: a block of its addresses matches no pod.
"""

import argparse
import base64
import http.client
import ipaddress
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = dict[str, Any]
Labels = Mapping[str, str]
PODS = "/api/v1/pods"
NAMESPACES = "/api/v1/namespaces"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
# Seconds.
ADDRESS_INTERVAL = 0.1  # a container takes longer to start once its pod has an address
CHECK_INTERVAL = 5.0  # another program may flush the kernel's rules
RETRY_INTERVAL = 1.0
REQUEST_LIMIT = 10
NFT_LIMIT = 10
WATCH_LIMIT = 240  # then the API server ends a watch, and everything is listed anew


class UnsupportedError(Exception):
    """A rule uses a part of the API that is not supported."""


@dataclass(frozen=True)
class Pod:
    """A pod of this node: its address, and what policies select it by."""

    namespace: str
    name: str
    address: str
    labels: Labels

    @property
    def title(self) -> str:
        """Namespace and name, no longer than a comment of nftables may be (128 bytes)."""
        return f"{self.namespace}/{self.name}"[:120]


@dataclass(frozen=True)
class Cluster:
    """What decides the rules: pods, namespaces' labels by name, policies as the API server returns them."""

    pods: list[Pod]
    namespaces: Mapping[str, Labels]
    policies: list[Object]


# From policies to rules


def matches(selector: Object, labels: Labels) -> bool:
    """Say whether a label selector matches; an empty one matches everything."""
    return (selector.get("matchLabels") or {}).items() <= labels.items() and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _holds(expression: Object, labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:  # DoesNotExist; the API knows no other
            return key not in labels


def selected_addresses(peer: Object, namespace: str, cluster: Cluster) -> list[str]:
    """Return the sorted addresses of the pods that a peer of a policy in this namespace selects."""
    return sorted(
        pod.address
        for pod in cluster.pods
        if (
            matches(peer["namespaceSelector"], cluster.namespaces.get(pod.namespace, {}))
            if peer.get("namespaceSelector") is not None
            else pod.namespace == namespace
        )
        and matches(peer.get("podSelector") or {}, pod.labels)
    )


def block_match(peer: Object, field: str) -> str | None:
    """Return what in nftables matches a block of addresses; None for a block of IPv6."""
    network = ipaddress.ip_network(peer["ipBlock"]["cidr"], strict=False)
    if network.version != 4:  # noqa: PLR2004 - the version's name
        return None
    excluded = [str(ipaddress.ip_network(text, strict=False)) for text in peer["ipBlock"].get("except") or ()]
    return " ".join(
        [f"{field} {network}", *([f"{field} != {{ {', '.join(sorted(excluded))} }}"] if excluded else ())]
    )


def peer_matches(peers: list[Object], field: str, namespace: str, cluster: Cluster) -> list[str]:
    """Return what in nftables matches the peers of a rule; one empty match for a rule without peers."""
    if not peers:
        return [""]
    found = []
    for peer in peers:
        if "ipBlock" in peer:
            match = block_match(peer, field)
        else:
            addresses = selected_addresses(peer, namespace, cluster)
            match = f"{field} {{ {', '.join(addresses)} }}" if addresses else None
        if match and match not in found:
            found.append(match)
    return found


def port_matches(ports: list[Object]) -> list[str]:
    """Return what in nftables matches the ports of a rule; one empty match for a rule without ports.

    Raises UnsupportedError for what this program does not support.
    """
    if not ports:
        return [""]
    found: dict[str, list[int]] = {}
    for entry in ports:
        protocol, port = entry.get("protocol", "TCP"), entry.get("port")
        if protocol not in {"TCP", "UDP"}:
            raise UnsupportedError(f"protocol {protocol}")
        if isinstance(port, str):
            raise UnsupportedError(f"the named port {port}")
        if "endPort" in entry:
            raise UnsupportedError("a range of ports (endPort)")
        numbers = found.setdefault(protocol.lower(), [])
        numbers.append(0 if port is None else port)
    return [
        f"meta l4proto {protocol}"
        if 0 in numbers
        else f"{protocol} dport {{ {', '.join(map(str, sorted(set(numbers))))} }}"
        for protocol, numbers in found.items()
    ]


def pod_rules(
    pod: Pod, direction: str, policies: list[Object], cluster: Cluster
) -> tuple[list[str], list[str]]:
    """Return a pod's rules in one direction (`Ingress` or `Egress`), and a line for each unsupported rule.

    A packet that a rule allows returns from the chain; a packet that reaches its end is dropped.
    """
    field, peers = ("ip saddr", "from") if direction == "Ingress" else ("ip daddr", "to")
    rules = [f"{field} {pod.address} return"]
    unsupported: list[str] = []
    for policy in policies:
        namespace = policy["metadata"]["namespace"]
        for rule in policy["spec"].get(direction.lower()) or ():
            try:
                ports = port_matches(rule.get("ports") or [])
            except UnsupportedError as error:
                name = f"{namespace}/{policy['metadata']['name']}"
                unsupported.append(
                    f"NetworkPolicy {name}: {error} is not supported, so this rule allows nothing"
                )
                continue
            for peer in peer_matches(rule.get(peers) or [], field, namespace, cluster):
                rules += [" ".join(filter(None, (peer, port, "return"))) for port in ports]
    return [*dict.fromkeys(rules), f'counter drop comment "{pod.title}"'], unsupported


def render_rules(cluster: Cluster, table: str, bridge: str) -> tuple[str, list[str]]:
    """Return the transaction that replaces all rules of the table, and a line for each unsupported rule."""
    chains: list[str] = []
    unsupported: list[str] = []
    jumps: dict[str, list[str]] = {"Egress": [], "Ingress": []}
    for pod in sorted(cluster.pods, key=lambda pod: pod.address):
        applying = [
            policy
            for policy in cluster.policies
            if policy["metadata"]["namespace"] == pod.namespace
            and matches(policy["spec"].get("podSelector") or {}, pod.labels)
        ]
        for direction, entries in jumps.items():
            policies = [p for p in applying if direction in p["spec"].get("policyTypes", ["Ingress"])]
            if policies:
                rules, lines = pod_rules(pod, direction, policies, cluster)
                unsupported += lines
                name = f"{direction.lower()}-{pod.address}"
                entries.append(f"{pod.address} : jump {name}")
                chains.append(_chain(name, rules))
    checks = []
    if cluster.policies:
        known = ", ".join(sorted(pod.address for pod in cluster.pods))
        unknown = f" != {{ {known} }}" if known else " 0.0.0.0/0"
        checks += [
            f'iifname "{bridge}" meta nfproto ipv6 drop',
            f'iifname "{bridge}" ip saddr{unknown} counter drop comment "not known yet"',
            f'oifname "{bridge}" ip daddr{unknown} counter drop comment "not known yet"',
        ]
    for entries, field in ((jumps["Egress"], "ip saddr"), (jumps["Ingress"], "ip daddr")):
        if entries:
            checks.append(f"{field} vmap {{ {', '.join(entries)} }}")
    text = "\n".join(
        [
            f"table inet {table}",
            f"delete table inet {table}",
            f"table inet {table} {{",
            *chains,
            _chain("pods", ["ct direction reply accept", "ct state related accept", *checks]),
            _chain("forward", [_hook("forward"), "jump pods"]),
            _chain("input", [_hook("input"), f'iifname "{bridge}" jump pods']),
            "}\n",
        ]
    )
    return text, list(dict.fromkeys(unsupported))


def _chain(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"  chain {name} {{", *(f"    {line}" for line in lines), "  }"])


def _hook(name: str) -> str:
    return f"type filter hook {name} priority filter - 5; policy accept;"


# Where pods are, from the CNI plugins' results


class Addresses:
    """The addresses that pods have on this node, by their namespace and name."""

    def __init__(self, folder: Path, network: str) -> None:
        """Name the folder of libcni's results and the network whose results count."""
        self._folder = folder
        self._network = network
        self._read: dict[str, list[tuple[str, str, str]]] = {}

    def read(self) -> list[tuple[str, str, str]]:
        """Return namespace, name and IPv4 address of every pod that has one now."""
        names = {
            file.name for file in self._folder.glob(f"{self._network}-*") if not file.name.endswith(".tmp")
        }
        self._read = {name: found for name, found in self._read.items() if name in names}
        for name in names - self._read.keys():
            try:
                self._read[name] = list(_pod_of_result(json.loads((self._folder / name).read_text())))
            except (OSError, ValueError):  # half written, or gone again: the next reading decides
                continue
        return sorted({entry for found in self._read.values() for entry in found})


def _pod_of_result(result: Object) -> Iterator[tuple[str, str, str]]:
    arguments = dict(result["cniArgs"])
    for entry in result["result"]["ips"]:
        address = ipaddress.ip_interface(entry["address"]).ip
        if address.version == 4:  # noqa: PLR2004
            yield arguments["K8S_POD_NAMESPACE"], arguments["K8S_POD_NAME"], str(address)


# What the API server knows


class Api:
    """The API server of a kubeconfig that kubeadm wrote: one server, one client with a certificate."""

    def __init__(self, kubeconfig: Path) -> None:
        """Read the server's address and the client's certificate."""
        text = kubeconfig.read_text()
        values = dict(re.findall(r"^\s*(?:- )?([a-z-]+): (\S+)$", text, re.MULTILINE))
        self._server = values["server"].removeprefix("https://")
        self._context = ssl.create_default_context(cadata=_decoded(values["certificate-authority-data"]))
        # A file in memory, because ssl wants the name of one.
        descriptor = os.memfd_create("client")
        with os.fdopen(descriptor, "w") as client:
            client.write(
                _decoded(values["client-certificate-data"]) + "\n" + _decoded(values["client-key-data"])
            )
            client.flush()
            self._context.load_cert_chain(f"/proc/self/fd/{descriptor}")

    def list(self, path: str) -> Object:
        """Return the list at a path.

        Raises OSError, http.client.HTTPException or ValueError when the API server gives none.
        """
        with self._get(path, REQUEST_LIMIT) as answer:
            found: Object = json.load(answer)
            return found

    def watch(self, path: str, version: str) -> Iterator[Object]:
        """Yield the events after a version, until the API server ends the watch.

        Raises as `list` does.
        """
        query = f"{path}?watch=1&resourceVersion={version}&timeoutSeconds={WATCH_LIMIT}"
        with self._get(query, WATCH_LIMIT + REQUEST_LIMIT) as answer:
            for line in answer:
                yield json.loads(line)

    def _get(self, path: str, limit: float) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(self._server, timeout=limit, context=self._context)
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"the API server answers {answer.status} to {path}")
        return answer


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


class Watched(threading.Thread):
    """The objects at one path of the API, kept up to date: of each its labels, of a policy its spec too."""

    def __init__(self, api: Api, path: str, changed: threading.Event) -> None:
        """Name what to watch; `changed` is set whenever an object has changed."""
        super().__init__(daemon=True)
        self.known: dict[tuple[str, str], Object] | None = None
        self._api = api
        self._path = path
        self._changed = changed

    def run(self) -> None:
        """Watch for ever; while the API server does not answer, the objects stay as they were."""
        logged = ""
        while True:
            try:
                self._follow()
                logged = ""
            except (OSError, http.client.HTTPException, ValueError) as error:
                if repr(error) != logged:  # once, not every second
                    logged = repr(error)
                    log(f"{self._path}: {logged}")
                time.sleep(RETRY_INTERVAL)

    def _follow(self) -> None:
        listing = self._api.list(self._path)
        self._know({_key(item): self._essence(item) for item in listing["items"]})
        for event in self._api.watch(self._path, listing["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR":  # its version is too old to go on from
                return
            item, known = event["object"], dict(self.known or {})
            known.pop(_key(item), None)
            if event["type"] != "DELETED":
                known[_key(item)] = self._essence(item)
            self._know(known)

    def _know(self, known: dict[tuple[str, str], Object]) -> None:
        if known != self.known:
            self.known = known
            self._changed.set()

    def _essence(self, item: Object) -> Object:
        metadata = item["metadata"]
        kept = {"namespace": metadata.get("namespace", ""), "name": metadata["name"]}
        essence: Object = {"metadata": {**kept, "labels": metadata.get("labels") or {}}}
        if self._path == POLICIES:
            essence["spec"] = item["spec"]
        return essence


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


# The program


def log(line: str) -> None:
    """Print a line with the time."""
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), line, flush=True)


def nft(*arguments: str, text: str = "") -> str:
    """Run nft; return why it failed, empty when it did not."""
    command = ["nft", *arguments]
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=NFT_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"nft took longer than {NFT_LIMIT} s"
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


class Enforcer:
    """Keeps the kernel's rules as the cluster's policies are."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Begin to watch the API server."""
        api = Api(options.kubeconfig)
        self._table, self._bridge = options.table, options.bridge
        self._changed = threading.Event()
        self._watched = {path: Watched(api, path, self._changed) for path in (PODS, NAMESPACES, POLICIES)}
        self._addresses = Addresses(options.cni_results, options.network)
        self._applied = ""
        for watched in self._watched.values():
            watched.start()

    def run(self) -> None:
        """Enforce for ever."""
        located: list[tuple[str, str, str]] = []
        checked = time.monotonic()
        pending = True
        while True:
            pending |= self._changed.wait(ADDRESS_INTERVAL)
            self._changed.clear()
            before, located = located, self._addresses.read()
            pending |= located != before
            if time.monotonic() > checked + CHECK_INTERVAL:
                checked = time.monotonic()
                if self._applied and nft("list", "chain", "inet", self._table, "forward"):
                    log("The rules are gone from the kernel")
                    self._applied, pending = "", True
            cluster = self._cluster(located) if pending else None
            if cluster:
                pending = not self._apply(cluster)

    def _cluster(self, located: list[tuple[str, str, str]]) -> Cluster | None:
        """Return what is known; None until the API server has listed everything once."""
        pods, namespaces, policies = (self._watched[path].known for path in (PODS, NAMESPACES, POLICIES))
        if pods is None or namespaces is None or policies is None:
            return None
        return Cluster(
            [
                Pod(namespace, name, address, pods[namespace, name]["metadata"]["labels"])
                for namespace, name, address in located
                if (namespace, name) in pods
            ],
            {name: item["metadata"]["labels"] for (_, name), item in namespaces.items()},
            list(policies.values()),
        )

    def _apply(self, cluster: Cluster) -> bool:
        """Give nftables the rules unless it has them; return whether it has them now."""
        text, unsupported = render_rules(cluster, self._table, self._bridge)
        if text == self._applied:
            return True
        if failure := nft("-f", "-", text=text):
            log(f"nftables rejects the rules: {failure}")
            time.sleep(RETRY_INTERVAL)
            return False
        self._applied = text
        log(f"{len(cluster.policies)} policies for {len(cluster.pods)} pods")
        for line in unsupported:
            log(line)
        return True


def main(arguments: list[str]) -> None:
    """Read the command line and enforce."""
    parser = argparse.ArgumentParser(description="Enforce NetworkPolicies on this node.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--cni-results", type=Path, required=True, help="libcni's folder of results")
    parser.add_argument("--network", required=True, help="the CNI network's name")
    parser.add_argument("--bridge", required=True, help="the bridge that the pods are on")
    parser.add_argument("--table", required=True, help="the table of nftables to write, of family inet")
    Enforcer(parser.parse_args(arguments)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
