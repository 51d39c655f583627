"""Which model was asked, and which answered: model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from contracts.evaluation import Evaluation, Unjudged, Violations
from traces.model import Span
from traces.model_calls import answering_models, requested_models

_NAME = "llm.model_name"
_Call = tuple[Span, list[str]]  # a model call, and the names by which it asked for its model
# What a name has beside the model's own for one release of it: `gpt-4o-2024-08-06`, `llama3.2:3b`.
_RELEASE = re.compile(r"[-@:]\d.*|[-:](latest|preview)")


def model(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Check that each model call names the model that it asked or that answered, and asked the right one."""
    calls = [(span, requested_models(span)) for span in evaluation.select("LLM")]
    if section.get("named"):
        yield from _named(evaluation, calls)
    if section.get("configured"):
        yield from _configured(evaluation, calls)


def _named(evaluation: Evaluation, calls: Sequence[_Call]) -> Violations:
    unknown = False
    for span, asked in calls:
        name, answered = span.attributes.get(_NAME), answering_models(span)
        if not isinstance(name, str) or any(_is_same(name, other) for other in (*asked, *answered)):
            continue
        if not answered:
            unknown = True  # a gateway may have answered with another model than it was asked for
            continue
        expected = f"{_NAME} of the model that was asked or that answered, {_listed(asked + answered)}"
        yield evaluation.violation("model.named", span, expected, name, part=_NAME)
    if unknown:
        yield Unjudged("model.named", "no model call holds an answer that names the model")


def _configured(evaluation: Evaluation, calls: Sequence[_Call]) -> Violations:
    wanted = evaluation.facts.model
    if not wanted:
        if calls:
            yield Unjudged("model.configured", "which model the agent is configured to use is not known")
        return
    for span, asked in calls:
        name = span.attributes.get(_NAME)
        named = asked or ([name] if isinstance(name, str) else [])
        wrong = [other for other in named if not _is_same(other, wanted)]
        if wrong:
            expected = f"the model that the agent is configured to use, {wanted}"
            yield evaluation.violation("model.configured", span, expected, _listed(wrong), part=_NAME)


@cache
def _is_same(one: str, other: str) -> bool:
    """Return whether two names mean one model: one may name its provider or its release besides."""
    names = sorted((name.casefold().rpartition("/")[2] for name in (one, other)), key=len)
    return names[1].startswith(names[0]) and (
        len(names[0]) == len(names[1]) or _RELEASE.fullmatch(names[1][len(names[0]) :]) is not None
    )


def _listed(names: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(names))
