"""What NetworkPolicies decide about a connection: which of them select its ends, and which allow it."""

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
class PolicyDecision:
    """Which policies select one end of a connection in one direction, and which of those allow it.

    `direction` is `egress` or `ingress`; a policy is named as namespace/name.
    """

    direction: str
    end: str
    policies: Sequence[str]
    allowing: Sequence[str]

    @property
    def is_allowed(self) -> bool:
        """Whether the connection is allowed: no policy selects the end, or one of them has a rule for it."""
        return not self.policies or bool(self.allowing)

    def __str__(self) -> str:
        """Return the decision as a sentence that names the policies."""
        subject = f"{self.direction} of {self.end}"
        if not self.policies:
            return f"{subject} is allowed: no policy selects it"
        if self.allowing:
            return f"{subject} is allowed by NetworkPolicy {', '.join(self.allowing)}"
        return f"{subject} is denied: no policy allows it (policies: {', '.join(self.policies)})"


def decide(
    policies: Iterable[Object], source: End, target: End, port: int, protocol: str = "TCP"
) -> tuple[PolicyDecision, PolicyDecision]:
    """Return what the policies decide about a connection: the source's egress, and the target's ingress."""
    known = list(policies)
    return (
        _at_end(known, "Egress", source, target, target.ports, (port, protocol)),
        _at_end(known, "Ingress", target, source, target.ports, (port, protocol)),
    )


def _at_end(  # noqa: PLR0913, PLR0917 - a connection has two ends, a port and a direction
    policies: Sequence[Object],
    direction: str,
    end: End,
    other: End,
    ports: Mapping[str, int],
    to: tuple[int, str],
) -> PolicyDecision:
    """Return the decision at one end; `ports` are the target's named ports, `to` is port and protocol."""
    selecting = [
        policy
        for policy in policies
        if end.labels is not None
        and policy["metadata"]["namespace"] == end.namespace
        and direction in _directions(policy["spec"])
        and matches(policy["spec"].get("podSelector") or {}, end.labels)
    ]
    peers = "to" if direction == "Egress" else "from"
    allowing = [
        policy
        for policy in selecting
        if any(
            _peers_match(rule.get(peers), end.namespace, other)
            and _ports_match(rule.get("ports"), ports, *to)
            for rule in policy["spec"].get(direction.lower()) or ()
        )
    ]
    return PolicyDecision(direction.lower(), end.name, _names(selecting), _names(allowing))


def _directions(spec: Object) -> Sequence[str]:
    """Return the directions that a policy is about, by default as NetworkPolicySpec.policyTypes says."""
    default = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    return spec.get("policyTypes") or default


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
