"""What policies decide about a connection: who is selected, and which of them allow it, by name."""

from __future__ import annotations

from typing import Any

import pytest

from kube.model import Object
from network.policies import End, decide

AGENT = End("agent", "10.244.0.2", "team1", {"name": "agent"}, {"team": "one"})
MLFLOW = End("mlflow", "10.244.0.3", "system", {"name": "mlflow"}, {"kind": "system"}, {"http": 5000})
WORLD = End("outside", "192.0.2.1")


def policy(name: str, namespace: str, selector: Object, **spec: Any) -> Object:  # noqa: ANN401
    types = [each for each in ("Ingress", "Egress") if each.lower() in spec]
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"podSelector": selector, "policyTypes": types, **spec}}


def egress(**rule: Any) -> bool:  # noqa: ANN401
    """Say whether a rule for the agent's egress lets it reach MLflow's port."""
    out, _ = decide([policy("p", "team1", {}, egress=[rule])], AGENT, MLFLOW, 5000)
    return out.is_allowed


def test_without_policies_everything_is_allowed() -> None:
    out, into = decide([], AGENT, MLFLOW, 5000)
    assert out.is_allowed
    assert into.is_allowed
    assert str(into) == "ingress of mlflow is allowed: no policy selects it"


def test_each_end_has_the_policies_of_its_own_namespace() -> None:
    deny = policy("default-deny", "team1", {}, ingress=[], egress=[])
    out, into = decide([deny], AGENT, MLFLOW, 5000)
    assert not out.is_allowed
    assert into.is_allowed
    assert str(out) == "egress of agent is denied: no policy allows it (policies: team1/default-deny)"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"podSelector": {}}, (True, False)),
        ({"podSelector": {}, "egress": []}, (False, False)),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, (False, True)),
        ({"podSelector": {}, "policyTypes": ["Ingress"], "egress": []}, (True, False)),
    ],
    ids=str,
)
def test_the_directions_of_a_policy_have_the_api_s_defaults(
    spec: Object, expected: tuple[bool, bool]
) -> None:
    deny = {"metadata": {"name": "deny", "namespace": "team1"}, "spec": spec}
    out, _ = decide([deny], AGENT, MLFLOW, 5000)
    _, into = decide([deny], MLFLOW, AGENT, 8000)
    assert (out.is_allowed, into.is_allowed) == expected


def test_the_policy_that_allows_it_is_named() -> None:
    deny = policy("default-deny", "system", {}, ingress=[])
    allow = policy(
        "from-agent",
        "system",
        {},
        ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "one"}}}]}],
    )
    _, into = decide([deny, allow], AGENT, MLFLOW, 5000)
    assert str(into) == "ingress of mlflow is allowed by NetworkPolicy system/from-agent"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, True),
        ({"to": [{"podSelector": {"matchLabels": {"name": "mlflow"}}}]}, False),  # of its own namespace
        ({"to": [{"podSelector": {"matchLabels": {"name": "mlflow"}}, "namespaceSelector": {}}]}, True),
        ({"to": [{"namespaceSelector": {"matchLabels": {"kind": "system"}}}]}, True),
        ({"to": [{"namespaceSelector": {"matchLabels": {"kind": "other"}}}]}, False),
        ({"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}, True),
        ({"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.244.0.0/16"]}}]}, False),
        ({"to": [{"ipBlock": {"cidr": "fc00::/7"}}]}, False),
        ({"ports": [{"protocol": "TCP", "port": 5000}]}, True),
        ({"ports": [{"port": "http"}]}, True),
        ({"ports": [{"port": "grpc"}]}, False),
        ({"ports": [{"port": 4000, "endPort": 6000}]}, True),
        ({"ports": [{"port": 4000, "endPort": 4999}]}, False),
        ({"ports": [{"protocol": "UDP", "port": 5000}]}, False),
        ({"ports": [{"protocol": "TCP"}]}, True),
    ],
    ids=str,
)
def test_rule(rule: Object, expected: bool) -> None:
    assert egress(**rule) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"operator": "In", "values": ["agent", "tool"]}, True),
        ({"operator": "In", "values": ["tool"]}, False),
        ({"operator": "NotIn", "values": ["agent"]}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
    ],
    ids=str,
)
def test_expression(expression: Object, expected: bool) -> None:
    selector = {"matchExpressions": [{"key": "name", **expression}]}
    out, _ = decide([policy("p", "team1", selector, egress=[])], AGENT, MLFLOW, 5000)
    assert bool(out.policies) is expected


def test_what_is_no_pod_is_reached_by_address_only_and_has_no_policies() -> None:
    everyone = policy("p", "team1", {}, egress=[{"to": [{"namespaceSelector": {}}]}])
    out, into = decide([everyone], AGENT, WORLD, 443)
    assert not out.is_allowed
    assert into.is_allowed
    assert decide(
        [policy("p", "team1", {}, egress=[{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}])],
        AGENT,
        WORLD,
        443,
    )[0].is_allowed
