"""What a replay sends: the recording under other ids and sessions, and whole without the A2A SDK's spans."""

from __future__ import annotations

import pytest

from contracts.evaluation import Expectation
from contracts.judgement import evaluate
from contracts.report import describe
from harness.proofs.recordings.replays import PUBLIC, Replay, Replays
from tests.contracts import otlp_json
from tests.contracts.recordings import CONTRACTS, filtered, shared_contract
from traces.model import Trace

NAMES = sorted(file.name.removesuffix(".otlp.jsonl") for file in PUBLIC.glob("*.otlp.jsonl"))


def sent(replay: Replay) -> Trace:
    """Return the trace that a replay sends, as the collector's filter leaves it."""
    (trace,) = otlp_json.read_lines([replay.body])
    return filtered(trace)


def violations(replay: Replay, layers: tuple[str, ...]) -> list[str]:
    asked = {key: value for key, value in replay.known.items() if key not in ("contract", "layers")}
    question = Expectation(**asked)
    rules = shared_contract(CONTRACTS / f"{replay.known['contract']}.yaml", layers)
    return [violation.rule for violation in evaluate(rules, sent(replay), question)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("a2a_spans", [False, True])
def test_what_is_sent_fulfils_its_contract(name: str, a2a_spans: bool) -> None:
    replays = Replays().make_replays(name, a2a_spans)
    assert replays
    for replay in replays:
        trace = sent(replay)
        assert violations(replay, tuple(replay.known.get("layers", ()))) == []
        assert (trace.trace_id, len(trace.spans)) == (replay.trace_id, replay.kept)
        assert ("no orphan" in describe(trace)) == trace.is_whole == (not a2a_spans)


def test_a_replay_shares_no_id_and_no_session_with_another() -> None:
    one, other = (Replays().make_replays(NAMES[0], a2a_spans=True)[0] for _ in range(2))
    ids = [{span.span_id for span in sent(replay).spans} | {replay.trace_id} for replay in (one, other)]
    assert not ids[0] & ids[1]
    assert one.known["session"] != other.known["session"]
    assert "ctx-s01" not in one.body.replace(one.known["session"], "")


def test_each_trace_of_a_recording_is_a_replay_of_its_own() -> None:
    replays = Replays().make_replays("05-two-turns-v03", a2a_spans=False)
    assert [replay.label for replay in replays] == [f"05-two-turns-v03-without-a2a-{turn}" for turn in (1, 2)]
    assert len({replay.trace_id for replay in replays}) == len(replays)
    assert len({replay.known["session"] for replay in replays}) == 1


def test_a_trace_that_breaks_its_contract_and_is_not_whole_is_reported() -> None:
    (replay,) = Replays().make_replays(NAMES[0], a2a_spans=True)
    assert "orphans.allowed" in violations(replay, ("whole-tree",))
    assert not sent(replay).is_whole
    assert describe(sent(replay)) == (
        "10 spans in OTLP, 1 root, orphans LangGraph, tokens 211 + 94 = 305, state not kept"
    )
