"""Traces of any length are judged: the work for each span stays the same, and many violations are counted."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from cProfile import Profile
from dataclasses import replace
from functools import cache

import pytest

from contracts.contract import Contract
from contracts.evaluation import Expectation
from contracts.judgement import Judgement, judge
from contracts.report import MOST_LINES, MOST_OF_RULE, describe, describe_violations, tree
from harness.bench.long_traces import lengthen, without_sessions
from tests.contracts.mutations import KEY, MS, Mutation, everywhere, exception
from tests.contracts.recordings import CONTRACTS, recorded, shared_contract
from traces.model import Span, Trace

RECORDING = next(each for each in recorded("one-tool") if each.trace.backend == "mlflow")
SHORT, LONG = 50, 200  # spans
MOST = 1.25  # times as much work for a span of the long trace as for one of the short trace
LONGEST_LINE = 1500  # characters


def without_search(contract: Contract) -> Contract:
    """Return a contract that looks for nothing in all texts, which is most of the work for a span."""
    kept = {name: rules for name, rules in contract.sections.items() if name not in ("secrets", "canaries")}
    return replace(contract, sections=kept)


def attribute_of_all(name: str, value: object) -> Mutation:
    """Set an attribute of every span."""
    return everywhere(lambda span: replace(span, attributes={**span.attributes, name: value}))


def chained(trace: Trace) -> Trace:
    """Hang each span below the one before."""
    spans = [
        replace(span, parent_id=above.span_id)
        for above, span in zip(trace.spans, trace.spans[1:], strict=False)
    ]
    return replace(trace, spans=(trace.spans[0], *spans))


def of_the_tools_server(trace: Trace) -> Trace:
    """Let the tool's server have made the tool spans."""
    return everywhere(
        lambda span: (
            replace(span, kind=None, name="get_weather:tools/call get_weather")
            if span.kind == "TOOL" and int(span.span_id, 16) % 2
            else span
        )
    )(trace)


def overflowed(span: Span) -> Span:
    """Fill a span's attributes up to its SDK's limit, and let it lack its session."""
    others = {key: value for key, value in span.attributes.items() if not key.startswith("session")}
    sent = {key.partition(".")[0] if key.startswith("metadata.") else key for key in others}
    number = 128 - len({key for key in sent if not key.startswith("mlflow.")})
    return replace(span, attributes={**others, **{f"a{place}": 1 for place in range(number)}})


WHOLE = shared_contract(CONTRACTS / "shared" / "weather.yaml")
WEATHER = without_search(WHOLE)
SERVER = without_search(
    shared_contract(CONTRACTS / "public-weather-one-tool.yaml", ("unfiltered", "tool-server"))
)
DAMAGES: dict[str, tuple[Mutation, Contract]] = {
    "none": (lambda trace: trace, WEATHER),
    "no session": (without_sessions, WEATHER),
    "same times": (everywhere(lambda span: replace(span, start_ns=MS, end_ns=MS)), WEATHER),
    "an hour ahead": (everywhere(lambda span: replace(span, start_ns=span.start_ns + MS)), WEATHER),
    "ends before it starts": (everywhere(lambda span: replace(span, end_ns=span.start_ns - MS)), WEATHER),
    "every span failed": (everywhere(lambda span: replace(span, status="ERROR")), WEATHER),
    "exceptions": (everywhere(lambda span: replace(span, events=exception(type="E", message="no"))), WEATHER),
    "no parent": (everywhere(lambda span: replace(span, parent_id=None)), WEATHER),
    "parent missing": (everywhere(lambda span: replace(span, parent_id="f" * 16)), WEATHER),
    "every span twice": (lambda trace: replace(trace, spans=trace.spans * 2), WEATHER),
    "no kind": (everywhere(lambda span: replace(span, kind=None)), WEATHER),
    "all model calls": (everywhere(lambda span: replace(span, kind="LLM")), WEATHER),
    "question in the names": (
        everywhere(lambda span: replace(span, name=f"{RECORDING.expectation.question} {span.span_id}")),
        WEATHER,
    ),
    "no attributes": (everywhere(lambda span: replace(span, attributes={})), WEATHER),
    "attributes dropped": (everywhere(overflowed), WEATHER),
    "a key in each span": (attribute_of_all("note", KEY), WHOLE),
    "a foreign canary in each span": (attribute_of_all("note", "WX-FFFFFFFF"), WHOLE),
    "one input": (attribute_of_all("input.value", "a text that no model asked for"), WEATHER),
    "one output": (attribute_of_all("output.value", "a text that no tool answered"), WEATHER),
    "other tokens": (attribute_of_all("llm.token_count.prompt", 1), WEATHER),
    "spans of the tool's server": (of_the_tools_server, SERVER),
}


