"""Violations that belong together and have one cause: each such pattern has a name of its own."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.evaluation import Evaluation, Violations
from messages import counted
from traces.model import Span
from traces.text import Texts, content, decode, leaves

# How many attributes a span keeps unless its SDK is configured otherwise (OpenTelemetry's specification,
# "Attribute Limits"). Python's drops the oldest of more, others the newest.
SDK_LIMIT = 128
SHORTEST_CUT = 16  # characters: shorter texts have the same length by chance
LEAST_SPANS = 3  # of fewer spans one can have the times of another
SHORTEST_QUESTION = 8  # characters
SHOWN = 3  # attributes or spans in a message


def patterns(evaluation: Evaluation, section: Mapping[str, Any]) -> Violations:
    """Look for the patterns that a contract names."""
    for name in section:
        yield from _PATTERNS[name](evaluation)


@dataclass(frozen=True)
class _Text:
    """A text attribute of a span."""

    span: Span
    key: str
    text: str

    def __str__(self) -> str:
        """Return whose attribute it is."""
        return f"{self.key} of {self.span.name}"


def _attributes_cut(evaluation: Evaluation) -> Violations:
    """Look for texts that all end at one length, some of them in the middle of their JSON."""
    for unit, measure in (("characters", len), ("bytes", _byte_length)):
        longest_of = [(span, _longest(span, measure)) for span in evaluation.spans]
        longest = max((length for _, length in longest_of), default=0)
        # A limit in bytes may fall into a character of up to four of them.
        least = longest - (3 if unit == "bytes" else 0)
        ends = [
            _Text(span, key, text)
            for span, length in longest_of
            if length >= least
            for key, text in span.attributes.items()
            if isinstance(text, str) and measure(text) >= least
        ]
        broken = [each for each in ends if each.text[:1] in ("{", "[") and decode(each.text) is None]
        if longest >= SHORTEST_CUT and broken and len({(each.span.span_id, each.text) for each in ends}) > 1:
            seen = (
                f"{counted(len(ends), 'attribute')} that all end at {longest} {unit}, and none is longer "
                f"({_first(broken)})"
            )
            yield evaluation.violation(
                "patterns.attributes-cut", None, "whole texts", seen, involved=(each.span for each in ends)
            )
            return


def _attributes_dropped(evaluation: Evaluation) -> Violations:
    """Look for spans that have as many attributes as an SDK keeps, and lack some."""
    limits = {SDK_LIMIT, evaluation.facts.attribute_limit}
    full = [(span, number) for span in evaluation.spans if (number := _sent_attributes(span)) in limits]
    common = _common_attributes(evaluation.spans) if full else {}
    for span, number in full:
        missing = _missing_attributes(span, common)
        if missing:
            seen = (
                f"{number} attributes, its SDK's limit (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT): it dropped "
                f"others ({', '.join(missing[:SHOWN])}{', …' if missing[SHOWN:] else ''})"
            )
            yield evaluation.violation(
                "patterns.attributes-dropped", span, "all attributes of the span", seen
            )


def _sent_attributes(span: Span) -> int:
    """Return how many attributes a span came with, whatever its backend made of them."""
    names = {
        "metadata" if name.startswith("metadata.") else name
        for name in span.attributes
        if not name.startswith("mlflow.")
    }
    return len(names | ({"openinference.span.kind"} if span.kind else set()))


def _common_attributes(spans: Iterable[Span]) -> Mapping[str | None, Sequence[str]]:
    """Return by kind the attributes that all spans of it have, or all but one."""
    numbers: Counter[str | None] = Counter()
    names: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    for span in spans:
        numbers[span.kind] += 1
        names[span.kind].update(span.attributes.keys())
    return {
        kind: [name for name, number in found.items() if number >= numbers[kind] - 1]
        for kind, found in names.items()
    }


def _missing_attributes(span: Span, common: Mapping[str | None, Sequence[str]]) -> list[str]:
    """Return what a span lacks that every other one of its kind has, and the messages before its first."""
    missing = sorted(
        name
        for name in common[span.kind]
        if name not in span.attributes and not re.match(r"(llm\.\w+_messages|metadata|mlflow)\.", name)
    )
    numbers = [
        int(match[1])
        for name in span.attributes
        if (match := re.match(r"llm\.input_messages\.(\d+)\.", name))
    ]
    first = min(numbers, default=0)
    return missing + [f"llm.input_messages.{number}" for number in range(first)]


def _same_times(evaluation: Evaluation) -> Violations:
    """Look for a trace of which all spans have the same times, or none takes any time."""
    spans = evaluation.spans
    if len(spans) < LEAST_SPANS:
        return
    if len({(span.start_ns, span.end_ns) for span in spans}) == 1:
        seen = f"all {len(spans)} spans have the same start and end"
    elif all(span.start_ns == span.end_ns for span in spans):
        seen = f"all {len(spans)} spans end when they start"
    else:
        return
    yield evaluation.violation(
        "patterns.same-times", None, "times of its own for each span", seen, involved=spans
    )


def _names_carry_question(evaluation: Evaluation) -> Violations:
    """Look for spans whose names contain the question."""
    question = evaluation.expectation.question
    named = [span for span in evaluation.spans if question in span.name]
    if named and len(question) >= SHORTEST_QUESTION:
        seen = f"{len(named)} of {len(evaluation.spans)} spans whose names contain the question"
        yield evaluation.violation(
            "patterns.names-carry-question", named[0], "names without what was asked", seen, involved=named
        )


def _tools_mixed_up(evaluation: Evaluation) -> Violations:
    """Look for tool spans whose input is that of another call than the one whose result they hold."""
    asked = dict(_tool_calls(evaluation.select("LLM")))
    tools = [span for span in evaluation.select("TOOL") if _call_id(span) in asked]
    every = Texts(leaf for arguments in asked.values() for _, leaf in leaves(arguments))
    wrong = [span for span in tools if _is_of_other_call(span, asked[_call_id(span)], every)]
    if wrong:
        arguments = asked[_call_id(wrong[0])]
        seen = (
            f"{len(wrong)} of {counted(len(tools), 'TOOL span')} with another call's input: "
            f"{evaluation.shown(content(wrong[0], 'input')[0])}"
        )
        expected = f"the input of the call whose result it holds, {evaluation.shown(arguments)}"
        yield evaluation.violation("patterns.tools-mixed-up", wrong[0], expected, seen, involved=wrong)


def _is_of_other_call(span: Span, arguments: str, every: Texts) -> bool:
    """Return whether a tool span's input stands in another call's arguments, and not in its own call's."""
    own = Texts(leaf for _, leaf in leaves(arguments))
    return any(not own.contain(text) and every.contain(text) for text in content(span, "input"))


