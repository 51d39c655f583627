"""The MCP server: get_weather over streamable HTTP at /mcp, and /health.

It keeps no sessions: every request stands alone, so a restart or a second replica loses nothing, and the
caller's trace context (the ``traceparent`` of that very request) is the parent of the span it makes. With
TELEMETRY=public it keeps sessions, as the public tool does; the parent is then who began the session.
"""

import os

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from opentelemetry import context, propagate, trace
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from weather_tool.open_meteo import current_weather
from weather_tool.weather import as_json, names, weather


def application() -> Starlette:
    """Build the app.

    WEATHER_SEED is the seed of every answer. WEATHER_FAILING_CITIES (comma-separated, default ``Atlantis``)
    lists the cities for which the tool raises: the way to see a failing tool. With WEATHER_SOURCE=open-meteo
    neither matters: the answer comes from that service; see open_meteo.py.
    """
    seed = os.environ.get("WEATHER_SEED", "")
    failing = names(os.environ.get("WEATHER_FAILING_CITIES", "Atlantis"))
    mcp: FastMCP[None] = FastMCP("weather-tool")
    if os.environ.get("WEATHER_SOURCE") == "open-meteo":

        @mcp.tool(name="get_weather")
        async def ask_open_meteo(city: str) -> str:
            """Get weather info for a city"""  # noqa: D400 - the public tool's words
            span = trace.get_current_span()  # the public tool says itself how its call went
            try:
                answer = await current_weather(city)
            except Exception as error:
                span.record_exception(error)
                raise
            span.set_status(StatusCode.OK)
            return answer

    else:
        _add_computed_weather(mcp, seed, failing)
    sessions = os.environ.get("TELEMETRY") == "public"

    @mcp.custom_route("/health", methods=["GET"])
    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return mcp.http_app(
        path="/mcp",
        stateless_http=not sessions,
        json_response=not sessions,
        middleware=[Middleware(CallersTraceContext)],
    )


def _add_computed_weather(mcp: FastMCP[None], seed: str, failing: frozenset[str]) -> None:
    @mcp.tool(output_schema=None)
    def get_weather(city: str) -> str:
        """Get the current weather of a city: conditions, temperature in °C, humidity in percent, station."""
        if not city.strip():
            raise ToolError("The city is empty: name one.")
        if city.strip().lower() in failing:
            raise ToolError(f"No weather station answers for {city}.")
        return as_json(weather(city, seed))


class CallersTraceContext:
    """ASGI middleware: continue the trace the request's headers name."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection in the caller's trace context."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = context.attach(propagate.extract(Headers(scope=scope)))
        try:
            await self._app(scope, receive, send)
        finally:
            context.detach(token)