@contextmanager
def counted_calls() -> Iterator[Callable[[], int]]:
    """Count the calls of functions meanwhile: a measure of work that does not depend on the machine."""
    profile = Profile()
    with profile:
        yield lambda: sum(entry.callcount for entry in profile.getstats())


@cache
def judge_damaged(damage: str, spans: int) -> tuple[Judgement, int]:
    """Return the judgement of a long trace with a damage, and how many calls of functions it took."""
    mutate, contract = DAMAGES[damage]
    trace, canaries = lengthen(RECORDING.trace, spans)
    known = RECORDING.expectation
    expectation = Expectation(known.session, known.question, canaries, len(canaries), known.times)
    mutated = mutate(trace)
    with counted_calls() as calls:
        judgement = judge(contract, mutated, expectation)
    return judgement, calls()


def test_a_long_trace_is_as_good_as_the_recorded_one() -> None:
    trace, canaries = lengthen(RECORDING.trace, SHORT)
    assert len(trace.spans) == len(trace.by_id) == SHORT
    assert len(set(canaries)) == len(trace.of_kind("TOOL"))
    assert trace.is_whole
    assert judge_damaged("none", SHORT)[0] == Judgement()


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_work_for_a_span_does_not_grow_with_the_trace(damage: str) -> None:
    _, short = judge_damaged(damage, SHORT)
    judgement, long = judge_damaged(damage, LONG)
    assert long / LONG <= MOST * short / SHORT
    assert bool(judgement.violations) == (damage != "none")


@pytest.mark.parametrize("damage", DAMAGES)
def test_many_violations_are_counted(damage: str) -> None:
    judgement, _ = judge_damaged(damage, LONG)
    for finding in judgement.findings:
        assert len(str(finding)) < LONGEST_LINE, str(finding)
    rules = {violation.rule for violation in judgement.violations}
    lines = describe_violations(judgement.violations).splitlines()
    assert len(lines) <= 1 + len(rules) * (MOST_OF_RULE + 1)
    assert all(len(line) < LONGEST_LINE for line in lines)


def test_a_violation_on_each_span_is_one_finding_that_counts_them() -> None:
    judgement, _ = judge_damaged("no session", LONG)
    agent, others = map(str, judgement.findings)
    assert agent.startswith("attributes.AGENT.session.id: ")
    assert others.endswith(f"; the same at {LONG - 2} other spans")
    assert describe_violations(judgement.violations).splitlines()[-1] == (
        f"and {LONG - MOST_OF_RULE} more of attributes.*.session.id"
    )


def test_a_long_or_deep_trace_is_shown_in_part() -> None:
    trace, _ = lengthen(RECORDING.trace, 5000)
    for shown in (trace, chained(trace)):
        lines = tree(shown).splitlines()
        assert len(lines) == MOST_LINES + 1
        assert lines[-1] == "… and more spans"
    orphans = everywhere(lambda span: replace(span, parent_id="f" * 16))(trace)
    assert len(describe(orphans)) < LONGEST_LINE


def test_a_long_trace_is_written_in_a_few_words() -> None:
    trace, _ = lengthen(RECORDING.trace, LONG)
    assert repr(trace) == f"Trace({trace.trace_id} in mlflow, spans: {LONG}, state: OK)"


def test_every_round_has_texts_of_its_own() -> None:
    """Else a memory for texts would be faster in the benchmark than it is for real traces."""
    trace, _ = lengthen(RECORDING.trace, SHORT)
    of_rounds = [span for span in trace.spans if span.name in ("assistant", "tools")]
    assert len({span.attributes["metadata"] for span in of_rounds}) == len(of_rounds)
    assert len({span.attributes["output.value"] for span in of_rounds}) == len(of_rounds)


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_garbage_collector_is_afterwards_as_it_was(
    was_enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        assert not gc.isenabled()
        raise RuntimeError

    monkeypatch.setattr("contracts.judgement.find_violations", fail)
    try:
        if not was_enabled:
            gc.disable()
        with pytest.raises(RuntimeError):
            judge(WHOLE, RECORDING.trace, RECORDING.expectation)
        assert gc.isenabled() == was_enabled
    finally:
        gc.enable()
