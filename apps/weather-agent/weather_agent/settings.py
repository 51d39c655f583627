"""The agent's settings, read from the environment.

INSTRUMENTATIONS says whose spans it makes: ``openinference`` (the default), ``genai`` (OpenTelemetry's GenAI
conventions) or ``openinference,genai``; see telemetry.py. With TELEMETRY=public it has no effect: then the
spans are those of the public weather agent; see telemetry_public.py.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The agent's settings; each is the environment variable of the same name."""

    host: str
    port: int
    agent_endpoint: str
    mcp_url: str
    llm_api_base: str
    llm_api_key: str
    llm_model: str
    llm_max_retries: int
    llm_timeout_seconds: float
    instrumentations: frozenset[str]
    public_telemetry: bool


def from_environment() -> Settings:
    """Read the settings; SystemExit with one clear sentence when one is missing or wrong."""
    port = _number("PORT", 8000)
    return Settings(
        host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104 - a container serves its pod's address
        port=port,
        agent_endpoint=os.environ.get("AGENT_ENDPOINT") or f"http://localhost:{port}/",
        mcp_url=_required("MCP_URL", "the weather tool, for example http://weather-tool-mcp:8000/mcp"),
        llm_api_base=_required(
            "LLM_API_BASE", "an OpenAI-compatible endpoint, for example http://model:8000/v1"
        ),
        llm_api_key=os.environ.get("LLM_API_KEY") or "dummy",
        llm_model=_required("LLM_MODEL", "the name of a model that endpoint serves"),
        llm_max_retries=_number("LLM_MAX_RETRIES", 2),
        llm_timeout_seconds=_number("LLM_TIMEOUT_SECONDS", 60),
        instrumentations=_instrumentations(),
        public_telemetry=_public_telemetry(),
    )


def _required(variable: str, meaning: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise SystemExit(f"Set {variable} to {meaning}.")
    return value


def _instrumentations() -> frozenset[str]:
    value = os.environ.get("INSTRUMENTATIONS") or "openinference"
    names = frozenset(name.strip() for name in value.split(","))
    if not names <= {"openinference", "genai"}:
        raise SystemExit(
            f"Set INSTRUMENTATIONS to openinference, genai or openinference,genai, not {value!r}."
        )
    return names


def _public_telemetry() -> bool:
    value = os.environ.get("TELEMETRY") or "own"
    if value not in {"own", "public"}:
        raise SystemExit(f"Set TELEMETRY to own or public, not {value!r}.")
    return value == "public"


def _number(variable: str, default: int) -> int:
    value = os.environ.get(variable) or str(default)
    if not value.isdecimal():
        raise SystemExit(f"Set {variable} to a whole number, not {value!r}.")
    return int(value)
