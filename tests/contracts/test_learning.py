"""A learned contract holds in its own traces, finds defects in others, and copies nothing private."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.client import Question
from contracts.contract import Contract, load_contract
from contracts.evaluation import Expectation, as_sent
from contracts.judgement import judge
from contracts.learning import LearnedContract, Learning, learn_contract
from contracts.rules.structure import demanded_spans, least_spans
from contracts.samples import Sample
from contracts.selectors import ContractError
from tests.contracts import otlp_json
from tests.contracts.mutations import (
    KEY,
    Mutation,
    added,
    attribute,
    below,
    changed,
    edited,
    everywhere,
    lost,
    moved,
    pick,
    removed,
)
from tests.contracts.recordings import TESTS, Recording, recordings
from traces.model import Span, Trace

NAMED = {recording.name: recording for recording in recordings()}
EARLY = TESTS / "recorded" / "climate" / "root-ends-early.otlp.jsonl"
QUESTION = "What is the weather in Paris?"


def sample(recording: Recording) -> Sample:
    """Return a recording as a sample; its answer is what the root says."""
    known, trace = recording.expectation, as_sent(recording.trace)
    (root, *_) = trace.roots
    return Sample(
        Question(known.question, known.session, str(root.attributes["output.value"]), "", 0, 1), trace
    )


def recorded(*names: str) -> list[Sample]:
    """Return the samples of recordings of the climate agent, each from both backends."""
    return [sample(NAMED[f"climate/{name}.{kind}.json"]) for name in names for kind in ("mlflow", "phoenix")]


SETS = {
    "the same question twice": recorded("openinference", "openinference-again"),
    "two questions": recorded("openinference", "openinference-another"),
    "with and without a tool": recorded("openinference", "openinference-no-tool"),
    "without kinds": recorded("genai", "genai-again"),
    "one backend": recorded("openinference", "openinference-again")[::2],
    "Phoenix alone, without kinds": recorded("genai", "genai-again")[1::2],
    "another agent": [sample(NAMED[f"own/one-tool.{backend}.json"]) for backend in ("mlflow", "phoenix")],
    "orphans": [sample(NAMED["public/01-send-v03.otlp.jsonl"])] * 2,
    "doubled tokens": [
        replace(each, trace=NAMED["public/01-send-v03.otlp.jsonl"].unfiltered)
        for each in [sample(NAMED["public/01-send-v03.otlp.jsonl"])] * 2
    ],
}


def learned(samples: Sequence[Sample]) -> LearnedContract:
    return learn_contract(samples, "climate-agent", QUESTION, Path("my-agent.yaml"))


def contract(tmp_path: Path, text: str) -> Contract:
    path = tmp_path / "my-agent.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def broken(contract: Contract, each: Sample, trace: Trace | None = None) -> set[str]:
    """Return the rules that a sample's trace, or a changed one of it, breaks."""
    return {violation.rule for violation in judge(contract, trace or each.trace, each.expectation).violations}


@pytest.mark.parametrize("samples", SETS.values(), ids=SETS)
def test_a_learned_contract_is_valid_and_holds_in_its_own_traces(
    tmp_path: Path, samples: list[Sample]
) -> None:
    found = contract(tmp_path, learned(samples).text)
    assert [broken(found, each) for each in samples] == [set()] * len(samples)


def test_what_is_learned_twice_is_the_same() -> None:
    samples = SETS["the same question twice"]
    assert learned(samples).text == learned(samples).text
    sections = yaml.safe_load(learned(samples).text)
    again = yaml.safe_load(learned(recorded("openinference-again", "openinference")).text)
    assert {**sections, "description": ""} == {**again, "description": ""}


