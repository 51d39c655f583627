"""The spans of the public weather agent (TELEMETRY=public), for the stand-in of an installation.

Measured on the public agent with a scripted model: 82 spans a question, recorded in tests/recorded/public::

    invoke_agent weather-assistant                 (openinference.instrumentation.agent) AGENT, always OK
      ... the A2A SDK's own spans                  (a2a-python-sdk)
        LangGraph > assistant > ChatOpenAI, ...    (openinference.instrumentation.langchain)
        openai.chat > POST                         (opentelemetry.instrumentation.openai.v1 and .httpx)
        POST > tools/call get_weather              (fastmcp; the tool server's span)

Only the root carries the session. It continues the caller's trace and covers one HTTP request, whatever that
asks for. It ends OK, also when model or tool failed. It has the answer, and of a failure the text where that
was not streamed and A2A 0.3 asked. Nothing is flushed at SIGTERM, and nothing is counted.

The A2A SDK makes its spans where OTEL_INSTRUMENTATION_A2A_SDK_ENABLED is `true`. Which spans those and the
instrumentations are depends on their versions: public/requirements.in has those of the public agent.
"""

import json
import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME, VERSION = "weather-assistant", "1.0.0"
LONGEST = 1000  # characters of the question and of the answer on the root
UNTRACED = ("/.well-known/agent-card.json", "/.well-known/agent.json")
NAMED_BY = {
    "session": ("session.id", "gen_ai.conversation.id", "mlflow.trace.session"),
    "input": ("input.value", "mlflow.spanInputs", "gen_ai.prompt"),
    "output": ("output.value", "mlflow.spanOutputs", "gen_ai.completion"),
    "user": ("mlflow.user", "enduser.id"),
}

_root: ContextVar[Span] = ContextVar("root", default=trace.INVALID_SPAN)


def current_root() -> Span:
    """Return the root of the request that is being answered: below it, others are the current span."""
    return _root.get()


def record_output(span: Span, text: str) -> None:
    """Put an answer on a root."""
    span.set_attributes(dict.fromkeys(NAMED_BY["output"], text[:LONGEST]))


def start() -> TracerProvider:
    """Install the tracer provider and instrument LangChain, OpenAI's client and httpx.

    The public agent heeds OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, OTEL_TRACES_SAMPLER* and OTEL_SERVICE_NAME. It
    ignores OTEL_RESOURCE_ATTRIBUTES.
    """
    service = os.environ.get("OTEL_SERVICE_NAME", "weather-service")
    namespace = os.environ.get("K8S_NAMESPACE_NAME", "team1")
    resource = Resource(
        {
            "gen_ai.agent.name": NAME,
            "gen_ai.agent.version": VERSION,
            "gen_ai.system": "langchain",
            "k8s.namespace.name": namespace,
            "mlflow.source": service,
            "mlflow.traceName": NAME,
            "service.name": service,
            "service.namespace": namespace,
            "service.version": VERSION,
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    LangChainInstrumentor().instrument(tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    return provider


class RootSpan:
    """ASGI middleware: one root span for each HTTP request but those for the card.

    It passes the answer on when it has all of it, so a stream comes in one piece, as the public agent's does.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        headers = Headers(scope=scope)
        tracer = trace.get_tracer("openinference.instrumentation.agent")
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        async def replay() -> Message:
            if replayed:
                return await receive()
            replayed.append(True)
            return {"type": "http.request", "body": body, "more_body": False}

        replayed: list[bool] = []
        caller = propagate.extract(headers)
        attributes = _attributes(_json(body), headers)
        with tracer.start_as_current_span(f"invoke_agent {NAME}", caller, attributes=attributes) as span:
            _root.set(span)
            await self._app(scope, replay, keep)
            _record_answer(span, b"".join(message.get("body", b"") for message in answer))
            span.set_status(StatusCode.OK)
        for message in answer:
            await send(message)


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _attributes(asked: Mapping[str, Any], headers: Headers) -> dict[str, str]:
    message = (asked.get("params") or {}).get("message") or {}
    parts = message.get("parts") or [{}]
    found = {
        "session": message.get("contextId") or message.get("messageId"),
        "input": parts[0].get("text"),
        "user": "authenticated" if "authorization" in headers else "anonymous",
    }
    return {
        "openinference.span.kind": "AGENT",
        "mlflow.spanType": "AGENT",
        "mlflow.traceName": NAME,
        "mlflow.runName": f"{NAME}-invoke",
        "mlflow.source": os.environ.get("OTEL_SERVICE_NAME", "weather-service"),
        "mlflow.version": VERSION,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "langchain",
        "gen_ai.agent.name": NAME,
        "gen_ai.agent.version": VERSION,
        **{name: str(text)[:LONGEST] for key, text in found.items() if text for name in NAMED_BY[key]},
    }


def _record_answer(span: Span, body: bytes) -> None:
    """Put the first artifact's text on the root, where the answer is one JSON document of A2A 0.3."""
    result = _json(body).get("result") or {}
    texts = [
        part["text"]
        for artifact in result.get("artifacts") or ()
        for part in artifact.get("parts") or ()
        if part.get("text")
    ]
    if texts:
        record_output(span, texts[0])
