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

With INSTRUMENTATIONS=genai there is no OpenInference: the spans follow OpenTelemetry's GenAI conventions, and
the collector needs kustomize/components/genai-transform to keep them::

    invoke_agent weather-assistant          (scope weather_agent)
      chat scripted                         (scope opentelemetry.util.genai.handler)
      execute_tool get_weather              (scope weather_agent)
      chat scripted

With both, the trace is the first one, with `chat` and `execute_tool` beside its graph. They report the same
calls a second time, so the resource's `weather_agent.instrumentations` names both instrumentations.

What became of the spans is counted, as Prometheus text on /metrics: how many ended, by the scope that made
them (`weather_agent_span_ended_total{span_scope=...}`), and the SDK's own metrics of its span processor and
exporter (https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/): those with an `error_type` are lost.

Attributes follow the OpenInference conventions and, on the root, OpenTelemetry's GenAI agent conventions
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/): ``gen_ai.provider.name`` is
``openai``, as they rule for any endpoint spoken to through OpenAI's client.
"""

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from openinference.instrumentation import OITracer, TraceConfig, using_session
from openinference.instrumentation.langchain import LangChainInstrumentor, get_current_span
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, Status, StatusCode
from opentelemetry.util.genai.types import ContentCapturingMode
from opentelemetry.util.genai.utils import gen_ai_json_dumps, get_content_capturing_mode

from weather_agent import telemetry_public

AGENT_NAME = "weather-assistant"
SERVICE_NAME = "weather-service"
VERSION = "0.1.0"

_log = logging.getLogger(__name__)
_instrumentations: set[str] = set()


def start(instrumentations: Collection[str]) -> TracerProvider:
    """Install the tracer provider and instrument LangChain (openinference), OpenAI's client (genai), or both.

    Spans go by OTLP over HTTP/protobuf to OTEL_EXPORTER_OTLP_ENDPOINT; without it none leave the process.
    The standard OTEL_* variables apply (service name, resource attributes, sampler, batching, headers). Of
    its own a span has no limit of attributes: with the SDK's of 128, a model call after 14 tool calls loses
    its oldest ones, among them the session.
    GenAI spans have their content, as OpenInference's have, unless
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says otherwise.
    """
    _instrumentations.update(instrumentations)
    os.environ.setdefault("OTEL_SERVICE_NAME", SERVICE_NAME)
    os.environ.setdefault("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    os.environ.setdefault("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "")  # empty: none
    meters = MeterProvider(metric_readers=[PrometheusMetricReader()])
    resource = None
    if "genai" in instrumentations:
        os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
        os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
        resource = Resource.create({"weather_agent.instrumentations": ",".join(sorted(instrumentations))})
    provider = TracerProvider(resource=resource, meter_provider=meters)
    provider.add_span_processor(EndedSpans(meters))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        exporter = OTLPSpanExporter(meter_provider=meters)
        provider.add_span_processor(BatchSpanProcessor(exporter, meter_provider=meters))
    else:
        _log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is not set: no spans will be sent.")
    trace.set_tracer_provider(provider)
    if "openinference" in instrumentations:
        LangChainInstrumentor().instrument(tracer_provider=provider)
    if "genai" in instrumentations:
        OpenAIInstrumentor().instrument(tracer_provider=provider)
    return provider


class EndedSpans(SpanProcessor):
    """Counts the spans that ended and are to be sent, by scope; the SDK's own metrics know no scopes."""

    def __init__(self, meters: MeterProvider) -> None:
        """Make the counter."""
        self._ended = meters.get_meter("weather_agent", VERSION).create_counter(
            "weather_agent.span.ended", unit="{span}", description="Sampled spans that ended, by their scope."
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span, unless it was not sampled."""
        context, scope = span.context, span.instrumentation_scope
        if context and context.trace_flags.sampled:
            self._ended.add(1, {"span.scope": scope.name if scope else ""})


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
        self._said(text)
        self._span.set_status(StatusCode.OK)

    def failed(self, text: str, error: BaseException) -> None:
        """Record the answer that the user got and the error behind it."""
        self._said(text)
        self._span.set_attribute("error.type", type(error.__cause__ or error).__qualname__)
        self._span.record_exception(error)
        self._span.set_status(Status(StatusCode.ERROR, text))

    def _said(self, text: str) -> None:
        if "openinference" in _instrumentations:
            self._span.set_attribute(SpanAttributes.OUTPUT_VALUE, text)
        else:
            self._span.set_attributes(_message("output", "assistant", text))


class PublicRequest(Request):
    """The root span of the public agent, which middleware makes and ends."""

    def answered(self, text: str) -> None:
        """Record the answer of a request that went well."""
        telemetry_public.record_output(self._span, text)

    def failed(self, text: str, error: BaseException) -> None:
        """Record nothing: the middleware may find the text in its answer."""


class ToolCall:
    """A call of a tool, while it is going on; `span` is None where nobody wants its span from us."""

    def __init__(self, span: Span | None) -> None:
        """Wrap the span; `tool_call` makes these."""
        self._span = span

    def answered(self, text: str, *, failed: bool) -> None:
        """Record what the tool said, as its result or as its error."""
        if self._span is None:
            return
        if _content_is_wanted():
            self._span.set_attribute("gen_ai.tool.call.result", text)
        if failed:
            self._span.set_attribute("error.type", "tool_error")
            self._span.add_event(
                "exception", {"exception.type": "tool_error", "exception.message": text or "no text"}
            )
            self._span.set_status(Status(StatusCode.ERROR, text))


@contextmanager
def tool_call(name: str, arguments: Mapping[str, Any]) -> Iterator[ToolCall]:
    """Make the GenAI span of a tool's call, below the request's root; OpenInference makes its own."""
    if "genai" not in _instrumentations:
        yield ToolCall(None)
        return
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": AGENT_NAME,
    }
    if _content_is_wanted():
        attributes["gen_ai.tool.call.arguments"] = gen_ai_json_dumps(arguments)
    tracer = trace.get_tracer("weather_agent", VERSION)
    with tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
        yield ToolCall(span)


@contextmanager
def request(context_id: str, question: str, model: str, headers: Mapping[str, str]) -> Iterator[Request]:
    """Make the root span of one A2A request; every span below it gets the same session.

    It is always a root of its own, sampled by our own rule: whoever calls us may never export the span its
    ``traceparent`` names, and a trace without a root is never shown as finished. The caller's span is linked.
    """
    caller = trace.get_current_span(propagate.extract(headers, context=Context())).get_span_context()
    if not _instrumentations:  # the public agent's root is telemetry_public.RootSpan
        yield PublicRequest(telemetry_public.current_root())
        return
    tracer: trace.Tracer
    session: AbstractContextManager[object]
    if "openinference" in _instrumentations:
        tracer = OITracer(
            trace.get_tracer("openinference.instrumentation.agent", VERSION), config=TraceConfig()
        )
        session = using_session(context_id)
        attributes = {
            SpanAttributes.OPENINFERENCE_SPAN_KIND: OpenInferenceSpanKindValues.AGENT.value,
            SpanAttributes.INPUT_VALUE: question,
            SpanAttributes.INPUT_MIME_TYPE: "text/plain",
            SpanAttributes.OUTPUT_MIME_TYPE: "text/plain",
            SpanAttributes.SESSION_ID: context_id,
            SpanAttributes.AGENT_NAME: AGENT_NAME,
        }
    else:
        tracer, session = trace.get_tracer("weather_agent", VERSION), nullcontext()
        attributes = _message("input", "user", question)
    with (
        session,
        tracer.start_as_current_span(
            f"invoke_agent {AGENT_NAME}",
            context=Context(),
            links=[Link(caller)] if caller.is_valid else None,
            record_exception=False,
            set_status_on_exception=False,
            attributes={
                **attributes,
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
    if not _instrumentations:  # the instrumentation of httpx names the current span
        return headers
    span = get_current_span() if "openinference" in _instrumentations else None
    propagate.inject(headers, trace.set_span_in_context(span or trace.get_current_span()))
    return headers


def _content_is_wanted() -> bool:
    return get_content_capturing_mode() in (
        ContentCapturingMode.SPAN_ONLY,
        ContentCapturingMode.SPAN_AND_EVENT,
    )


def _message(direction: str, role: str, text: str) -> dict[str, str]:
    """Give the attribute of one text message, in the JSON that the GenAI conventions define for it."""
    if not _content_is_wanted():
        return {}
    message: dict[str, Any] = {"role": role, "parts": [{"type": "text", "content": text}]}
    if direction == "output":
        message["finish_reason"] = "stop"
    return {f"gen_ai.{direction}.messages": gen_ai_json_dumps([message])}
