"""Serve the agent on HOST (0.0.0.0) and PORT (8000) until SIGTERM.

LLM_API_BASE names an OpenAI-compatible endpoint, LLM_MODEL a model that it serves, LLM_API_KEY its key. Spans
go by OTLP over HTTP to OTEL_EXPORTER_OTLP_ENDPOINT, and are flushed before the process ends. With
INSTRUMENTATIONS=openinference they carry OpenInference's attributes too. AGENT_ENDPOINT is the URL in the
agent's card. DEFECT=root-ends-early makes the one defect that a proof must see found.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.applications import Starlette

from climate_agent.agent import card, make_agent
from climate_agent.executor import ClimateExecutor

GRACE = 20  # seconds for running requests, below Kubernetes' default of 30


def required(variable: str) -> str:
    """Return a variable; SystemExit with one sentence where it is not set."""
    value = os.environ.get(variable)
    if not value:
        raise SystemExit(f"Set {variable}; see python -m climate_agent's docstring.")
    return value


os.environ.setdefault("OTEL_SERVICE_NAME", "climate-agent")
provider = TracerProvider()
openinference = os.environ.get("INSTRUMENTATIONS") == "openinference"
if openinference:
    provider.add_span_processor(OpenInferenceSpanProcessor())  # before the exporter, which sends what it adds
if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
port = int(os.environ.get("PORT", "8000"))
agent = make_agent(
    required("LLM_API_BASE"), os.environ.get("LLM_API_KEY") or "dummy", required("LLM_MODEL"), provider
)
described = card(os.environ.get("AGENT_ENDPOINT") or f"http://localhost:{port}/")
defect = os.environ.get("DEFECT", "")
if defect not in ("", "root-ends-early"):
    raise SystemExit(f"DEFECT={defect} is not known; the one defect is root-ends-early.")
kind = "CHAIN" if openinference else None
executor = ClimateExecutor(agent, provider, root_kind=kind, root_ends_early=bool(defect))
handler = DefaultRequestHandler(executor, InMemoryTaskStore(), described)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Send the last spans when the server has stopped."""
    yield
    await asyncio.to_thread(provider.shutdown)


application = Starlette(
    lifespan=lifespan,
    routes=[
        *create_agent_card_routes(described),
        *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
    ],
)
# uvicorn raises the signal again after its graceful shutdown: this makes the exit code 0.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
uvicorn.run(
    application,
    host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104 - a container serves its pod's address
    port=port,
    access_log=False,
    timeout_graceful_shutdown=GRACE,
)
