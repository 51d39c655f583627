"""The probe is a whole trace; its spans of another scope are leaves, so dropping them orphans nothing."""

from __future__ import annotations

from pipeline.probe import OTHER_SCOPE, SERVICE, ProbeTrace
from tests.contracts.otlp_json import read_lines


def test_the_probe_is_one_whole_trace_marked_as_such() -> None:
    probe = ProbeTrace().make_probe("session-1")
    (trace,) = read_lines([probe.body])
    assert trace.trace_id == probe.trace_id
    assert trace.is_whole
    assert {span.span_id for span in trace.spans} == probe.kept.keys() | probe.dropped.keys()
    assert {span.attributes["session.id"] for span in trace.spans} == {"session-1"}
    assert {span.resource["service.name"] for span in trace.spans} == {SERVICE}


def test_only_leaves_are_of_the_other_scope() -> None:
    probe = ProbeTrace().make_probe("session-1")
    (trace,) = read_lines([probe.body])
    other = [span for span in trace.spans if span.scope == OTHER_SCOPE]
    assert {span.span_id: span.name for span in other} == probe.dropped
    assert not any(trace.children(span) for span in other)
    assert all(str(span.scope).startswith("openinference.") for span in trace.spans if span not in other)
