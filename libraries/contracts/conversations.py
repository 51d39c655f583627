"""Evaluates many conversations at once: each has its own answer and one trace, which is about it alone."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from robot.api import logger
from robot.api.deco import keyword, library

from agent.client import Question
from contracts.canaries import is_said
from contracts.contract import Contract
from contracts.evaluation import expect
from contracts.findings import note_findings
from contracts.judgement import Judgement, judge
from messages import counted, in_lines, listed, named
from traces.model import Arrival, Trace

SHOWN = 3  # foreign traces in the message; the table in the log has all problems
# What is wrong with a trace that no conversation explains, for one trace and for several.
_FOREIGN = {"mixed": ("mixes sessions", "mix sessions"), "foreign": ("is foreign", "are foreign")}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its kind, and in words, which follow the question of a conversation."""

    kind: str
    text: str


@dataclass(frozen=True)
class ConversationResult:
    """What came of one question: its trace's id, its arrival time in seconds, and what is wrong.

    There is no id without a trace of its session, and no arrival time where none was seen whole.
    """

    question: Question
    trace_id: str | None
    arrival_seconds: float | None
    problems: Sequence[Problem]
    trace: Trace | None = field(default=None, repr=False)
    judgement: Judgement = field(default_factory=Judgement, repr=False)


@library(scope="GLOBAL")
class Conversations:
    """Compares many questions with the traces that were found for them."""

    @keyword
    def conversations_should_have_their_own_traces(
        self,
        questions: list[Question],
        arrivals: list[Arrival],
        canaries: dict[str, list[str]],
        contract: Contract,
        why: str = "",
    ) -> str:
        """Return in one sentence how long the traces took; log a table, fail with what is wrong.

        `canaries` has those of each question by its context id. Each question must be answered with its own,
        and have exactly one trace, which fulfils the contract and holds no canary of another question. `why`
        is the verdict about a trace that is not whole.
        """
        if not questions:
            raise AssertionError("No question was asked, so there is no trace to look for.")
        results = evaluate_conversations(questions, arrivals, canaries, contract)
        for result in results:
            if result.trace is not None:
                note_findings(contract, result.trace, result.judgement)
        foreign = foreign_traces(questions, arrivals)
        logger.info(table(results), html=True)
        if foreign or any(result.problems for result in results):
            raise AssertionError(_after_verdict(why, summary(results, foreign)))
        times = [result.arrival_seconds for result in results if result.arrival_seconds is not None]
        return (
            f"{counted(len(results), 'trace')}, each with its own canary; arrival time: "
            f"median {median(times):.2f} s, slowest {max(times):.2f} s."
        )

    @keyword
    def count_whole_conversations(
        self, questions: list[Question], arrivals: list[Arrival]
    ) -> tuple[int, int]:
        """Return how many questions have a whole trace, and how many traces there are too many."""
        whole = {name for arrival in arrivals if arrival.whole_at for name in _sessions(arrival)}
        found = Counter(name for arrival in arrivals for name in _sessions(arrival))
        asked = {question.context_id for question in questions}
        return len(whole & asked), sum(found[name] - 1 for name in found.keys() & asked)

    @keyword
    def leave_out_traces_of(self, questions: list[Question], arrivals: list[Arrival]) -> list[Arrival]:
        """Return the traces but those whose sessions are all of these questions."""
        contexts = {question.context_id for question in questions}
        return [each for each in arrivals if not _sessions(each) or _sessions(each).keys() - contexts]

    @keyword
    def find_incomplete_conversation(
        self, questions: list[Question], arrivals: list[Arrival]
    ) -> tuple[Question | None, Trace | None]:
        """Return the first question that was answered and has no whole trace, and what there is of its trace.

        A context has as many traces as questions: where it has fewer, those whose roots show their questions
        are not the ones that lack theirs. Two times None where all are whole, and where as many traces came
        as questions were answered: then sessions are mixed, and none is missing.
        """
        asked = Counter(question.context_id for question in questions if not question.failure)
        for question in questions:
            found = [arrival for arrival in arrivals if question.context_id in _sessions(arrival)]
            unfinished = [arrival.trace for arrival in found if not arrival.whole_at]
            lacks = (
                len(arrivals) < asked.total()
                and len(found) < asked[question.context_id]
                and not any(
                    question.text in str(root.attributes.get("input.value"))
                    for arrival in found
                    for root in arrival.trace.roots
                )
            )
            if not question.failure and (unfinished or lacks):
                return question, unfinished[0] if unfinished else None
        return None, None

    @keyword
    def turns_should_have_their_own_traces(
        self,
        questions: list[Question],
        arrivals: list[Arrival],
        canaries: list[list[str]],
        contract: Contract,
        why: str = "",
    ) -> None:
        """Fail unless the traces of one context are its turns, in order: one each, about that turn alone.

        `canaries` has a list of them for each turn. `why` is the verdict about a trace that is not whole.
        """
        if len(arrivals) != len(questions):
            what = (
                f"Context {questions[0].context_id} has {counted(len(questions), 'turn')} and "
                f"{counted(len(arrivals), 'trace')}, expected one trace a turn."
            )
            raise AssertionError(_after_verdict(why, what))
        ways: dict[str, list[str]] = {}
        for number, (question, arrival) in enumerate(zip(questions, arrivals, strict=True), 1):
            judgement = judge(contract, arrival.trace, expect(question, canaries[number - 1], 1))
            note_findings(contract, arrival.trace, judgement)
            for finding in judgement.findings:
                where = f"turn {number} (trace {arrival.trace.trace_id})"
                ways.setdefault(finding.rule, []).append(f"{where}: {finding}")
        if ways:
            what = f"The traces of {counted(len(questions), 'turn')} break contract {contract.name}"
            lines = [_first_of(found, "turn") for found in ways.values()]
            raise AssertionError(_after_verdict(why, listed(what, lines)))


