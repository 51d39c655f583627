"""One cause is one finding, whatever follows from it; two causes are two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.judgement import Finding, judge
from tests.contracts.mutations import (
    MS,
    Mutation,
    attribute,
    below,
    both,
    changed,
    computed,
    cut,
    edited,
    everywhere,
    exception,
    lost,
    removed,
    without_canary,
)
from tests.contracts.recordings import recorded, shared_contract

HOUR_AHEAD = everywhere(
    lambda span: replace(span, start_ns=span.start_ns + 3_600_000 * MS, end_ns=span.end_ns + 3_600_000 * MS)
)
ROOT_ENDS_EARLY = computed("AGENT", lambda _, span: {"end_ns": span.start_ns + 5 * MS})
MODEL_FAILED = both(
    *(
        changed(what, status="ERROR", events=exception(type="E", message="no"))
        for what in ("AGENT", "CHAIN:LangGraph", "CHAIN:assistant", "LLM")
    ),
    lost("LLM", "output"),
    lost("LLM", "llm.output"),
    lost("LLM", "llm.token_count"),
    lambda trace: replace(trace, state="ERROR", tokens=None),
)


def findings(name: str, mutate: Mutation) -> list[Finding]:
    recording = recorded(name)[0]
    contract = shared_contract(recording.contract)
    return judge(contract, mutate(recording.trace), recording.expectation).findings


@pytest.mark.parametrize(
    ("defect", "mutate", "rule", "follow"),
    [
        ("root ends early", ROOT_ENDS_EARLY, "time.outside-parent", 9),
        ("root removed", removed("AGENT"), "roots.count", 11),
        ("graph removed", removed("CHAIN:LangGraph"), "orphans.allowed", 12),
        ("no span has a kind", everywhere(lambda span: replace(span, kind=None)), "counts.other", 12),
        ("every text cut", cut(256), "patterns.attributes-cut", 5),
        (
            "no span takes time",
            everywhere(lambda span: replace(span, end_ns=span.start_ns)),
            "patterns.same-times",
            17,
        ),
        (
            "question in the names",
            everywhere(lambda span: replace(span, name=f"{span.attributes.get('input.value')}")),
            "patterns.names-carry-question",
            5,
        ),
        ("answer lost", lost("AGENT", "output"), "attributes.AGENT.output.value", 2),
        ("session lost on the agent", lost("AGENT", "session"), "attributes.AGENT.session.id", 2),
        (
            "prompt's tokens lost",
            lost("LLM 1", "llm.token_count.prompt"),
            "attributes.LLM.llm.token_count.prompt",
            3,
        ),
        (
            "canary changed on its way",
            edited("LLM 2", "llm.input_messages.3.message.contents.0.message_content.text", without_canary),
            "canaries.foreign",
            2,
        ),
        ("tool below a model call", below("TOOL", "LLM 1"), "tree.tool-below-tools", 2),
        ("model call removed", removed("LLM 2"), "counts.LLM", 5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_defect_is_one_finding(defect: str, mutate: Mutation, rule: str, follow: int) -> None:
    (found,) = findings("one-tool", mutate)
    assert (defect, found.rule, len(found.consequences)) == (defect, rule, follow), str(found)


def test_a_model_that_fails_is_one_finding_at_its_call() -> None:
    (found,) = findings("no-tool", MODEL_FAILED)
    assert found.rule == "status.*"
    assert str(found).startswith("status.*: invoke_agent weather-assistant > LangGraph > assistant > Chat")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ROOT_ENDS_EARLY, attribute("LLM 1", "llm.model_name", "gpt-9")),
        (cut(256), changed("TOOL", status="ERROR", events=exception(type="E", message="no"))),
        (lost("AGENT", "output"), edited("LLM 1", "llm.token_count.total", lambda count: count + 1)),
        (removed("CHAIN:tools_condition"), lost("LLM 1", "input.mime_type")),
        (below("LLM 1", "AGENT"), lost("TOOL", "session.id")),
        (HOUR_AHEAD, edited("AGENT", "output.value", lambda text: text[:-5])),
        (removed("CHAIN:LangGraph"), changed("TOOL", kind="EMBEDDING")),
        (changed("CHAIN:tools_condition", kind=None), lost("TOOL", "tool.name")),
        (MODEL_FAILED, attribute("CHAIN:assistant", "db.password", "plain")),
    ],
)
def test_two_defects_are_two_findings(one: Mutation, other: Mutation) -> None:
    name = "no-tool" if one is MODEL_FAILED else "one-tool"
    rules = {found.rule for mutation in (one, other) for found in findings(name, mutation)}
    assert {found.rule for found in findings(name, both(one, other))} == rules
    assert len(rules) == 2


def test_a_finding_says_how_often_and_what_comes_with_it() -> None:
    (found,) = findings(
        "one-tool",
        everywhere(lambda span: replace(span, attributes={**span.attributes, "user.id": span.span_id})),
    )
    assert str(found).endswith("; the same at 8 other spans")
    (found,) = findings("one-tool", ROOT_ENDS_EARLY)
    assert str(found).endswith("; with it 9 more violations (9 time.outside-root)")


def test_every_violation_stays_known() -> None:
    recording = recorded("one-tool")[0]
    trace = removed("AGENT")(recording.trace)
    judgement = judge(shared_contract(recording.contract), trace, recording.expectation)
    assert len(judgement.findings) == 1
    assert len(judgement.violations) == 12
