"""The network policies fit their stack, and each rule about them can fail."""

import copy
from collections.abc import Callable

import pytest

from harness.common.combinations import Combination
from policy_rules import RULES, Flow, needed, policies
from rendered import Object, Stack

WITHOUT, WITH = Combination("kind"), Combination("kind", ("network-policies",))
TENANTS = Combination("kind", ("mlflow-auth", "tenants"))


@pytest.fixture
def stack(combination: Callable[[Combination], Stack]) -> Stack:
    return copy.deepcopy(combination(WITH))


def find(stack: Stack, namespace: str, name: str) -> Object:
    return next(
        p for p in policies(stack) if (p["metadata"]["namespace"], p["metadata"]["name"]) == (namespace, name)
    )


def broken(stack: Stack, rule: str) -> list[str]:
    return list(next(each for each in RULES if each.__name__ == rule)(stack))


def test_the_flows_that_the_stack_needs_are_the_documented_ones(stack: Stack) -> None:
    system, agents = "Deployment kagenti-system", "Deployment team1"
    postgres = "StatefulSet kagenti-system/postgres"
    assert needed(stack) == {
        Flow("gateway", f"{agents}/weather-service", 8000),
        Flow("gateway", f"{system}/mlflow", 5000),
        Flow("gateway", f"{system}/phoenix", 6006),
        Flow(f"{agents}/weather-service", f"{agents}/weather-tool", 8000),
        Flow(f"{agents}/weather-service", f"{agents}/model", 8000),
        Flow(f"{agents}/weather-service", f"{system}/otel-collector", 8335),
        Flow(f"{system}/otel-collector", f"{system}/mlflow", 5000),
        Flow(f"{system}/otel-collector", f"{system}/phoenix", 6006),
        Flow(f"{system}/mlflow", postgres, 5432),
        Flow(f"{system}/phoenix", postgres, 5432),
        Flow(f"{system}/mlflow", "API server", 6443),
        Flow(postgres, "API server", 6443),
        Flow(f"{agents}/weather-service", "DNS", 53),
        Flow(f"{system}/otel-collector", "DNS", 53),
        Flow(f"{system}/mlflow", "DNS", 53),
        Flow(f"{system}/phoenix", "DNS", 53),
        Flow(postgres, "DNS", 53),
    }


@pytest.mark.parametrize("name", [rule.__name__ for rule in RULES])
def test_the_component_keeps_every_rule(name: str, stack: Stack) -> None:
    assert broken(stack, name) == []


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("kagenti-system", "dns"),
        ("team1", "dns"),
        ("kagenti-system", "api-server"),
        ("team1", "weather-agent"),
        ("team1", "weather-tool"),
        ("team1", "model"),
        ("kagenti-system", "otel-collector"),
        ("kagenti-system", "mlflow"),
        ("kagenti-system", "phoenix"),
        ("kagenti-system", "postgres"),
    ],
)
def test_no_policy_can_be_missing(namespace: str, name: str, stack: Stack) -> None:
    stack.objects.remove(find(stack, namespace, name))
    (first, *_) = broken(stack, "needed_flows_are_allowed")
    assert "is denied: no policy allows it" in first


@pytest.mark.parametrize("namespace", ["kagenti-system", "team1"])
def test_default_deny_cannot_be_missing(namespace: str, stack: Stack) -> None:
    stack.objects.remove(find(stack, namespace, "default-deny"))
    assert any(namespace in message for message in broken(stack, "every_pod_is_denied_by_default"))


def test_a_direction_that_is_not_denied_is_found(stack: Stack) -> None:
    find(stack, "team1", "default-deny")["spec"]["policyTypes"] = ["Ingress"]
    messages = broken(stack, "nothing_else_is_allowed")
    assert any(m.startswith("Deployment team1/weather-tool -> outside:443") for m in messages)


def test_a_port_too_many_is_found(stack: Stack) -> None:
    del find(stack, "kagenti-system", "otel-collector")["spec"]["ingress"][0]["ports"]
    find(stack, "team1", "weather-agent")["spec"]["egress"][0]["ports"].append(
        {"protocol": "TCP", "port": 8888}
    )
    (message,) = broken(stack, "nothing_else_is_allowed")
    assert message.startswith(
        "Deployment team1/weather-service -> Deployment kagenti-system/otel-collector:8888"
    )
    assert "NetworkPolicy kagenti-system/otel-collector" in message


def test_a_caller_too_many_is_found(stack: Stack) -> None:
    peers = find(stack, "kagenti-system", "postgres")["spec"]["ingress"][0]["from"]
    peers.append({"namespaceSelector": {}})
    messages = broken(stack, "nothing_else_is_allowed")
    assert any(
        m.startswith("another namespace -> StatefulSet kagenti-system/postgres:5432") for m in messages
    )


def test_an_api_server_that_may_be_anywhere_is_found(stack: Stack) -> None:
    del find(stack, "kagenti-system", "api-server")["spec"]["egress"][0]["to"]
    messages = broken(stack, "nothing_else_is_allowed")
    assert any(m.startswith("Deployment kagenti-system/mlflow -> outside:443") for m in messages)


def test_a_route_to_what_is_not_shown_needs_a_rule(stack: Stack) -> None:
    route = next(r for r in stack.of("HTTPRoute") if r["metadata"]["name"] == "phoenix")
    route["spec"]["rules"][0]["backendRefs"][0] |= {"name": "postgres", "port": 5432}
    messages = broken(stack, "needed_flows_are_allowed")
    assert any(m.startswith("gateway -> StatefulSet kagenti-system/postgres:5432") for m in messages)


def test_a_new_address_needs_a_new_rule(stack: Stack) -> None:
    tool = next(w for w, _ in stack.pods() if w["metadata"]["name"] == "weather-tool")
    environment = tool["spec"]["template"]["spec"]["containers"][0]["env"]
    environment.append({"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.kagenti-system:5000"})
    messages = broken(stack, "needed_flows_are_allowed")
    assert any("weather-tool -> Deployment kagenti-system/mlflow:5000" in message for message in messages)


def test_a_stack_without_policies_breaks_no_rule_about_them(
    combination: Callable[[Combination], Stack],
) -> None:
    assert [message for rule in RULES for message in rule(combination(WITHOUT))] == []


@pytest.mark.parametrize("tenant", ["", "-team2"])
def test_a_tenants_collector_is_closed_to_all_but_its_own_agents(
    tenant: str, combination: Callable[[Combination], Stack]
) -> None:
    stack = copy.deepcopy(combination(TENANTS))
    policy = find(stack, "kagenti-system", f"otel-collector{tenant}-senders")
    assert broken(stack, "nothing_else_is_allowed") == []
    policy["spec"]["ingress"][0]["from"][0]["namespaceSelector"] = {}
    opened = broken(stack, "nothing_else_is_allowed")
    other = "team1" if tenant else "team2"
    collector = f"Deployment kagenti-system/otel-collector{tenant}:8335"
    assert any(
        message.startswith(f"Deployment {other}/weather-service -> {collector} ") for message in opened
    )
    assert all(f"-> {collector} is needed by nothing" in message for message in opened)
    stack.objects.remove(policy)
    without = broken(stack, "nothing_else_is_allowed")
    assert any(message.startswith("another namespace -> ") for message in without)
