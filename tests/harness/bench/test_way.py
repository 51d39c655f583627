"""The way of a question is timed with the agent's own delay, and by a relay that changes nothing."""

import gzip

from harness.bench.way import Relay, read_delay_of_agent
from harness.proofs.lossless_collector.collector import Sink, make_request, send, spans_of


def test_the_delay_is_that_of_the_deployed_agent() -> None:
    assert read_delay_of_agent() == 1.0


def test_the_relay_passes_requests_on_and_notes_when() -> None:
    sink, request = Sink(), make_request()
    relay = Relay(f"http://127.0.0.1:{sink.server_port}")
    with sink.serve(), relay.serve() as port:
        url = f"http://127.0.0.1:{port}/v1/traces"
        assert send(url, gzip.compress(request.SerializeToString())) == 200
        assert send(url, gzip.compress(b"no request")) == 400
    assert sink.span_ids == [span.span_id for span in spans_of(request)]
    assert [came < answered for came, answered in (relay.passed.get(), relay.passed.get())] == [True, True]
