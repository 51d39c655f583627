"""What a replay sends: the recording under other ids and sessions, and whole without the A2A SDK's spans."""

from __future__ import annotations

import json

import pytest

from harness.proofs.recordings import replay
from harness.proofs.recordings.deployed import RECORDED

NAMES = sorted(file.name.removesuffix(".otlp.jsonl") for file in RECORDED.glob("public/*.otlp.jsonl"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("without_a2a", [False, True])
def test_what_is_sent_fulfils_its_contract(name: str, without_a2a: bool) -> None:
    sent = replay.prepare(name, without_a2a=without_a2a)
    assert sent.traces
    for trace, known in zip(sent.traces, sent.known, strict=True):
        line, wrong = replay.judge(trace, known, whole=without_a2a)
        assert wrong == []
        assert ("orphans none" in line) == without_a2a


def test_a_replay_shares_no_id_and_no_session_with_another() -> None:
    one, other = (replay.prepare(NAMES[0], without_a2a=False) for _ in range(2))
    ids = [
        {span.span_id for span in sent.traces[0].spans} | {sent.traces[0].trace_id} for sent in (one, other)
    ]
    assert not ids[0] & ids[1]
    assert one.known[0]["session"] != other.known[0]["session"]
    assert "ctx-s01" not in json.dumps(one.requests).replace(one.known[0]["session"], "")


def test_a_trace_that_breaks_its_contract_or_is_not_whole_is_told() -> None:
    sent = replay.prepare(NAMES[0], without_a2a=False)
    line, wrong = replay.judge(
        sent.traces[0], {**sent.known[0], "contract": "public-weather-whole"}, whole=True
    )
    assert "broken" in line
    assert "it is not whole" in wrong
    assert replay.judge(None, sent.known[0], whole=False) == ("nothing", ["the trace is not there"])
