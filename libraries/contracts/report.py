"""Shows traces in the log as people read them, evaluates contracts, and compares what two backends hold."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from robot.api import logger
from robot.api.deco import keyword, library

from agent.client import Question
from contracts.contract import Contract
from contracts.evaluation import Evaluation, Expectation, Violation, expect
from contracts.findings import note_findings
from contracts.judgement import judge
from contracts.rules.structure import demanded_spans, has_demanded_spans, least_spans
from contracts.rules.tokens import sum_tokens
from messages import counted, in_lines, listed, named
from traces.backends import BACKENDS
from traces.comparison import compare, differences, table
from traces.model import Span, Trace
from traces.text import contains, content, texts_in

LONGEST = 160  # characters of an input or output in a tree
MOST_LINES = 1000  # of a tree
MOST_OF_RULE = 20  # violations of one rule in the log


@library(scope="GLOBAL")
class TraceReport:
    """Logs a trace as an indented tree, evaluates its contract, and compares it with another backend's."""

    @keyword
    def log_trace(self, trace: Trace) -> None:
        """Log the trace as a tree: name, kind, duration, status, and what went in and came out."""
        logger.info(f"<pre>{html.escape(tree(trace))}</pre>", html=True)

    @keyword
    def describe_trace(self, trace: Trace) -> str:
        """Return in one line how many spans, roots and tokens a trace has, its orphans and its state."""
        return describe(trace)

    @keyword
    def find_spans(self, trace: Trace, selector: str) -> list[Span]:
        """Return the spans that a contract's selector means, such as `ANY_LLM`, earliest first."""
        return list(Evaluation(trace, Expectation("", "")).select(selector))

    @keyword
    def select_texts_of_span(self, span: Span, *texts: str) -> list[str]:
        """Return those of the texts that stand in a span's input or output."""
        own = [text for part in ("input", "output") for text in texts_in(span, part)]
        return [text for text in texts if contains(own, text)]

    @keyword
    def count_spans_that_contract_demands(self, contract: Contract, tool_calls: int) -> int:
        """Return how many spans the trace of a question with so many tool calls must have."""
        return demanded_spans(contract, Expectation("", "", tool_calls=tool_calls))

    @keyword
    def count_spans_that_contract_demands_at_least(self, contract: Contract, tool_calls: int) -> int:
        """Return how many spans the trace of a question with so many tool calls has at least."""
        return least_spans(contract, Expectation("", "", tool_calls=tool_calls))

    @keyword
    def get_arrival_check(self, contract: Contract, tool_calls: int) -> Callable[[Trace], bool]:
        """Return a function that says whether a trace has at least as many spans of each kind as demanded."""
        expectation = Expectation("", "", tool_calls=tool_calls)
        return lambda trace: has_demanded_spans(contract, trace, expectation)

    @keyword
    def trace_should_fulfil_contract(
        self,
        trace: Trace,
        contract: Contract,
        question: Question,
        canaries: list[str],
        tool_calls: int | None = None,
    ) -> None:
        """Fail with what breaks the trace contract, one line a cause: rule, span path, expected, seen.

        The log has the violations of every rule, also those that follow from another, and how many they are.
        """
        expectation = expect(question, canaries, tool_calls)
        judgement = judge(contract, trace, expectation)
        note_findings(contract, trace, judgement)
        if judgement.findings:
            logger.info(describe_violations(judgement.violations))
            what = (
                f"Trace {trace.trace_id} in {BACKENDS[trace.backend].title} breaks contract {contract.name}"
            )
            raise AssertionError(listed(what, list(map(str, judgement.findings))))
        logger.info(f"Fulfils the contract {contract.name!r}: {contract.description}")

    @keyword
    def traces_should_have_the_same_spans(
        self, one: Trace, other: Trace, copied: Mapping[str, Mapping[str, Sequence[str]]]
    ) -> None:
        """Log both backends' spans as a table; fail with every difference that is not by nature.

        What is compared: see `traces.comparison.compare`; what differs by nature: `traces.backends`, and
        `copied`, the attributes that a backend's pipeline copies (`Get Copied Attributes`).
        """
        rows = compare(one, other, copied)
        logger.info(table(rows, one, other), html=True)
        found = differences(rows, one, other)
        if found:
            titles = f"{BACKENDS[one.backend].title} and {BACKENDS[other.backend].title}"
            what = f"Trace {one.trace_id} has {counted(len(found), 'difference')} between {titles}"
            raise AssertionError(in_lines(what, found))


def describe_violations(violations: Sequence[Violation]) -> str:
    """Return how many violations there are, and a line for each; of a rule with many the first ones."""
    lines = [f"{counted(len(violations), 'violation')}:"]
    of_rules: Counter[str] = Counter()
    for violation in violations:
        of_rules[violation.rule] += 1
        if of_rules[violation.rule] <= MOST_OF_RULE:
            lines.append(str(violation))
    lines += [
        f"and {number - MOST_OF_RULE} more of {rule}"
        for rule, number in of_rules.items()
        if number > MOST_OF_RULE
    ]
    return "\n".join(lines)


def describe(trace: Trace) -> str:
    """Return a trace in one line; its tokens are the backend's sum, or the LLM spans' where it has none."""
    orphans = f"orphans {named(span.name for span in trace.orphans)}" if trace.orphans else "no orphan"
    tokens = trace.tokens or sum_tokens(trace.of_kind("LLM"))
    return (
        f"{counted(len(trace.spans), 'span')} in {BACKENDS[trace.backend].title}, "
        f"{counted(len(trace.roots), 'root')}, {orphans}, tokens "
        f"{tokens['prompt']} + {tokens['completion']} = {tokens['total']}, state {trace.state or 'not kept'}"
    )


def tree(trace: Trace) -> str:
    """Return the trace as indented lines: the roots and what is below them, then the orphans.

    Of a long trace these are the first MOST_LINES.
    """
    lines = list(islice(_lines(trace), MOST_LINES + 1))
    return "\n".join(lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], "… and more spans"])


def _lines(trace: Trace) -> Iterator[str]:
    state = f", state {trace.state}" if trace.state else ""
    title = BACKENDS[trace.backend].title
    yield f"{trace.trace_id} in {title}: {counted(len(trace.spans), 'span')}{state}"
    for root in trace.roots:
        yield from _branch(trace, root, 1)
    for orphan in trace.orphans:
        yield f"  ORPHAN, its parent {orphan.parent_id} is missing:"
        yield from _branch(trace, orphan, 2)


def _branch(trace: Trace, top: Span, depth: int) -> Iterator[str]:
    """Yield the lines of a span and of all below it, however deep that goes."""
    waiting = [(top, depth)]
    while waiting:
        span, depth = waiting.pop()
        yield from _lines_of(span, "  " * depth)
        waiting += [(child, depth + 1) for child in reversed(trace.children(span))]


def _lines_of(span: Span, indent: str) -> Iterator[str]:
    milliseconds = (span.end_ns - span.start_ns) / 1e6
    why = f" {span.status_message}" if span.status_message else ""
    yield f"{indent}{span.name} [{span.kind}] {milliseconds:.0f} ms {span.status}{why}"
    if span.kind in {"AGENT", "LLM", "TOOL"}:
        for part, arrow in (("input", "<-"), ("output", "->")):
            for text in content(span, part):
                flat = " ".join(text.split())
                yield f"{indent}    {arrow} {flat[:LONGEST]}{'…' if len(flat) > LONGEST else ''}"
