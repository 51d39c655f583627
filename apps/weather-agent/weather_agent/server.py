"""The A2A server: JSON-RPC on /, the agent card on its well-known path, metrics on /metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from weather_agent.assistant import Assistant
from weather_agent.executor import WeatherExecutor
from weather_agent.settings import Settings
from weather_agent.telemetry import AGENT_NAME, VERSION
from weather_agent.telemetry_public import RootSpan

# How long running requests may take after SIGTERM, in seconds. Together they stay below
# Kubernetes' default grace period of 30 s: streams, then connections, then requests whose client has gone.
STREAM_GRACE = 18
CONNECTION_GRACE = 20
DRAIN_GRACE = 2


def card(settings: Settings) -> AgentCard:
    """Describe the agent to its clients, for A2A 1.0 and 0.3; the public agent's card names no version."""
    versions = [""] if settings.public_telemetry else ["1.0", "0.3"]
    return AgentCard(
        name="Weather Assistant",
        description="Reports the weather of the cities in a question. It remembers no earlier question.",
        version=VERSION,
        supported_interfaces=[
            AgentInterface(url=settings.agent_endpoint, protocol_binding="JSONRPC", protocol_version=version)
            for version in versions
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[
            AgentSkill(
                id=AGENT_NAME,
                name="Weather",
                description="Current weather of one or more cities",
                tags=["weather"],
                examples=["What is the weather in Paris?", "What is the weather in Paris, Rome and Oslo?"],
            )
        ],
    )


def metrics(_: Request) -> Response:
    """Give what was counted, as Prometheus text; see telemetry.py."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def application(settings: Settings, provider: TracerProvider) -> Starlette:
    """Build the app. On shutdown it waits for running requests, then sends the last spans.

    With the public agent's telemetry it does neither, and counts nothing.
    """
    executor = WeatherExecutor(Assistant(settings), settings)
    described = card(settings)
    handler = DefaultRequestHandler(executor, InMemoryTaskStore(), described)

    routes = [
        *create_agent_card_routes(described),
        *create_agent_card_routes(described, card_url="/.well-known/agent.json"),
    ]
    if settings.public_telemetry:
        routes += create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True)
        return Starlette(routes=routes, middleware=[Middleware(RootSpan)])
    routes += create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True, shutdown_grace_period=STREAM_GRACE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await executor.drain(DRAIN_GRACE)
        await asyncio.to_thread(provider.shutdown)

    return Starlette(lifespan=lifespan, routes=[Route("/metrics", metrics), *routes])