def test_it_says_what_was_seen() -> None:
    sections = yaml.safe_load(learned(SETS["the same question twice"]).text)
    assert sections["extends"] == "any-agent.yaml"
    assert sections["roots"] == {"count": 1, "span": "CHAIN:answer question"}
    assert sections["counts"] == {
        "*": 5,
        "CHAIN:answer question": 1,
        "AGENT:invoke_agent climate_assistant": 1,
        "LLM:chat scripted": 2,
        "TOOL:execute_tool get_weather": 1,
    }
    assert (
        "each LLM:chat scripted directly below AGENT:invoke_agent climate_assistant"
        in sections["tree"].values()
    )
    assert sections["time"] == {"outside_parent_ms": 1, "outside_root_ms": 1}
    assert set(sections["order"]) == {"model-asked-first", "model-answers-last"}
    assert sections["tokens"] == {"counted_by": "ANY_LLM", "add_up": True}
    assert sections["status"] == {"*": "OK"}
    assert sections["state"] == "OK"
    assert set(sections["identity"]) == {"session", "conversation", "service"}
    assert {"canary-comes-from-tool", "canary-reaches-answer", "tool-output-reaches-model"} <= set(
        sections["causality"]
    )
    tool = sections["attributes"]["TOOL:execute_tool get_weather"]["required"]
    assert tool["gen_ai.tool.name"] == {"equals": "get_weather"}
    assert tool["gen_ai.tool.call.id"] == {"type": "string", "pattern": "\\S"}
    model = sections["attributes"]["LLM:chat scripted"]["required"]
    assert model["gen_ai.usage.input_tokens"] == {"type": "integer", "minimum": 1}


def test_what_varied_is_left_open_and_said_so() -> None:
    text = learned(SETS["with and without a tool"]).text
    sections = yaml.safe_load(text)
    assert sections["counts"]["LLM:chat scripted"] == {"min": 1}
    assert sections["counts"]["TOOL:execute_tool get_weather"] == {"min": 0}
    assert "*" not in sections["counts"]
    assert "as it varied, of: LLM:chat scripted, TOOL:execute_tool get_weather." in " ".join(
        text.split("\n# ")
    )
    assert "canary-comes-from-tool" not in sections["causality"], "one of the questions has no canary"
    assert "gen_ai.response.finish_reasons" in sections["attributes"]["LLM:chat scripted"]["required"]


def test_kinds_that_backends_do_not_agree_on_are_not_asked_for() -> None:
    sections = yaml.safe_load(learned(SETS["without kinds"]).text)
    assert set(sections["counts"]) == {
        "*",
        "*:answer question",
        "*:invoke_agent climate_assistant",
        "*:chat scripted",
        "*:execute_tool get_weather",
    }


def test_a_question_without_a_tool_teaches_no_canary(tmp_path: Path) -> None:
    found = contract(tmp_path, learned(recorded("openinference-no-tool")).text)
    assert not found.needs_canaries
    assert contract(tmp_path, learned(SETS["the same question twice"]).text).needs_canaries


DEFECTS: list[tuple[str, Mutation, str]] = [
    ("a lost model call", removed("LLM 2"), "counts.LLM:chat scripted"),
    ("a span too many", added("TOOL", lambda *_: {"name": "retry", "kind": "CHAIN"}), "counts.*"),
    ("another name", changed("TOOL", name="execute_tool other"), "counts.TOOL:execute_tool get_weather"),
    ("another kind", changed("TOOL", kind="CHAIN"), "counts.TOOL:execute_tool get_weather"),
    (
        "another parent",
        below("TOOL", "LLM 1"),
        "tree.execute-tool-get-weather-below-invoke-agent-climate-assistant",
    ),
    ("a child that outlasts", moved("TOOL", 60_000), "time.outside-root"),
    (
        "no tool call id",
        lost("TOOL", "gen_ai.tool.call.id"),
        "attributes.TOOL:execute_tool get_weather.gen_ai.tool.call.id",
    ),
    (
        "another tool",
        attribute("TOOL", "gen_ai.tool.name", "other"),
        "attributes.TOOL:execute_tool get_weather.gen_ai.tool.name",
    ),
    ("no session", lost("LLM 1", "session.id"), "identity.session"),
    (
        "another service",
        everywhere(lambda span: replace(span, resource={"service.name": "other"})),
        "identity.service",
    ),
    ("a tool that failed", changed("TOOL", status="ERROR"), "status.*"),
    ("tokens on the tool", attribute("TOOL", "gen_ai.usage.input_tokens", 7), "tokens.counted-by"),
    (
        "an answer of one's own",
        attribute("CHAIN", "output.value", "sunny"),
        "causality.model-output-is-the-answer",
    ),
    (
        "a model that does not get the tool's output",
        edited("LLM 2", "gen_ai.input.messages", lambda text: text.replace("CL-", "XX-")),
        "causality.tool-output-reaches-model",
    ),
    ("an ERROR of the trace", lambda trace: replace(trace, state="ERROR"), "state.trace"),
]


