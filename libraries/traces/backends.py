"""What each backend, and each release of it, keeps of a trace and can be asked.

Any other difference between two backends that hold the same trace is a defect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Backend:
    """One backend: its name as people write it, and how what it shows differs from what was sent to it.

    - `not_kept`: what cannot be read from it: a span's `scope` or `resource`, the attributes of its events
      (`event_attributes`), its own `state` or sum of `tokens` for a whole trace. No contract asks for these
      there.
    - `own_attributes`: patterns of attributes that it alone shows.
    - `made_from`: patterns of attributes that it makes from OpenTelemetry GenAI ones, each with the patterns
      of those. Such an attribute differs by nature where both backends hold one of those with the same text,
      or where it is the sum of their numbers. `kind` is the span's kind.
    - `rewrites_json`: whether it spaces JSON anew.
    - `spread_json`: attributes whose JSON object it spreads over `NAME.*`.
    - `summed_tokens`: how the names of the token counts begin that it sums up for a trace; empty for all.
    - `precision_ns`: the precision of its times, in nanoseconds.

    A pattern is an attribute's name, in which `*` stands for any text. Any other difference is a defect.
    """

    title: str
    not_kept: frozenset[str]
    own_attributes: Sequence[str] = ()
    made_from: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rewrites_json: bool = False
    spread_json: Sequence[str] = ()
    summed_tokens: str = ""
    precision_ns: int = 1


# Measured with MLflow 3.17.2 and Phoenix 20.26.1. MLflow keeps the resource as tags of the trace, which its
# reader gives to each span; it adds attributes of its own (mlflow.*) and leaves the kind as it came. Phoenix
# takes the kind out of the attributes and spreads the JSON of two of them. From GenAI attributes it makes
# OpenInference ones, and a span's kind; 8.32.1 does not. Its sums are those of llm.token_count.*.
BACKENDS: Mapping[str, Backend] = {
    # No backend, but what an agent exports: some recordings are that.
    "otlp": Backend("OTLP", not_kept=frozenset({"state", "tokens"})),
    "mlflow": Backend(
        "MLflow",
        not_kept=frozenset({"scope"}),
        own_attributes=("mlflow.*", "openinference.span.kind"),
        rewrites_json=True,
    ),
    "phoenix": Backend(
        "Phoenix",
        not_kept=frozenset({"scope", "resource", "state"}),
        made_from={
            "kind": ("gen_ai.operation.name",),
            "llm.finish_reason": ("gen_ai.response.finish_reasons",),
            "llm.input_messages.*": ("gen_ai.input.messages", "gen_ai.system_instructions"),
            "llm.invocation_parameters": ("gen_ai.request.*",),
            "llm.model_name": ("gen_ai.request.model",),
            "llm.output_messages.*": ("gen_ai.output.messages",),
            "llm.provider": ("gen_ai.provider.name",),
            "llm.system": ("gen_ai.provider.name",),
            "llm.token_count.completion": ("gen_ai.usage.output_tokens",),
            "llm.token_count.prompt": ("gen_ai.usage.input_tokens",),
            "llm.token_count.total": ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
            "llm.tools.*": ("gen_ai.tool.definitions",),
            "output.mime_type": ("gen_ai.tool.call.result", "gen_ai.output.messages"),
            "output.value": ("gen_ai.tool.call.result", "gen_ai.output.messages", "gen_ai.response.*"),
            "session.id": ("gen_ai.conversation.id",),
            "tool.id": ("gen_ai.tool.call.id",),
            "tool.name": ("gen_ai.tool.name",),
            "tool.parameters.*": ("gen_ai.tool.call.arguments",),
        },
        spread_json=("metadata", "tool.parameters"),
        summed_tokens="llm.token_count.",
        precision_ns=1000,
    ),
}


def is_kind_made(backend: str, attributes: Mapping[str, Any]) -> bool:
    """Return whether a backend made a span's kind from GenAI attributes: the span came without one.

    OpenInference's spans have `input.value` or `input.mime_type`, which Phoenix 20.26.1 makes for none
    (measured).
    """
    sources = BACKENDS[backend].made_from.get("kind", ())
    has_own = "input.value" in attributes or "input.mime_type" in attributes
    return any(name in attributes for name in sources) and not has_own


@dataclass(frozen=True)
class MlflowRelease:
    """What MLflow's releases from version `since` (major, minor) on keep and can be asked.

    - `not_kept`: as in Backend, beside what no release keeps.
    - `quotes_session`: whether the session is stored as JSON, so that it is found as `"ctx"` with quotes.
    """

    since: tuple[int, int]
    not_kept: frozenset[str] = frozenset()
    quotes_session: bool = False


# Measured with 3.9.0, 3.10.1, 3.11.1, 3.12.0, 3.13.0, 3.14.0, 3.16.1 and 3.17.2, each on a new database. All
# take OTLP as protobuf, filter by session, and sum up a trace's tokens. The oldest stands for older ones.
MLFLOW_RELEASES: Sequence[MlflowRelease] = (
    MlflowRelease((3, 9), not_kept=frozenset({"resource"}), quotes_session=True),
    MlflowRelease((3, 14)),
)


def find_mlflow_release(version: str) -> MlflowRelease:
    """Return what is known of a version such as `3.17.2`; for any other text what holds of the newest."""
    match = re.match(r"(\d+)\.(\d+)", version)
    if not match:
        return MLFLOW_RELEASES[-1]
    wanted = (int(match[1]), int(match[2]))
    older = [release for release in MLFLOW_RELEASES if release.since <= wanted]
    return older[-1] if older else MLFLOW_RELEASES[0]