def _tool_calls(calls: Iterable[Span]) -> Iterator[tuple[str, str]]:
    """Yield the id and the arguments of each tool call that a model asked for."""
    for span in calls:
        for key, value in span.attributes.items():
            if key.startswith("llm.output_messages.") and key.endswith(".tool_call.id"):
                arguments = span.attributes.get(key.removesuffix("id") + "function.arguments")
                if isinstance(arguments, str):
                    yield str(value), arguments


def _call_id(tool: Span) -> str:
    """Return the id of the call whose result a TOOL span holds, empty where it does not say that."""
    match decode(str(tool.attributes.get("output.value", ""))):
        case {"data": {"tool_call_id": str(id_)}} | {"tool_call_id": str(id_)}:
            return id_
    return ""


def _longest(span: Span, measure: Callable[[str], int]) -> int:
    texts = [text for text in span.attributes.values() if isinstance(text, str)]
    return max(map(measure, texts), default=0)


def _byte_length(text: str) -> int:
    return len(text if text.isascii() else text.encode(errors="replace"))


def _first(texts: Sequence[_Text]) -> str:
    names = list(Counter(map(str, texts)))
    return ", ".join(names[:SHOWN]) + (", …" if names[SHOWN:] else "")


_PATTERNS: Mapping[str, Callable[[Evaluation], Violations]] = {
    "attributes-cut": _attributes_cut,
    "attributes-dropped": _attributes_dropped,
    "same-times": _same_times,
    "names-carry-question": _names_carry_question,
    "tools-mixed-up": _tools_mixed_up,
}
