"""The agent: a model and one tool, instrumented by PydanticAI itself."""

from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from opentelemetry.sdk.trace import TracerProvider
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from climate_agent.weather import get_weather

NAME, VERSION = "climate_assistant", "0.1.0"
INSTRUCTIONS = "Look up the weather of every city that the user names, and answer with what the tool said."


def make_agent(base_url: str, key: str, model: str, provider: TracerProvider) -> Agent[None, str]:
    """Return the agent; its spans are made by the provider."""
    return Agent(
        OpenAIChatModel(model, provider=OpenAIProvider(base_url=base_url, api_key=key)),
        name=NAME,
        instructions=INSTRUCTIONS,
        tools=[get_weather],
        capabilities=[Instrumentation(InstrumentationSettings(tracer_provider=provider))],
    )


def card(url: str) -> AgentCard:
    """Describe the agent to its clients."""
    return AgentCard(
        name="Climate Assistant",
        description="Reads the weather of the cities named in a question.",
        version=VERSION,
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="0.3"),
        ],
        capabilities=AgentCapabilities(),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[
            AgentSkill(
                id=NAME,
                name="Weather",
                description="The weather of one or more cities",
                tags=["weather"],
                examples=["What is the weather in Paris?"],
            )
        ],
    )
