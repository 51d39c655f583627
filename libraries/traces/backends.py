"""What each backend keeps of a trace, and what differs by nature between two that hold the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What a backend loses of what was sent to it (measured with MLflow 3.17.2 and Phoenix 20.26.1). MLflow keeps
# the resource as tags of the trace, which its reader gives to each span.
NOT_KEPT: Mapping[str, frozenset[str]] = {
    "otlp": frozenset({"state", "tokens"}),
    "mlflow": frozenset({"scope"}),
    "phoenix": frozenset({"scope", "resource", "state", "tokens"}),
}

# What differs by nature between backends that hold the same trace; any other difference is a defect.
# First, the attributes that only this backend shows, as KIND:ATTRIBUTE. MLflow adds its own (mlflow.*) and
# leaves the kind and the metadata as they came; Phoenix takes the kind out of the attributes and spreads the
# metadata's JSON over metadata.*.
OWN_ATTRIBUTES: Mapping[str, Sequence[str]] = {
    "mlflow": ("*:mlflow.*", "*:openinference.span.kind", "*:metadata"),
    "phoenix": ("*:metadata.*",),
}
# Second, the attributes that only this backend shows because it made them from OpenTelemetry GenAI ones:
# Phoenix makes OpenInference's. Tolerated only where both hold an attribute that it is made from, and only
# where it says what stands in there.
MADE_FROM: Mapping[str, Mapping[str, Sequence[str]]] = {
    "phoenix": {
        "llm.finish_reason": ("gen_ai.response.finish_reasons",),
        "llm.input_messages.*": ("gen_ai.input.messages",),
        "llm.invocation_parameters": ("gen_ai.request.*",),
        "llm.model_name": ("gen_ai.request.model",),
        "llm.output_messages.*": ("gen_ai.output.messages",),
        "llm.provider": ("gen_ai.provider.name",),
        "llm.system": ("gen_ai.provider.name",),
        "output.mime_type": ("gen_ai.tool.call.result",),
        "tool.parameters.*": ("gen_ai.tool.call.arguments",),
    }
}
# Third, the attributes whose JSON it writes anew, by the GenAI one that the span must have for that: the same
# values, spaced otherwise.
REWRITTEN_JSON: Mapping[str, Mapping[str, Sequence[str]]] = {
    "phoenix": {
        "gen_ai.*.messages": ("gen_ai.*.messages",),
        "gen_ai.tool.call.arguments": ("gen_ai.tool.call.arguments",),
        "input.value": ("gen_ai.input.messages", "gen_ai.tool.call.arguments"),
        "output.value": ("gen_ai.output.messages",),
    }
}
# Fourth, the precision of its times, in nanoseconds.
PRECISION_NS: Mapping[str, int] = {"phoenix": 1000}