@pytest.mark.parametrize(
    ("mutation", "rule"), [each[1:] for each in DEFECTS], ids=[each[0] for each in DEFECTS]
)
def test_a_learned_contract_finds_a_defect(tmp_path: Path, mutation: Mutation, rule: str) -> None:
    (good, *_) = SETS["the same question twice"]
    found = contract(tmp_path, learned(SETS["the same question twice"]).text)
    assert rule in broken(found, good, mutation(good.trace))


def test_a_root_that_ends_too_early_is_found_by_what_was_learned(tmp_path: Path) -> None:
    """The universal contract sees an answer that is missing on the root, and not why."""
    (trace,) = otlp_json.read_file(EARLY)
    canary = pick(trace, "TOOL").attributes["output.value"].rpartition(" ")[2]
    expectation = Expectation(str(trace.roots[0].session), QUESTION, [canary])
    found = contract(tmp_path, learned(SETS["the same question twice"]).text)
    first = judge(found, trace, expectation).violations[0]
    assert first.rule == "time.outside-parent"
    assert first.expected.startswith("at most 1 ms outside answer question")
    assert "time.outside-parent" not in {
        each.rule for each in judge(load_contract("any-agent.yaml"), trace, expectation).violations
    }


def everywhere_said(name: str, value: object) -> list[Sample]:
    """Return the samples with an attribute on every tool span."""
    return [
        replace(each, trace=attribute("TOOL", name, value)(each.trace))
        for each in SETS["the same question twice"]
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tool.owner", "jane.doe@example.com"),
        ("user.name", "Jane Doe"),
        ("customer", "Doe Ltd"),
        ("db.password", "letmein"),
        ("http.header", f"Bearer {KEY}"),
        ("request", KEY),
        ("tool.instance", "4f0c1f9e-9d0a-4b52-8f1e-1a2b3c4d5e6f"),
        ("server.peer", "10.244.0.17"),
        ("asked.city", "Paris"),
    ],
)
def test_nothing_that_is_private_or_other_each_time_is_copied(name: str, value: str) -> None:
    text = learned(everywhere_said(name, value)).text
    assert value not in text.replace(QUESTION, "")
    assert name in text


def test_a_private_question_is_not_written_down() -> None:
    asked = "Where does jane.doe@example.com live?"
    samples = [
        replace(each, question=replace(each.question, text=asked)) for each in SETS["the same question twice"]
    ]
    text = learn_contract(samples, "climate-agent", asked, Path("my-agent.yaml")).text
    assert "jane.doe" not in text
    assert "2 x (not shown)" in text


def test_a_secret_in_the_traces_stays_a_violation_and_is_said(tmp_path: Path) -> None:
    samples = everywhere_said("request", KEY)
    found = learned(samples)
    assert KEY not in found.text
    assert found.doubts == [
        "The contract fails until no secret leaks into the traces: "
        "answer question > invoke_agent climate_assistant > execute_tool get_weather (secrets.api-key)."
    ]
    assert broken(contract(tmp_path, found.text), samples[0]) == {"secrets.api-key"}


def test_a_rule_of_every_agent_that_the_traces_break_is_waived_and_said() -> None:
    found = learned(SETS["doubled tokens"])
    assert yaml.safe_load(found.text)["without"] == ["tokens.counted_once"]
    (doubt,) = found.doubts
    assert doubt.startswith("2 violations of any-agent, which the contract does without: tokens.doubled: ")


