"""The enforcer's rules allow what the policies allow; a rule that it does not support allows nothing."""

import base64
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cluster import network_policies
from harness.cluster.network_policies import Addresses, Api, Cluster, Pod, Watched, matches, render_rules

TABLE, BRIDGE = "policies", "pods0"
AGENT = Pod("team1", "agent-0", "10.244.0.2", {"name": "agent"})
TOOL = Pod("team1", "tool-0", "10.244.0.3", {"name": "tool"})
COLLECTOR = Pod("system", "collector-0", "10.244.0.4", {"name": "collector"})
WORLD = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
PORTS = [{"port": 1}, {"protocol": "UDP"}]
TOOLS = {"matchLabels": {"name": "tool"}}
NAMESPACES = {"team1": {"team": "one"}, "system": {"kind": "system"}}


def policy(namespace: str, selects: dict[str, Any], **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    types = [direction for direction in ("Ingress", "Egress") if direction.lower() in spec]
    return {
        "metadata": {"namespace": namespace, "name": "a-policy"},
        "spec": {"podSelector": selects, "policyTypes": types, **spec},
    }


def chains(*policies: dict[str, Any]) -> dict[str, list[str]]:
    """Return the rules of each chain, without the last one of a pod's chain, which drops."""
    text, _ = render_rules(Cluster([AGENT, TOOL, COLLECTOR], NAMESPACES, list(policies)), TABLE, BRIDGE)
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("  chain "):
            rules = found[line.split()[1]] = []
        elif line.startswith("    "):
            rules.append(line.strip())
    for name, rules in found.items():
        if name.startswith(("egress-", "ingress-")):
            assert rules.pop().startswith("counter drop")
    return found


def unsupported(*policies: dict[str, Any]) -> list[str]:
    return render_rules(Cluster([AGENT, TOOL, COLLECTOR], NAMESPACES, list(policies)), TABLE, BRIDGE)[1]


def egress(**rule: Any) -> list[str]:  # noqa: ANN401
    """Return what a rule for the agent's egress becomes, after the rule that it reaches itself."""
    rules = chains(policy("team1", {"matchLabels": {"name": "agent"}}, egress=[rule]))["egress-10.244.0.2"]
    assert rules[0] == "ip daddr 10.244.0.2 return"
    return rules[1:]


def test_without_policies_all_is_allowed() -> None:
    found = chains()
    assert set(found) == {"pods", "forward", "input"}
    assert found["pods"] == ["ct direction reply accept", "ct state related accept"]


def test_a_pod_that_no_policy_selects_is_free() -> None:
    found = chains(policy("team1", {"matchLabels": {"name": "agent"}}, ingress=[]))
    assert found["ingress-10.244.0.2"] == ["ip saddr 10.244.0.2 return"]
    assert set(found) == {"ingress-10.244.0.2", "pods", "forward", "input"}
    assert found["pods"][-1] == "ip daddr vmap { 10.244.0.2 : jump ingress-10.244.0.2 }"


def test_an_empty_selector_selects_the_pods_of_the_policys_own_namespace() -> None:
    found = chains(policy("team1", {}, ingress=[], egress=[]))
    assert set(found) - {"pods", "forward", "input"} == {
        f"{direction}-{pod.address}" for direction in ("ingress", "egress") for pod in (AGENT, TOOL)
    }


def test_egress_is_checked_before_ingress_and_both_must_allow_a_packet() -> None:
    egress_map, ingress_map = chains(policy("team1", {}, ingress=[], egress=[]))["pods"][-2:]
    assert egress_map.startswith("ip saddr vmap { 10.244.0.2 : jump egress-10.244.0.2, ")
    assert ingress_map.startswith("ip daddr vmap { 10.244.0.2 : jump ingress-10.244.0.2, ")


def test_where_there_is_a_policy_unknown_pods_are_cut_off() -> None:
    text, _ = render_rules(Cluster([AGENT], NAMESPACES, [policy("system", {}, ingress=[])]), TABLE, BRIDGE)
    assert 'iifname "pods0" ip saddr != { 10.244.0.2 } counter drop' in text
    assert 'oifname "pods0" ip daddr != { 10.244.0.2 } counter drop' in text
    without_pods, _ = render_rules(Cluster([], NAMESPACES, [policy("system", {}, ingress=[])]), TABLE, BRIDGE)
    assert 'iifname "pods0" ip saddr 0.0.0.0/0 counter drop' in without_pods


def test_of_what_the_machine_receives_only_packets_from_pods_are_checked() -> None:
    found = chains()
    assert found["input"] == [
        "type filter hook input priority filter - 5; policy accept;",
        'iifname "pods0" jump pods',
    ]
    assert found["forward"][1:] == ["jump pods"]


@pytest.mark.parametrize(
    ("peer", "match"),
    [
        ({"podSelector": TOOLS}, "ip daddr { 10.244.0.3 } return"),
        ({"podSelector": {}}, "ip daddr { 10.244.0.2, 10.244.0.3 } return"),
        ({"namespaceSelector": {"matchLabels": {"kind": "system"}}}, "ip daddr { 10.244.0.4 } return"),
        ({"namespaceSelector": {}}, "ip daddr { 10.244.0.2, 10.244.0.3, 10.244.0.4 } return"),
        (
            {"namespaceSelector": {"matchLabels": {"team": "one"}}, "podSelector": TOOLS},
            "ip daddr { 10.244.0.3 } return",
        ),
        ({"ipBlock": {"cidr": "192.0.2.7/24"}}, "ip daddr 192.0.2.0/24 return"),
        (
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.0.2.1/32"]}},
            "ip daddr 0.0.0.0/0 ip daddr != { 10.0.0.0/8, 192.0.2.1/32 } return",
        ),
    ],
    ids=str,
)
def test_peer(peer: dict[str, Any], match: str) -> None:
    assert egress(to=[peer]) == [match]


@pytest.mark.parametrize(
    "peer",
    [
        {"podSelector": {"matchLabels": {"name": "collector"}}},  # which is in another namespace
        {"namespaceSelector": {"matchLabels": {"kind": "system"}}, "podSelector": TOOLS},
        {"namespaceSelector": {"matchLabels": {"policy-group.network.openshift.io/ingress": ""}}},
        {"ipBlock": {"cidr": "fc00::/7"}},
    ],
    ids=str,
)
def test_peer_that_matches_no_pod_allows_nothing(peer: dict[str, Any]) -> None:
    assert egress(to=[peer]) == []


def test_rule_without_peers_or_ports_allows_all() -> None:
    assert egress() == ["return"]
    assert egress(to=[]) == ["return"]


def test_ports() -> None:
    ports = [
        {"protocol": "UDP", "port": 53},
        {"protocol": "TCP", "port": 443},
        {"port": 53},  # TCP is the default
    ]
    assert egress(ports=ports) == ["udp dport { 53 } return", "tcp dport { 53, 443 } return"]
    assert egress(ports=[{"protocol": "UDP"}]) == ["meta l4proto udp return"]


def test_every_peer_at_every_port() -> None:
    peers = [{"podSelector": TOOLS}, {"ipBlock": {"cidr": "192.0.2.0/24"}}]
    assert egress(to=peers, ports=[{"port": 80}, {"protocol": "UDP", "port": 53}]) == [
        "ip daddr { 10.244.0.3 } tcp dport { 80 } return",
        "ip daddr { 10.244.0.3 } udp dport { 53 } return",
        "ip daddr 192.0.2.0/24 tcp dport { 80 } return",
        "ip daddr 192.0.2.0/24 udp dport { 53 } return",
    ]


def test_policies_add_up() -> None:
    first = policy("team1", {}, ingress=[{"ports": [{"port": 80}]}])
    second = policy("team1", {"matchLabels": {"name": "agent"}}, ingress=[{"ports": [{"port": 81}]}])
    found = chains(first, second)
    assert found["ingress-10.244.0.2"][1:] == ["tcp dport { 80 } return", "tcp dport { 81 } return"]
    assert found["ingress-10.244.0.3"][1:] == ["tcp dport { 80 } return"]


@pytest.mark.parametrize(
    ("port", "named"),
    [
        ({"port": "http"}, "the named port http"),
        ({"port": 1, "endPort": 2}, "endPort"),
        ({"protocol": "SCTP", "port": 1}, "protocol SCTP"),
    ],
)
def test_rule_that_is_not_supported_allows_nothing_and_is_logged(port: dict[str, Any], named: str) -> None:
    one = policy("team1", {}, egress=[{"ports": [port]}, {"ports": [{"port": 80}]}])
    assert chains(one)["egress-10.244.0.2"][1:] == ["tcp dport { 80 } return"]
    (message,) = unsupported(one)
    assert message.startswith("NetworkPolicy team1/a-policy: ")
    assert named in message


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "1", "b": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        (
            {"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]},
            False,
        ),
    ],
    ids=str,
)
def test_selector(selector: dict[str, Any], expected: bool) -> None:
    assert matches(selector, {"a": "1"}) is expected


