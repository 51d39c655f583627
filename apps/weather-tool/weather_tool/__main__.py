"""Serve the weather tool on HOST (0.0.0.0) and PORT (8000) until SIGTERM.

Its own spans (scope ``fastmcp``, so not OpenInference) go by OTLP over HTTP to OTEL_EXPORTER_OTLP_ENDPOINT if
that is set, and are flushed before the process ends. OTEL_SERVICE_NAME defaults to ``weather-tool``; the
other standard OTEL_* variables apply. With TELEMETRY=public its spans are those of the public weather tool:
service ``weather-mcp-tool``, no other resource attribute, and nothing is flushed at SIGTERM.
"""

import os
import signal
import sys

import uvicorn
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from weather_tool.server import application

public = os.environ.get("TELEMETRY") == "public"
if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    os.environ.setdefault("OTEL_SERVICE_NAME", "weather-mcp-tool" if public else "weather-tool")
    resource = Resource({"service.name": os.environ["OTEL_SERVICE_NAME"]}) if public else None
    provider = TracerProvider(resource=resource, shutdown_on_exit=not public)  # flushes at exit
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

if not public:
    # uvicorn raises the signal again after its graceful shutdown: this makes it a normal exit, which flushes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
uvicorn.run(
    application(),
    host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104 - a container serves its pod's address
    port=int(os.environ.get("PORT", "8000")),
    access_log=False,
    timeout_graceful_shutdown=20,
)
