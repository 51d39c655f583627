"""The agent reads its settings from the environment and says what is missing."""

import pytest

from weather_agent.settings import from_environment

NEEDED = {"MCP_URL": "http://tool/mcp", "LLM_API_BASE": "http://model/v1", "LLM_MODEL": "any"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (
        "HOST",
        "INSTRUMENTATIONS",
        "PORT",
        "AGENT_ENDPOINT",
        "LLM_API_KEY",
        "LLM_MAX_RETRIES",
        "LLM_TIMEOUT_SECONDS",
    ):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in NEEDED.items():
        monkeypatch.setenv(variable, value)


def test_the_rest_has_defaults() -> None:
    settings = from_environment()
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)  # noqa: S104 - the default under test
    assert settings.agent_endpoint == "http://localhost:8000/"
    assert settings.llm_api_key
    assert settings.instrumentations == {"openinference"}


@pytest.mark.parametrize("variable", NEEDED)
def test_a_missing_one_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(SystemExit, match=f"^Set {variable} to "):
        from_environment()


def test_a_port_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(SystemExit, match="Set PORT to a whole number, not 'http'"):
        from_environment()


@pytest.mark.parametrize("value", ["genai", "openinference", "openinference, genai"])
def test_instrumentations_are_listed(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTRUMENTATIONS", value)
    assert from_environment().instrumentations == set(value.split(", "))


@pytest.mark.parametrize("value", ["traceloop", "genai,", "genai;openinference"])
def test_an_unknown_instrumentation_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTRUMENTATIONS", value)
    with pytest.raises(SystemExit, match=f"^Set INSTRUMENTATIONS to .*, not '{value}'"):
        from_environment()