def test_same_policies_same_rules_whatever_their_pods_order() -> None:
    one = policy("team1", {}, ingress=[{"from": [{"podSelector": {}}]}])
    assert render_rules(Cluster([AGENT, TOOL], NAMESPACES, [one]), TABLE, BRIDGE) == render_rules(
        Cluster([TOOL, AGENT], NAMESPACES, [one]), TABLE, BRIDGE
    )


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft"), reason="nft checks a transaction as root only"
)
def test_nftables_takes_the_transaction() -> None:
    everything = [
        policy("team1", {}, ingress=[], egress=[{"to": [WORLD]}]),
        policy("system", {}, ingress=[{"from": [{"podSelector": {}}], "ports": PORTS}]),
    ]
    for pods in ([], [AGENT, TOOL, COLLECTOR]):
        for policies in ([], everything):
            text, _ = render_rules(Cluster(pods, NAMESPACES, policies), TABLE, BRIDGE)
            assert not network_policies.nft("--check", "-f", "-", text=text)


def result(folder: Path, network: str, pod: str, *addresses: str) -> Path:
    arguments = [["IgnoreUnknown", "1"], ["K8S_POD_NAMESPACE", "team1"], ["K8S_POD_NAME", pod]]
    file = folder / f"{network}-{pod}-eth0"
    ips = [{"address": address} for address in addresses]
    file.write_text(json.dumps({"cniArgs": arguments, "result": {"ips": ips}}))
    return file


