"""The probe is a whole trace; its spans of other scopes are leaves, so dropping them orphans nothing."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from pipeline.probe import LEAVES, SERVICE, ProbeTrace
from tests.contracts.otlp_json import read_lines


def test_the_probe_is_one_whole_trace_marked_as_such() -> None:
    probe = ProbeTrace().make_probe("session-1")
    (trace,) = read_lines([probe.body])
    assert trace.trace_id == probe.trace_id
    assert trace.is_whole
    assert {span.span_id: (span.scope, span.name) for span in trace.spans} == {
        span_id: (span.scope, span.name) for span_id, span in probe.spans.items()
    }
    assert {span.attributes["session.id"] for span in trace.spans} == {"session-1"}
    assert {span.resource["service.name"] for span in trace.spans} == {SERVICE}


def test_a_probe_can_claim_to_be_of_somebody_else() -> None:
    (trace,) = read_lines([ProbeTrace().make_probe("s", {"k8s.namespace.name": "team2"}).body])
    claimed = {"service.name": SERVICE, "k8s.namespace.name": "team2"}
    assert all(span.resource == claimed for span in trace.spans)


def test_what_a_filter_may_drop_are_leaves() -> None:
    (trace,) = read_lines([ProbeTrace().make_probe("session-1").body])
    leaves = [span for span in trace.spans if not trace.children(span)]
    assert {span.scope for span in leaves} == {scope for scope, _, _ in LEAVES}


def test_over_grpc_the_same_spans_are_sent() -> None:
    probe = ProbeTrace().make_probe("session-1")
    request = trace_service_pb2.ExportTraceServiceRequest.FromString(ProbeTrace().encode_spans(probe.body))
    spans = [
        span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]
    assert {span.trace_id.hex() for span in spans} == {probe.trace_id}
    assert {span.span_id.hex() for span in spans} == set(probe.spans)
    assert {span.parent_span_id.hex() for span in spans} <= {"", *probe.spans}
    assert {span.name for span in spans} == {span.name for span in probe.spans.values()}
    assert ProbeTrace().encode_spans("{}") == b""
