"""What each backend keeps of a trace, and what differs by nature between two that hold the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backend:
    """One backend: its name as people write it, and how what it shows differs from what was sent to it.

    - `not_kept`: what cannot be read from it: a span's `scope` or `resource`, its own `state` or sum of
      `tokens` for a whole trace. No contract asks for these there.
    - `own_attributes`: patterns of attributes that it alone shows.
    - `made_from`: patterns of attributes that it makes from OpenTelemetry GenAI ones, each with the patterns
      of those. Such an attribute differs by nature where both backends hold one of those with the same text.
    - `rewritten_json`: patterns of attributes whose JSON it spaces anew, each with the patterns of the GenAI
      attributes that a span must have for that.
    - `precision_ns`: the precision of its times, in nanoseconds.

    A pattern is an attribute's name, in which `*` stands for any text. Any other difference is a defect.
    """

    title: str
    not_kept: frozenset[str]
    own_attributes: Sequence[str] = ()
    made_from: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rewritten_json: Mapping[str, Sequence[str]] = field(default_factory=dict)
    precision_ns: int = 1


# Measured with MLflow 3.17.2 and Phoenix 20.26.1. MLflow keeps the resource as tags of the trace, which its
# reader gives to each span; it adds attributes of its own (mlflow.*) and leaves the kind and the metadata as
# they came. Phoenix takes the kind out of the attributes, spreads the metadata's JSON over metadata.*, and
# makes OpenInference attributes from GenAI ones.
BACKENDS: Mapping[str, Backend] = {
    # No backend, but what an agent exports: some recordings are that.
    "otlp": Backend("OTLP", not_kept=frozenset({"state", "tokens"})),
    "mlflow": Backend(
        "MLflow",
        not_kept=frozenset({"scope"}),
        own_attributes=("mlflow.*", "openinference.span.kind", "metadata"),
    ),
    "phoenix": Backend(
        "Phoenix",
        not_kept=frozenset({"scope", "resource", "state", "tokens"}),
        own_attributes=("metadata.*",),
        made_from={
            "llm.finish_reason": ("gen_ai.response.finish_reasons",),
            "llm.input_messages.*": ("gen_ai.input.messages",),
            "llm.invocation_parameters": ("gen_ai.request.*",),
            "llm.model_name": ("gen_ai.request.model",),
            "llm.output_messages.*": ("gen_ai.output.messages",),
            "llm.provider": ("gen_ai.provider.name",),
            "llm.system": ("gen_ai.provider.name",),
            "output.mime_type": ("gen_ai.tool.call.result",),
            "tool.parameters.*": ("gen_ai.tool.call.arguments",),
        },
        rewritten_json={
            "gen_ai.*.messages": ("gen_ai.*.messages",),
            "gen_ai.tool.call.arguments": ("gen_ai.tool.call.arguments",),
            "input.value": ("gen_ai.input.messages", "gen_ai.tool.call.arguments"),
            "output.value": ("gen_ai.output.messages",),
        },
        precision_ns=1000,
    ),
}
