"""What a model call's span holds of the request and of the answer: the model's name, and what it billed.

The answer is the raw one that OpenInference's instrumentations keep as JSON in `output.value`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from traces.model import Span
from traces.text import decode

# Under which keys answers hold what was billed: OpenAI's and Anthropic's; LangChain's two; Gemini's.
_USAGE = ("usage", "token_usage", "usage_metadata", "usageMetadata")
_PROMPT = ("prompt_tokens", "input_tokens", "prompt_token_count", "promptTokenCount")
_COMPLETION = ("completion_tokens", "output_tokens", "candidates_token_count", "candidatesTokenCount")
# Parts that some models bill beside them, and some instrumentations add.
_CACHE = ("cache_creation_input_tokens", "cache_read_input_tokens")
_THOUGHTS = ("thoughts_token_count", "thoughtsTokenCount")
_MODEL = ("model", "model_name", "model_version", "modelVersion")
_REQUESTED = ("gen_ai.request.model", "metadata.ls_model_name")


@dataclass(frozen=True)
class Usage:
    """Tokens that a model billed for one call."""

    prompt: int
    completion: int

    def __str__(self) -> str:
        """Return both numbers."""
        return f"prompt {self.prompt}, completion {self.completion}"


def billed_usages(span: Span) -> list[Usage]:
    """Return what a model call's raw answer says was billed; none where the span does not hold that.

    More than one where the answer says it in several ways, with and without what a cache gave.
    """
    found: dict[Usage, None] = {}
    for usage in _mappings(_answer(span), _USAGE):
        prompt, completion = _number(usage, _PROMPT), _number(usage, _COMPLETION)
        if prompt is not None and completion is not None and prompt + completion:
            cached = sum(_number(usage, (key,)) or 0 for key in _CACHE)
            thought = _number(usage, _THOUGHTS) or 0
            found[Usage(prompt, completion)] = None
            found[Usage(prompt + cached, completion + thought)] = None
    return list(found)


def requested_models(span: Span) -> list[str]:
    """Return the names by which a model call asked for its model; none where the span does not hold them."""
    attributes = span.attributes
    held = [attributes.get(key) for key in _REQUESTED]
    for key, names in (("llm.invocation_parameters", _MODEL), ("metadata", ("ls_model_name",))):
        parameters = decode(str(attributes.get(key, "")))
        if isinstance(parameters, Mapping):
            held += [parameters.get(name) for name in names]
    return _names(held)


def answering_models(span: Span) -> list[str]:
    """Return the names that the model gave itself in its answer; none where the span does not hold them."""
    answer = _answer(span)
    places = [answer, *_mappings(answer, ("llm_output", "response_metadata", "raw"))]
    held = [place.get(name) for place in places if isinstance(place, Mapping) for name in _MODEL]
    return _names([span.attributes.get("gen_ai.response.model"), *held])


def _answer(span: Span) -> Any:  # noqa: ANN401 - any JSON
    return decode(str(span.attributes.get("output.value", "")))


def _mappings(value: object, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the maps that stand under one of the keys of decoded JSON, at any depth."""
    found: list[dict[str, Any]] = []
    _add_mappings(value, keys, found)
    return found


def _add_mappings(value: object, keys: Sequence[str], found: list[dict[str, Any]]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict):
                if key in keys:
                    found.append(inner)
                _add_mappings(inner, keys, found)
            elif isinstance(inner, list):
                _add_mappings(inner, keys, found)
    elif isinstance(value, list):
        for inner in value:
            _add_mappings(inner, keys, found)


def _number(usage: Mapping[str, Any], keys: Sequence[str]) -> int | None:
    for key in keys:
        if isinstance(usage.get(key), int):
            return int(usage[key])
    return None


def _names(held: Sequence[object]) -> list[str]:
    return list(dict.fromkeys(name for name in held if isinstance(name, str) and name))
