"""What NetworkPolicies say about a connection: which of them are for its two ends, which let it through."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kube.model import Labels, Object, matches


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address that is no pod's (without `labels`).

    `ports` are the numbers of a pod's named ports.
    """

    name: str
    address: str
    namespace: str = ""
    labels: Labels | None = None
    namespace_labels: Labels = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What the policies say about a connection at one end, in one direction (`egress` or `ingress`)."""

    direction: str
    end: str
    selecting: Sequence[str]
    letting: Sequence[str]

    @property
    def is_open(self) -> bool:
        """Whether the connection is let through: no policy selects the end, or one has a rule for it."""
        return not self.selecting or bool(self.letting)

    def __str__(self) -> str:
        """Return the judgement as a sentence that names the policies."""
        side = f"{self.direction} of {self.end}"
        if not self.selecting:
            return f"no NetworkPolicy is for {side}, so everything is let through"
        if self.letting:
            return f"{side} is let through by NetworkPolicy {', '.join(self.letting)}"
        return f"{side} is let through by none of its policies ({', '.join(self.selecting)})"


def judge(
    policies: Iterable[Object], source: End, target: End, port: int, protocol: str = "TCP"
) -> list[Judgement]:
    """Return what the policies say about a connection at its source and at its target."""
    known = list(policies)
    return [
        _at_end(known, "Egress", source, target, target.ports, (port, protocol)),
        _at_end(known, "Ingress", target, source, target.ports, (port, protocol)),
    ]


def _at_end(  # noqa: PLR0913, PLR0917 - a connection has two ends, a port and a direction
    policies: Sequence[Object],
    direction: str,
    end: End,
    other: End,
    ports: Mapping[str, int],
    to: tuple[int, str],
) -> Judgement:
    selecting = [
        policy
        for policy in policies
        if end.labels is not None
        and policy["metadata"]["namespace"] == end.namespace
        and direction in policy["spec"].get("policyTypes", ["Ingress"])
        and matches(policy["spec"].get("podSelector") or {}, end.labels)
    ]
    peers = "to" if direction == "Egress" else "from"
    letting = [
        policy
        for policy in selecting
        if any(
            _peers_match(rule.get(peers), end.namespace, other)
            and _ports_match(rule.get("ports"), ports, *to)
            for rule in policy["spec"].get(direction.lower()) or ()
        )
    ]
    return Judgement(direction.lower(), end.name, _names(selecting), _names(letting))


def _names(policies: Iterable[Object]) -> list[str]:
    return [f"{policy['metadata']['namespace']}/{policy['metadata']['name']}" for policy in policies]


def _peers_match(peers: Sequence[Object] | None, namespace: str, other: End) -> bool:
    return not peers or any(_peer_matches(peer, namespace, other) for peer in peers)


def _peer_matches(peer: Object, namespace: str, other: End) -> bool:
    if "ipBlock" in peer:
        address = ipaddress.ip_address(other.address)
        block = peer["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"], strict=False) and not any(
            address in ipaddress.ip_network(text, strict=False) for text in block.get("except") or ()
        )
    if other.labels is None or not matches(peer.get("podSelector") or {}, other.labels):
        return False
    if peer.get("namespaceSelector") is None:
        return other.namespace == namespace
    return matches(peer["namespaceSelector"], other.namespace_labels)


def _ports_match(
    entries: Sequence[Object] | None, named: Mapping[str, int], port: int, protocol: str
) -> bool:
    for entry in entries or ():
        first = entry.get("port")
        number = named.get(first) if isinstance(first, str) else first
        if entry.get("protocol", "TCP") != protocol:
            continue
        last = entry.get("endPort") or number
        if first is None or (number is not None and last is not None and number <= port <= last):
            return True
    return not entries
