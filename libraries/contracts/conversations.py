"""Judges many conversations at once: whose trace is there, is it the only one, and is it all its own."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from robot.api import logger
from robot.api.deco import keyword, library

from agent.client import Question
from contracts.contract import Expectation, evaluate, load_contract
from traces.mlflow_reader import Sighting

SESSION_ATTRIBUTE = "session.id"


SHOWN = 3  # problems of one conversation in the message; the log's table has all


@dataclass(frozen=True)
class Problem:
    """What is wrong with a conversation: of which kind that is, and in words that follow its question."""

    kind: str
    text: str


@dataclass(frozen=True)
class Judged:
    """What came of one question: its trace's id, seconds from answer to whole trace, and what is wrong."""

    question: Question
    trace_id: str
    seconds: float | None
    problems: Sequence[Problem]


@library(scope="GLOBAL")
class Conversations:
    """Holds many questions against the traces that were found for them."""

    @keyword
    def judge_conversations(
        self,
        questions: list[Question],
        sightings: list[Sighting],
        canaries: dict[str, list[str]],
        contract: Path,
    ) -> str:
        """Return in one sentence how long the traces took; log a table, fail with what is wrong.

        `canaries` has those of each question by its context id. Each question must be answered with its own,
        and have exactly one trace, which fulfils the contract and holds no canary of another question.
        """
        judged = judge(questions, sightings, canaries, contract)
        logger.info(table(judged), html=True)
        foreign = strangers(questions, sightings)
        if foreign or any(each.problems for each in judged):
            raise AssertionError(summary(judged, foreign))
        times = [each.seconds for each in judged if each.seconds is not None]
        return (
            f"{len(judged)} traces, each with its own canary; from answer to verdict: "
            f"median {median(times):.2f} s, slowest {max(times):.2f} s."
        )

    @keyword
    def turns_should_be_traces(
        self, questions: list[Question], sightings: list[Sighting], canaries: list[str], contract: Path
    ) -> None:
        """Fail unless the traces of one context are its turns, in order: one each, about that turn alone."""
        if len(sightings) != len(questions):
            raise AssertionError(
                f"{len(questions)} turns of context {questions[0].context_id} made {len(sightings)} traces."
            )
        rules = load_contract(contract)
        problems = []
        for number, (question, sighting) in enumerate(zip(questions, sightings, strict=True), 1):
            expectation = Expectation(question.context_id, question.text, canaries[number - 1 : number])
            problems += [f"turn {number}: {each}" for each in evaluate(rules, sighting.trace, expectation)]
        if problems:
            lines = "\n".join(f"- {problem}" for problem in problems)
            raise AssertionError(f"The turns are not traces of their own, {len(problems)} problems:\n{lines}")


def judge(
    questions: Sequence[Question],
    sightings: Sequence[Sighting],
    canaries: Mapping[str, Sequence[str]],
    contract: Path,
) -> list[Judged]:
    """Return what came of each question, in their order."""
    rules = load_contract(contract)
    every = {canary for found in canaries.values() for canary in found}
    judged = []
    for question in questions:
        own = canaries[question.context_id]
        found = [each for each in sightings if question.context_id in _sessions(each)]
        problems = _of_the_answer(question, own, every)
        if len(found) != 1:
            kind = "several traces of its session" if found else "no trace of its session"
            text = f"has {len(found)} traces of its session {question.context_id} instead of one"
            problems.append(Problem(kind, text))
        else:
            expectation = Expectation(question.context_id, question.text, own)
            broken = evaluate(rules, found[0].trace, expectation)
            problems += [Problem(violation.rule, str(violation)) for violation in broken]
            if not found[0].whole_at:
                problems.append(Problem("trace not whole", "has a trace that was never seen whole"))
        first = found[0] if found else None
        seconds = max(0.0, first.whole_at - question.answered_at) if first and first.whole_at else None
        judged.append(Judged(question, first.trace.trace_id if first else "none", seconds, problems))
    return judged


def _of_the_answer(question: Question, own: Sequence[str], every: set[str]) -> list[Problem]:
    if question.failure:
        return [Problem("no answer", f"was not answered: {question.failure}")]
    lacks = [
        Problem("answer without its canary", f"was answered without its canary {canary}: {question.answer}")
        for canary in own
        if canary not in question.answer
    ]
    return lacks + [
        Problem(
            "answer with another's canary",
            f"was answered with another question's canary {canary}: {question.answer}",
        )
        for canary in sorted(every - set(own))
        if canary in question.answer
    ]


def summary(judged: Sequence[Judged], foreign: Sequence[str]) -> str:
    """Return what is wrong: how many conversations have which kind of problem, then a line a problem."""
    kinds = Counter(kind for each in judged for kind in {problem.kind for problem in each.problems})
    bad = sum(1 for each in judged if each.problems)
    counted = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items(), key=lambda of: -of[1]))
    lines = [f"{bad} of {len(judged)} conversations are not good: {counted or 'none'}; {len(foreign)} mixed."]
    lines += [f"- {problem}" for problem in foreign[:SHOWN]]
    for each in judged:
        lines += [f"- {each.question.text} {problem.text}" for problem in each.problems[:SHOWN]]
        if len(each.problems) > SHOWN:
            lines.append(
                f"- {each.question.text} has {len(each.problems) - SHOWN} more problems, see the log"
            )
    return "\n".join(lines)


def strangers(questions: Sequence[Question], sightings: Sequence[Sighting]) -> list[str]:
    """Return which traces mix sessions, or are of none of the questions."""
    asked = {question.context_id for question in questions}
    problems = []
    for each in sightings:
        sessions = _sessions(each)
        if len(sessions) > 1 or not set(sessions) <= asked:
            names = ", ".join(f"{name} ({count} spans)" for name, count in sorted(sessions.items()))
            problems.append(f"Trace {each.trace.trace_id} is of the sessions {names or 'nobody'}")
    return problems


def table(judged: Sequence[Judged]) -> str:
    """Return an HTML table: a line a question, with the seconds from its answer to its whole trace."""
    lines = ["<tr><th>question</th><th>context</th><th>trace</th><th>seconds</th><th>verdict</th></tr>"]
    for each in judged:
        seconds = "-" if each.seconds is None else f"{each.seconds:.2f}"
        verdict = "; ".join(problem.text for problem in each.problems) or "good"
        texts = (each.question.text, each.question.context_id, each.trace_id, seconds, verdict)
        lines.append(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in texts)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _sessions(sighting: Sighting) -> Counter[str]:
    spans = sighting.trace.spans
    return Counter(
        str(span.attributes[SESSION_ATTRIBUTE]) for span in spans if SESSION_ATTRIBUTE in span.attributes
    )
