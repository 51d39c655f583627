"""Spans: how they are made, tied together and sent.

The trace of one request, all in OpenInference scopes, so that a filter for those keeps the whole tree::

    invoke_agent weather-assistant  AGENT   (scope openinference.instrumentation.agent)
      LangGraph                     CHAIN   (this and all below: openinference.instrumentation.langchain)
        assistant                   CHAIN
          ChatOpenAI                LLM
        tools                       CHAIN
          get_weather               TOOL    -> traceparent -> the tool's own span
        assistant                   CHAIN
          ChatOpenAI                LLM

Attributes follow the OpenInference conventions and, on the root, OpenTelemetry's GenAI agent conventions
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/): ``gen_ai.provider.name`` is
``openai``, as they rule for any endpoint spoken to through OpenAI's client.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from openinference.instrumentation import OITracer, TraceConfig, using_session
from openinference.instrumentation.langchain import LangChainInstrumentor, get_current_span
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, Status, StatusCode

AGENT_NAME = "weather-assistant"
SERVICE_NAME = "weather-service"
VERSION = "0.1.0"

_log = logging.getLogger(__name__)


def start() -> TracerProvider:
    """Install the tracer provider and instrument LangChain.

    Spans go by OTLP over HTTP/protobuf to OTEL_EXPORTER_OTLP_ENDPOINT; without it none leave the process.
    The standard OTEL_* variables apply (service name, resource attributes, sampler, batching, headers).
    """
    os.environ.setdefault("OTEL_SERVICE_NAME", SERVICE_NAME)
    provider = TracerProvider()
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    else:
        _log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is not set: no spans will be sent.")
    trace.set_tracer_provider(provider)
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return provider


class Request:
    """The root span of one A2A request, while it is being answered."""

    def __init__(self, span: Span) -> None:
        """Wrap the span; `request` makes these."""
        self._span = span

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hexadecimal digits."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def answered(self, text: str) -> None:
        """Record the answer of a request that went well."""
        self._span.set_attribute(SpanAttributes.OUTPUT_VALUE, text)
        self._span.set_status(StatusCode.OK)

    def failed(self, text: str, error: BaseException) -> None:
        """Record what the user was told and the error behind it."""
        self._span.set_attribute(SpanAttributes.OUTPUT_VALUE, text)
        self._span.set_attribute("error.type", type(error.__cause__ or error).__qualname__)
        self._span.record_exception(error)
        self._span.set_status(Status(StatusCode.ERROR, text))


@contextmanager
def request(context_id: str, question: str, model: str, headers: Mapping[str, str]) -> Iterator[Request]:
    """Make the root span of one A2A request; every span below it gets the same session.

    It is always a root of its own, sampled by our own rule: whoever calls us may never export the span its
    ``traceparent`` names, and a trace without a root is never shown as finished. The caller's span is linked.
    """
    caller = trace.get_current_span(propagate.extract(headers, context=Context())).get_span_context()
    tracer = OITracer(trace.get_tracer("openinference.instrumentation.agent", VERSION), config=TraceConfig())
    with (
        using_session(context_id),
        tracer.start_as_current_span(
            f"invoke_agent {AGENT_NAME}",
            context=Context(),
            links=[Link(caller)] if caller.is_valid else None,
            record_exception=False,
            set_status_on_exception=False,
            attributes={
                SpanAttributes.OPENINFERENCE_SPAN_KIND: OpenInferenceSpanKindValues.AGENT.value,
                SpanAttributes.INPUT_VALUE: question,
                SpanAttributes.INPUT_MIME_TYPE: "text/plain",
                SpanAttributes.OUTPUT_MIME_TYPE: "text/plain",
                SpanAttributes.SESSION_ID: context_id,
                SpanAttributes.AGENT_NAME: AGENT_NAME,
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "openai",
                "gen_ai.agent.name": AGENT_NAME,
                "gen_ai.agent.version": VERSION,
                "gen_ai.conversation.id": context_id,
                "gen_ai.request.model": model,
            },
        ) as span,
    ):
        yield Request(span)


def outgoing_headers() -> dict[str, str]:
    """Give the trace-context headers for a call made now: below the LangChain run that is going on, if any.

    OpenInference does not make its spans the current ones, so a plain inject would name the root span.
    """
    headers: dict[str, str] = {}
    span = get_current_span() or trace.get_current_span()
    propagate.inject(headers, trace.set_span_in_context(span))
    return headers