def _after_verdict(why: str, what: str) -> str:
    """Return what is wrong, after the verdict that explains it, if there is one."""
    return f"{why}\n{what}" if why else what


def _first_of(found: Sequence[str], noun: str) -> str:
    """Return the first of what was found in the same way, and in how many others of a noun it was found."""
    others = f"; the same in {counted(len(found) - 1, f'other {noun}')}" if len(found) > 1 else ""
    return f"{found[0]}{others}"


def evaluate_conversations(
    questions: Sequence[Question],
    arrivals: Sequence[Arrival],
    canaries: Mapping[str, Sequence[str]],
    contract: Contract,
) -> list[ConversationResult]:
    """Return what came of each question, in their order."""
    every = {canary for found in canaries.values() for canary in found}
    results = []
    for question in questions:
        own = canaries[question.context_id]
        found = [arrival for arrival in arrivals if question.context_id in _sessions(arrival)]
        problems, judgement = _answer_problems(question, own, every), Judgement()
        if len(found) != 1 and (found or not question.failure):
            problems.append(
                Problem(
                    "several traces of its session" if found else "no trace of its session",
                    f"has {counted(len(found), 'trace')} of its session {question.context_id}, expected 1",
                )
            )
        elif found:
            judgement = judge(contract, found[0].trace, expect(question, own, tool_calls=1))
            problems += _trace_problems(found[0], judgement)
        trace = found[0].trace if found else None
        trace_id = trace.trace_id if trace else None
        whole_at = found[0].whole_at if found else None
        seconds = None if whole_at is None else max(0.0, whole_at - question.answered_at)
        results.append(ConversationResult(question, trace_id, seconds, problems, trace, judgement))
    return results


def foreign_traces(questions: Sequence[Question], arrivals: Sequence[Arrival]) -> list[Problem]:
    """Return the problem of each trace that mixes sessions, or is of none of the questions."""
    asked = {question.context_id for question in questions}
    problems = []
    for arrival in arrivals:
        sessions = _sessions(arrival)
        trace = f"Trace {arrival.trace.trace_id}"
        names = named(f"{name} ({counted(number, 'span')})" for name, number in sorted(sessions.items()))
        if len(sessions) > 1:
            problems.append(Problem("mixed", f"{trace} mixes {len(sessions)} sessions: {names}"))
        elif not sessions.keys() & asked:
            problems.append(Problem("foreign", f"{trace} is foreign, its session is {names or 'missing'}"))
    return problems


def summary(results: Sequence[ConversationResult], foreign: Sequence[Problem]) -> str:
    """Return how many conversations have which kind of problem, and the first; then a line for each other."""
    details = [problem.text for problem in foreign[:SHOWN]]
    kinds: dict[str, dict[str, str]] = {}  # by kind and context, its first problem
    for result in results:
        for problem in result.problems:
            found = kinds.setdefault(problem.kind, {})
            found.setdefault(result.question.context_id, f"{result.question.text} {problem.text}")
    details += [_first_of(list(found.values()), "conversation") for found in kinds.values()]
    return in_lines(f"{_headline(results, foreign)} First", details)


def _headline(results: Sequence[ConversationResult], foreign: Sequence[Problem]) -> str:
    parts = []
    for kind, number in Counter(problem.kind for problem in foreign).items():
        parts.append(f"{counted(number, 'trace')} {_FOREIGN[kind][number > 1]}")
    bad = [result for result in results if result.problems]
    if bad:
        kinds = Counter(
            kind for result in bad for kind in dict.fromkeys(each.kind for each in result.problems)
        )
        listed = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
        parts.append(f"{len(bad)} of {counted(len(results), 'conversation')} failed: {listed}")
    elif len(results) == 1:
        parts.append("the conversation passed on its own")
    else:
        parts.append(f"all {len(results)} conversations passed on their own")
    return f"{'; '.join(parts)}."


def table(results: Sequence[ConversationResult]) -> str:
    """Return an HTML table: a line a question, with its trace's arrival time."""
    titles = ("question", "context", "trace", "arrival time in seconds", "problems")
    lines = [f"<tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>"]
    for result in results:
        seconds = "-" if result.arrival_seconds is None else f"{result.arrival_seconds:.2f}"
        problems = "; ".join(problem.text for problem in result.problems) or "none"
        question = result.question
        texts = (question.text, question.context_id, result.trace_id or "none", seconds, problems)
        lines.append(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in texts)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _answer_problems(question: Question, own: Sequence[str], every: set[str]) -> list[Problem]:
    if question.failure:
        return [Problem("no answer", f"was not answered: {question.failure}")]
    lacks = [
        Problem("answer without its canary", f"was answered without its canary {canary}: {question.answer}")
        for canary in own
        if not is_said(canary, question.answer)
    ]
    return lacks + [
        Problem(
            "answer with a foreign canary",
            f"was answered with another question's canary {canary}: {question.answer}",
        )
        for canary in sorted(every - set(own))
        if is_said(canary, question.answer)
    ]


def _trace_problems(arrival: Arrival, judgement: Judgement) -> list[Problem]:
    trace_id = arrival.trace.trace_id
    problems = [Problem(finding.rule, f"(trace {trace_id}) {finding}") for finding in judgement.findings]
    if not arrival.whole_at:
        problems.append(Problem("trace not whole", "has a trace that was never seen whole"))
    return problems


def _sessions(arrival: Arrival) -> Counter[str]:
    """Return how many spans of a trace carry each session."""
    return Counter(span.session for span in arrival.trace.spans if span.session is not None)
