"""Chooses the trace contract by what was found: whose agent it is, which spans it makes, which arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword, library

from contracts.contract import Contract, load_contract
from findings.tolerances import read_tolerances

ONE_TOOL = "one-tool"  # the kind of question that the settings' contract is about


@dataclass(frozen=True)
class FoundAgent:
    """What the cluster says about the agent and its tool.

    `owner` is `project` for this project's weather agent, `public` for the public one (or ours that makes the
    same spans), `unknown` for any other. `instrumentations` are this project's (openinference, genai).
    `a2a_spans` and `tool_spans` say whether the A2A SDK and the tool's server make spans.
    """

    owner: str
    instrumentations: frozenset[str] = frozenset({"openinference"})
    a2a_spans: bool = True
    tool_spans: bool = False


@library(scope="GLOBAL")
class ContractChoice:
    """Recognises the agent by its workload, and chooses the contract of a question's trace."""

    @keyword
    def recognise_agent(
        self, names: list[str], agent_variables: dict[str, str | None], tool_variables: dict[str, str | None]
    ) -> FoundAgent:
        """Return what the environment of the agent's and the tool's containers says.

        `names` are the agent's workload's name, its labels' values and its images. The variables that are
        read: TELEMETRY, INSTRUMENTATIONS, OTEL_INSTRUMENTATION_A2A_SDK_ENABLED of the agent,
        OTEL_EXPORTER_OTLP_ENDPOINT of the tool.
        """
        return recognise_agent(names, agent_variables, tool_variables)

    @keyword
    def choose_contract(
        self,
        kind: str,
        agent: FoundAgent,
        other_scopes: bool | None,
        named: str = "",
        tolerate: object = (),
    ) -> Contract:
        """Return the contract of a kind of question (`one-tool`, `no-tool`, ...), and log why it is that one.

        `other_scopes` says whether spans of scopes that are not OpenInference's arrive, None for unknown.
        `named` is CONTRACT of the settings: for a question with one tool call it wins.
        """
        if named and kind == ONE_TOOL:
            contract = replace(load_contract(Path(named)), reason="CONTRACT of the settings names it")
        else:
            file, layers, reason = choose(kind, agent, other_scopes)
            contract = replace(load_contract(file, layers), reason=reason)
        logger.info(f"Contract {contract.name}: {contract.reason}.")
        return replace(contract, tolerated=read_tolerances(tolerate))

    @keyword
    def read_contract(self, path: Path, layers: list[str] | None = None) -> Contract:
        """Return the contract of a file, or of one of `resources/contracts`, with layers."""
        return load_contract(path, layers or ())


def recognise_agent(
    names: list[str],
    agent_variables: Mapping[str, str | None],
    tool_variables: Mapping[str, str | None],
) -> FoundAgent:
    """Return what `ContractChoice.recognise_agent` describes."""
    text = " ".join(names)
    owner = "unknown"
    if agent_variables.get("TELEMETRY") == "public":
        owner = "public"
    elif "llm-observability" in text:  # the label of this project's objects
        owner = "project"
    elif "weather-service" in text or "weather_service" in text:
        owner = "public"
    instrumentations = agent_variables.get("INSTRUMENTATIONS") or "openinference"
    a2a_spans = (agent_variables.get("OTEL_INSTRUMENTATION_A2A_SDK_ENABLED") or "true").lower() == "true"
    return FoundAgent(
        owner,
        frozenset(name.strip() for name in instrumentations.split(",")),
        a2a_spans,
        bool(tool_variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
    )


def choose(kind: str, agent: FoundAgent, other_scopes: bool | None) -> tuple[str, tuple[str, ...], str]:
    """Return the contract's file, its layers, and why."""
    if agent.owner == "project":
        return _own(kind, agent)
    if agent.owner == "unknown":
        return "any-agent.yaml", (), "the agent is neither this project's nor the public weather agent"
    if other_scopes is None:
        reason = "it is not known which scopes of the public weather agent's spans the pipeline keeps"
        return "any-agent.yaml", (), reason
    file = f"public-weather-{kind}.yaml"
    a2a = f"A2A SDK spans {'on' if agent.a2a_spans else 'off'}"
    if other_scopes:
        layers = ("unfiltered", "tool-server") if agent.tool_spans else ("unfiltered",)
        return file, layers, f"the public weather agent's spans, {a2a}, no filter drops other scopes"
    return (
        file,
        () if agent.a2a_spans else ("whole-tree",),
        f"the public weather agent's spans, {a2a}, a filter keeps OpenInference's alone",
    )


def _own(kind: str, agent: FoundAgent) -> tuple[str, tuple[str, ...], str]:
    makes = " and ".join(sorted(agent.instrumentations))
    reason = f"this project's weather agent, which makes {makes} spans"
    if kind == ONE_TOOL and agent.instrumentations == {"genai"}:
        return "weather-genai.yaml", (), reason
    if kind == ONE_TOOL and len(agent.instrumentations) > 1:
        return "weather-both-instrumentations.yaml", (), reason
    return f"weather-{kind}.yaml", (), reason
