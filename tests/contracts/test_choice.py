"""The contract is chosen by what was found, and the choice says why."""

from __future__ import annotations

import pytest

from contracts.choice import ContractChoice, FoundAgent, choose, recognise_agent
from contracts.contract import load_contract
from contracts.evaluation import Facts
from tests.contracts.recordings import CONTRACTS

GENAI = frozenset({"genai"})
BOTH = frozenset({"genai", "openinference"})
KINDS = sorted(path.stem.removeprefix("public-weather-") for path in CONTRACTS.glob("public-weather-*.yaml"))


@pytest.mark.parametrize(
    ("names", "variables", "owner"),
    [
        (["weather-service", "llm-observability"], {}, "project"),
        (["weather-service", "llm-observability"], {"TELEMETRY": "public"}, "public"),
        (["weather-service", "rossoctl.io"], {}, "public"),
        (["my-agent"], {}, "unknown"),
    ],
)
def test_an_agent_is_recognised_by_its_workload(
    names: list[str], variables: dict[str, str | None], owner: str
) -> None:
    assert recognise_agent(names, variables, {}).owner == owner


def test_what_the_variables_say_of_an_agents_spans() -> None:
    variables: dict[str, str | None] = {
        "INSTRUMENTATIONS": "openinference, genai",
        "OTEL_INSTRUMENTATION_A2A_SDK_ENABLED": "False",
    }
    found = recognise_agent(["weather-service"], variables, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:8335"})
    assert found == FoundAgent("public", BOTH, a2a_spans=False, tool_spans=True)
    assert recognise_agent(["weather-service"], {}, {}) == FoundAgent("public")


@pytest.mark.parametrize(
    ("variables", "limit"),
    [
        ({}, None),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "64"}, 64),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "256", "OTEL_ATTRIBUTE_COUNT_LIMIT": "64"}, 256),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": ""}, None),
    ],
)
def test_the_agents_own_limit_of_attributes_is_known(
    variables: dict[str, str | None], limit: int | None
) -> None:
    assert recognise_agent(["weather-service"], variables, {}).attribute_limit == limit


@pytest.mark.parametrize(("name", "model"), [("weather-service", "gpt-4o"), ("my-agent", None)])
def test_the_model_is_known_of_an_agent_that_is_recognised(name: str, model: str | None) -> None:
    assert recognise_agent([name], {"LLM_MODEL": "gpt-4o"}, {}).model == model


def test_a_contract_has_what_was_found() -> None:
    agent = FoundAgent("public", model="gpt-4o", attribute_limit=64)
    contract = ContractChoice().add_facts(load_contract("any-agent.yaml"), agent, 0.5, None, 5)
    assert contract.facts == Facts("gpt-4o", 64, 0.5, None, 5)


@pytest.mark.parametrize(
    ("kind", "agent", "other_scopes", "name"),
    [
        ("one-tool", FoundAgent("project"), False, "weather-one-tool"),
        ("tool-fails", FoundAgent("project"), True, "weather-tool-fails"),
        ("one-tool", FoundAgent("project", GENAI), False, "weather-genai"),
        ("one-tool", FoundAgent("project", BOTH), False, "weather-both-instrumentations"),
        ("one-tool", FoundAgent("unknown"), False, "any-agent"),
        ("one-tool", FoundAgent("public"), None, "any-agent"),
        ("one-tool", FoundAgent("public"), False, "public-weather-one-tool"),
        ("one-tool", FoundAgent("public", a2a_spans=False), False, "public-weather-one-tool + whole-tree"),
        ("no-tool", FoundAgent("public"), True, "public-weather-no-tool + unfiltered"),
        (
            "tool-fails",
            FoundAgent("public", tool_spans=True),
            True,
            "public-weather-tool-fails + unfiltered + tool-server",
        ),
    ],
)
def test_the_contract_fits_what_was_found(
    kind: str, agent: FoundAgent, other_scopes: bool | None, name: str
) -> None:
    contract = ContractChoice().choose_contract(kind, agent, other_scopes)
    assert contract.name == name
    assert contract.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other_scopes", [False, True])
@pytest.mark.parametrize("a2a_spans", [False, True])
def test_every_contract_of_the_public_agent_is_reached_with_every_layer(
    kind: str, other_scopes: bool, a2a_spans: bool
) -> None:
    agent = FoundAgent("public", a2a_spans=a2a_spans, tool_spans=True)
    file, layers, _ = choose(kind, agent, other_scopes)
    assert load_contract(file, layers).sections


def test_the_settings_contract_wins_for_a_question_with_one_tool_call() -> None:
    chosen = ContractChoice().choose_contract("one-tool", FoundAgent("project"), None, "any-agent.yaml")
    assert (chosen.name, chosen.reason) == ("any-agent", "CONTRACT of the settings names it")
    other = ContractChoice().choose_contract("no-tool", FoundAgent("project"), None, "any-agent.yaml")
    assert other.name == "weather-no-tool"
