"""Picks canaries from what a tool answered: values that only the tool can know, followed to the answer.

A value of a tool's answer is distinctive where it is one of these:

- a number with a fraction and at least three digits (`10.68`), or a whole one of at least five;
- a word of at least five characters that has letters and digits (`WX-1A2B3C4D`, `2026-11-26T02:00`);
- a name: a whole JSON text that begins with a capital letter, of at least four and at most 60 characters.

It is none where it stands in the question, or in anything that the model got before the tool answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library

from agent.client import Question
from contracts.selectors import selects
from messages import counted, excerpt, quoted
from traces.model import Arrival, Span, Trace
from traces.text import content, decode, texts_in

_WORD = re.compile(r"[+-]?\w(?:[\w.:+-]*\w)?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_NAME = re.compile(r"[^\W\d_a-z][\w .'-]{3,59}")
SHORTEST_CODE = 5  # characters
SHOWN = 5  # values in a message


@library(scope="GLOBAL")
class Canaries:
    """Picks the canaries of a question whose tool has no seed from the question's own trace."""

    @keyword
    def pick_canaries(self, question: Question, trace: Trace) -> list[str]:
        """Return the distinctive values of the tool's answers that the agent's answer says too.

        Fails where the model did not use its tool: the answer to one of the tool calls is not in the agent's
        answer. Of a question without an answer, return all distinctive values. None where no tool call has
        any: whether the answer came from the tool is unknown then.
        """
        return pick_canaries(question, trace)

    @keyword
    def pick_canaries_of_conversations(
        self, questions: list[Question], arrivals: list[Arrival]
    ) -> dict[str, list[str]]:
        """Return such values of each question's one trace, by context id; none of a question without a trace.

        A value that several questions have is none, unless they ask the same and have no other. Fails with
        every question whose model did not use its tool.
        """
        return pick_canaries_of_conversations(questions, arrivals)


def pick_canaries(question: Question, trace: Trace) -> list[str]:
    """Return what `Canaries.pick_canaries` describes; numbers first, then other words, then names."""
    calls = tool_calls(trace)
    if not calls:
        raise AssertionError(
            f"The model did not use its tool: trace {trace.trace_id} has no tool call, and the answer is: "
            f"{excerpt(question.answer)}"
        )
    known = [question.text, *(text for span in _before(trace, calls[0]) for text in texts_in(span, "input"))]
    picked: dict[str, None] = {}
    for call in calls:
        values = distinctive_values(content(call, "output"), known)
        said = [value for value in values if question.failure or is_said(value, question.answer)]
        if values and not said:
            shown = ", ".join(values[:SHOWN])
            raise AssertionError(
                f"The model did not use its tool: the answer says none of the "
                f"{counted(len(values), 'value')} that only {call.name} can know ({shown}): "
                f"{excerpt(question.answer)}"
            )
        picked |= dict.fromkeys(said)
    if picked:
        logger.info(f"Only the tool can know, and the answer says: {', '.join(picked)}.")
    else:
        outputs = [text for call in calls for text in content(call, "output")]
        logger.info(f"The tool's answer has no value that only it can know: {excerpt(quoted(outputs))}.")
    return list(picked)


def pick_canaries_of_conversations(
    questions: Sequence[Question], arrivals: Sequence[Arrival]
) -> dict[str, list[str]]:
    """Return what `Canaries.pick_canaries_of_conversations` describes."""
    traces = {span.session: arrival.trace for arrival in arrivals for span in arrival.trace.roots}
    picked: dict[str, list[str]] = {question.context_id: [] for question in questions}
    problems = []
    for question in questions:
        if question.context_id in traces and not question.failure:
            try:
                picked[question.context_id] = pick_canaries(question, traces[question.context_id])
            except AssertionError as error:
                problems.append(f"{question.text} {error}")
    askers: dict[str, list[str]] = {}  # the texts of the questions that have a value
    for question in questions:
        for value in picked[question.context_id]:
            askers.setdefault(value, []).append(question.text)
    if problems:
        lines = "\n".join(f"- {problem}" for problem in problems)
        raise AssertionError(
            f"{len(problems)} of {counted(len(questions), 'conversation')} cannot be followed from the tool "
            f"to the answer:\n{lines}"
        )
    return {
        context: [value for value in values if len(askers[value]) == 1]
        or [value for value in values if len(set(askers[value])) == 1]
        for context, values in picked.items()
    }


def tool_calls(trace: Trace) -> list[Span]:
    """Return the spans of tool calls: the agent's own, or the tool server's where it has none."""
    for selector in ("ANY_TOOL", "*:tools/call *"):
        found = [span for span in trace.spans if selects(selector, span)]
        if found:
            return sorted(found, key=lambda span: (span.start_ns, span.span_id))
    return []


def distinctive_values(outputs: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the distinctive values of a tool's outputs that stand in none of the known texts."""
    leaves = [leaf for output in outputs for leaf in _leaves(output)]
    words = [word for leaf in leaves for word in _WORD.findall(leaf)]
    values = [
        *filter(_is_distinctive_number, words),
        *filter(_is_code, words),
        *(leaf for leaf in leaves if leaf not in outputs and _NAME.fullmatch(leaf)),
    ]
    folded = "\n".join(known).casefold()
    return [value for value in dict.fromkeys(values) if not is_said(value.casefold(), folded)]


def is_said(value: str, text: str) -> bool:
    """Return whether a value stands in a text as a whole: `10.6` does not stand in `10.68`."""
    return re.search(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", text) is not None


def _is_distinctive_number(word: str) -> bool:
    match = _NUMBER.fullmatch(word)
    return match is not None and len(re.sub(r"\D", "", word)) >= (3 if match[1] else 5)


def _is_code(word: str) -> bool:
    return len(word) >= SHORTEST_CODE and any(map(str.isalpha, word)) and any(map(str.isdigit, word))


def _before(trace: Trace, call: Span) -> Iterable[Span]:
    """Return the model's calls that began before the first tool call."""
    return (span for span in trace.spans if selects("ANY_LLM", span) and span.start_ns <= call.start_ns)


def _leaves(output: str) -> Iterator[str]:
    """Yield the texts and numbers inside a tool's output, as they are written there."""
    value: Any = decode(output)
    if value is None:
        yield output
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item if isinstance(item, str) else quoted(item))