def test_an_answer_without_the_tools_values_is_said() -> None:
    samples = [
        replace(each, question=replace(each.question, answer="It is fine."))
        for each in SETS["the same question twice"][:1]
    ]
    found = learned(samples)
    (doubt,) = found.doubts
    assert doubt.startswith(
        "No canary is followed. The model did not use its tool: the answer says none of the "
    )
    assert not any("canar" in name for name in yaml.safe_load(found.text)["causality"])
    assert learned(recorded("openinference-no-tool")).doubts == []


def test_an_agent_that_counts_no_tokens_is_not_asked_for_them() -> None:
    samples = [
        replace(each, trace=replace(each.trace, tokens=None))
        for each in everywhere_without(
            "gen_ai.usage.", "llm.token_count.", "gen_ai.aggregated_usage.", "mlflow.chat"
        )
    ]
    assert "tokens" not in yaml.safe_load(learned(samples).text)


def everywhere_without(*prefixes: str) -> list[Sample]:
    """Return the samples without attributes whose names begin so."""

    def change(span: Span) -> Span:
        kept = {key: value for key, value in span.attributes.items() if not key.startswith(prefixes)}
        return replace(span, attributes=kept)

    return [replace(each, trace=everywhere(change)(each.trace)) for each in SETS["the same question twice"]]


def test_an_orphan_that_every_trace_has_is_allowed() -> None:
    found = learned(SETS["orphans"])
    assert yaml.safe_load(found.text)["orphans"] == {"allowed": ["CHAIN:LangGraph"]}
    assert found.doubts == []


@pytest.mark.parametrize(
    ("name", "selector"),
    [
        ("call 4f0c1f9e9d0a4b52", "TOOL:call *"),
        ("run 2026-11-26", "TOOL:run *"),
        ("mail jane.doe@example.com", "TOOL:*"),
        ("tools[get_weather]", "TOOL:tools?get_weather?"),
        ("what is below it", "TOOL:what is?below?it"),
        (f"ask {QUESTION}", "TOOL:ask *"),
    ],
)
def test_what_is_other_each_time_in_a_name_is_left_open(tmp_path: Path, name: str, selector: str) -> None:
    samples = [
        replace(each, trace=changed("TOOL", name=name)(each.trace))
        for each in SETS["the same question twice"]
    ]
    text = learned(samples).text
    assert yaml.safe_load(text)["counts"][selector] == 1
    assert broken(contract(tmp_path, text), samples[0]) == set()


def test_a_learned_contract_says_how_many_spans_there_are(tmp_path: Path) -> None:
    fixed = contract(tmp_path, learned(SETS["the same question twice"]).text)
    known: Any = Expectation("", "")
    assert (demanded_spans(fixed, known), least_spans(fixed, known)) == (5, 5)
    open_ = contract(tmp_path, learned(SETS["with and without a tool"]).text)
    assert least_spans(open_, known) == 3
    with pytest.raises(ContractError, match="its spans cannot be counted"):
        demanded_spans(open_, known)


def test_a_file_is_written_once_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "my-agent.yaml"
    answered = [(each.question, each.trace) for each in SETS["the same question twice"]]
    said = Learning().write_learned_contract(path, "climate-agent", QUESTION, answered)
    assert said == f"{path} says what 4 traces in MLflow and Phoenix of 2 answered questions have in common."
    with pytest.raises(ContractError, match=r"my-agent\.yaml cannot be written: File exists\."):
        Learning().write_learned_contract(path, "climate-agent", QUESTION, answered)
    path.write_text("old", encoding="utf-8")
    Learning().write_learned_contract(path, "climate-agent", QUESTION, answered, overwrite=True)
    assert load_contract(path).name == "my-agent"


def test_a_trace_has_settled_when_no_span_came_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("contracts.learning.time.monotonic", lambda: now[0])
    has_settled, whole = Learning().get_settled_check(3), SETS["one backend"][0].trace
    part = replace(whole, spans=whole.spans[:2])
    seen = []
    for now[0], trace in ((0, part), (2, part), (2.5, whole), (5, whole), (5.5, whole)):
        seen.append(has_settled(trace))
    assert seen == [False, False, False, False, True]
