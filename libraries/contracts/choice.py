"""Chooses the trace contract by what was found: whose agent it is, which spans it makes, which arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword, library

from contracts.contract import Contract, load_contract
from contracts.evaluation import Facts
from findings.notes import NOTES
from findings.tolerances import read_tolerances

ONE_TOOL = "one-tool"  # the kind of question that the settings' contract is about


@dataclass(frozen=True)
class FoundAgent:
    """What the cluster says about the agent and its tool.

    `owner` is `project` for this project's weather agent, `public` for the public one (or ours that makes the
    same spans), `unknown` for any other. `instrumentations` are this project's (openinference, genai).
    `a2a_spans` and `tool_spans` say whether the A2A SDK and the tool's server make spans. `model` is the name
    of the model that it is configured to use, and `attribute_limit` how many attributes its spans keep, where
    its environment says so.
    """

    owner: str
    instrumentations: frozenset[str] = frozenset({"openinference"})
    a2a_spans: bool = True
    tool_spans: bool = False
    model: str | None = None
    attribute_limit: int | None = None


@library(scope="GLOBAL")
class ContractChoice:
    """Recognises the agent by its workload, and chooses the contract of a question's trace."""

    @keyword
    def recognise_agent(
        self, names: list[str], agent_variables: dict[str, str | None], tool_variables: dict[str, str | None]
    ) -> FoundAgent:
        """Return what the environment of the agent's and the tool's containers says.

        `names` are the agent's workload's name, its labels' values and its images. The variables that are
        read: TELEMETRY, INSTRUMENTATIONS, LLM_MODEL, OTEL_INSTRUMENTATION_A2A_SDK_ENABLED,
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and OTEL_ATTRIBUTE_COUNT_LIMIT of the agent,
        OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT of the tool.
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
        `named` is CONTRACT of the settings: for a question with one tool call it wins. What `tolerate` names,
        TOLERATE of the settings, is tolerated, and so is what could be and fails another test already: one
        finding fails one test.
        """
        if named and kind == ONE_TOOL:
            contract = replace(load_contract(Path(named)), reason="CONTRACT of the settings names it")
        else:
            file, layers, reason = choose(kind, agent, other_scopes)
            contract = replace(load_contract(file, layers), reason=reason)
        logger.info(f"Contract {contract.name}: {contract.reason}.")
        return replace(contract, tolerated=NOTES.failed_before | read_tolerances(tolerate))

    @keyword
    def add_facts(
        self,
        contract: Contract,
        agent: FoundAgent,
        clock_ahead: float | None,
        agent_clock_ahead: float | None,
        clock_tolerance: float,
    ) -> Contract:
        """Return the contract with what was found of the agent, and of clocks, in seconds.

        The clocks of the cluster and of the agent are ahead of this machine's, None for unknown. Times may be
        `clock_tolerance` apart.
        """
        facts = Facts(agent.model, agent.attribute_limit, clock_ahead, agent_clock_ahead, clock_tolerance)
        logger.info(f"Traces are judged by: {facts}")
        return replace(contract, facts=facts)

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
    # Spans have a limit of their own, which wins over the one for everything that has attributes.
    limits = [agent_variables.get(f"OTEL_{of}ATTRIBUTE_COUNT_LIMIT") or "" for of in ("SPAN_", "")]
    return FoundAgent(
        owner,
        frozenset(name.strip() for name in instrumentations.split(",")),
        a2a_spans,
        any(tool_variables.get(f"OTEL_EXPORTER_OTLP_{of}ENDPOINT") for of in ("", "TRACES_")),
        # Of another agent it is not known what the variable means to it.
        agent_variables.get("LLM_MODEL") if owner != "unknown" else None,
        next((int(limit) for limit in limits if limit.isdecimal()), None),
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