def test_addresses_come_and_go_with_the_results_of_the_network(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path, "ours")
    assert addresses.read() == []
    file = result(tmp_path, "ours", "agent-0", "10.244.0.2/24", "fd00::2/64")
    result(tmp_path, "cni-loopback", "agent-0", "127.0.0.1/8")
    half = tmp_path / "ours-half-written"
    half.write_text('{"cniArgs":')
    assert addresses.read() == [("team1", "agent-0", "10.244.0.2")]
    result(tmp_path, "ours", "half-written", "10.244.0.3/24").replace(half)
    file.unlink()
    assert addresses.read() == [("team1", "half-written", "10.244.0.3")]


class FakeApi(Api):
    """Returns a list, then events, then the end of the connection."""

    def __init__(self, items: list[Any], events: list[Any]) -> None:
        """Keep what to return."""
        self.items, self.events, self.asked = items, events, 0

    def list(self, path: str) -> dict[str, Any]:
        """Return the list, the first time."""
        assert path == network_policies.PODS
        self.asked += 1
        if self.asked > 1:
            raise SystemExit  # the test's end of what is for ever
        return {"metadata": {"resourceVersion": "7"}, "items": self.items}

    def watch(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        """Yield the events."""
        assert (path, version) == (network_policies.PODS, "7")
        yield from self.events
        raise ConnectionResetError


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "team1", "name": name, "labels": labels}, "spec": {"long": "story"}}


def test_watching_keeps_what_it_knew_when_the_api_server_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(network_policies, "RETRY_INTERVAL", 0)
    events = [
        {"type": "ADDED", "object": pod("new", a="1")},
        {"type": "MODIFIED", "object": pod("old", a="2")},
        {"type": "DELETED", "object": pod("gone")},
    ]
    changed = threading.Event()
    watched = Watched(FakeApi([pod("old"), pod("gone")], events), network_policies.PODS, changed)
    with pytest.raises(SystemExit):
        watched.run()
    assert changed.is_set()
    assert {key: item["metadata"]["labels"] for key, item in (watched.known or {}).items()} == {
        ("team1", "new"): {"a": "1"},
        ("team1", "old"): {"a": "2"},
    }
    assert "/api/v1/pods: " in capsys.readouterr().out


def test_kubeconfig_without_a_certificate_is_rejected(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "admin.conf"
    authority = base64.b64encode(b"none").decode()
    kubeconfig.write_text(
        f"    certificate-authority-data: {authority}\n    server: https://192.0.2.1:6443\n"
    )
    with pytest.raises(Exception, match=r"PEM|certificate|no start line"):
        Api(kubeconfig)


def test_nft_that_hangs_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nft"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(network_policies, "NFT_LIMIT", 0.2)
    assert network_policies.nft("list", "tables") == "nft took longer than 0.2 s"
