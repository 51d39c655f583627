"""Books that do not balance are found, hop by hop; other traffic is told apart and is no defect."""

from __future__ import annotations

import pytest

from pipeline.collector import (
    ACCEPTED,
    FAILED,
    FILTERED,
    NOT_QUEUED,
    QUEUED,
    REFUSED,
    SENT,
    UPTIME,
    Collector,
    Exporter,
    Metrics,
)
from pipeline.conservation import NOT_ACCEPTED, Balance, Conservation, Ended, count, weigh
from traces.model import Span, Trace

EXPORTERS = {name: Exporter(f"otlp_http/{name}", f"traces/{name}", "", {}) for name in ("mlflow", "phoenix")}
START = {(ACCEPTED, ""): 100, (SENT, "mlflow"): 100, (SENT, "phoenix"): 100, (UPTIME, ""): 10}
GOOD = {(ACCEPTED, ""): 150, (SENT, "mlflow"): 150, (SENT, "phoenix"): 150, (UPTIME, ""): 20}
Counts = dict[tuple[str, str], int]


def metrics(counts: Counts) -> Metrics:
    return Metrics(
        {
            (name, frozenset({("exporter", EXPORTERS[to].name)} if to else ())): value
            for (name, to), value in counts.items()
        }
    )


def balance(
    changes: Counts, ours: int = 50, mlflow: int = 50, phoenix: int = 50, ended: Ended | None = None
) -> Balance:
    after = metrics(GOOD | changes)
    return weigh(metrics(START), after, EXPORTERS, ours, {"mlflow": mlflow, "phoenix": phoenix}, ended)


def test_balanced_books_have_no_problem() -> None:
    assert balance({}) == Balance(balance({}).hops, [], 0)


def test_traffic_of_others_is_told_apart_and_must_be_conserved_too() -> None:
    more: Counts = {(ACCEPTED, ""): 157, (SENT, "mlflow"): 157, (SENT, "phoenix"): 157}
    assert not balance(more).problems
    assert balance(more).foreign == 7
    assert "mlflow sent 50" in balance(more | {(SENT, "mlflow"): 150}).problems[0]


def test_what_the_filter_drops_in_each_pipeline_is_accounted_for() -> None:
    dropped: Counts = {(ACCEPTED, ""): 153, (FILTERED, ""): 6}
    assert not balance(dropped).problems
    assert balance(dropped).hops["dropped by the filter"] == 3
    assert any("did not drop the same" in each for each in balance(dropped | {(FILTERED, ""): 5}).problems)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({(ACCEPTED, ""): 140}, "receiver accepted 40"),
        ({(REFUSED, ""): 1}, "refused 1"),
        ({(NOT_ACCEPTED, ""): 1}, "failed on 1"),
        ({(SENT, "phoenix"): 149}, "otlp_http/phoenix sent 49"),
        ({(SENT, "mlflow"): 160}, "otlp_http/mlflow sent 60"),
        ({(FAILED, "mlflow"): 2}, "otlp_http/mlflow dropped 2"),
        ({(NOT_QUEUED, "phoenix"): 3}, "could not queue 3"),
        ({(QUEUED, "mlflow"): 4}, "holds 4"),
        ({(UPTIME, ""): 1}, "started anew"),
    ],
)
def test_every_loss_is_named_with_its_hop(changes: Counts, word: str) -> None:
    assert any(word in problem for problem in balance(changes).problems)


def test_a_backend_that_stores_too_little_or_too_much_is_named() -> None:
    assert balance({}, mlflow=49).problems == ["the questions make 50 spans, mlflow stores 49 of them"]
    assert balance({}, phoenix=51).problems == ["the questions make 50 spans, phoenix stores 51 of them"]


def test_the_failure_shows_every_hop() -> None:
    stored = {"mlflow": 50, "phoenix": 0}
    with pytest.raises(AssertionError, match=r"phoenix stores 0 .*accepted by the receiver 50"):
        Conservation().spans_should_be_conserved(metrics(START), metrics(GOOD), EXPORTERS, 50, stored)


def test_others_are_described_by_service_and_session() -> None:
    def trace(session: str) -> Trace:
        span = Span("a" * 32, "1" * 16, None, "x", "AGENT", 1, 2, "OK", attributes={"session.id": session})
        return Trace("a" * 32, (span,), "mlflow")

    said = Conservation().describe_foreign_traces([trace("ours-001"), trace("theirs")], "ours")
    assert "session theirs" in said
    assert "ours-001" not in said
    assert "of no trace" in Conservation().describe_foreign_traces([trace("ours-001")], "ours")


# As the agent answers on /metrics; a counter that was never counted is not shown.
AGENT = """# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e+09
# TYPE otel_sdk_span_live gauge
otel_sdk_span_live{{otel_span_sampling_result="RECORD_AND_SAMPLE"}} {live}
# TYPE otel_sdk_processor_span_queue_size gauge
otel_sdk_processor_span_queue_size{{otel_component_name="batching_span_processor/0"}} {queue}
# TYPE otel_sdk_processor_span_processed_total counter
otel_sdk_processor_span_processed_total{{otel_component_name="batching_span_processor/0"}} {kept}
otel_sdk_processor_span_processed_total{{error_type="queue_full"}} {dropped}
# TYPE otel_sdk_exporter_span_exported_total counter
otel_sdk_exporter_span_exported_total{{server_port="8335"}} {kept}
otel_sdk_exporter_span_exported_total{{error_type="ConnectionError"}} {refused}
# TYPE otel_sdk_exporter_operation_duration_seconds histogram
otel_sdk_exporter_operation_duration_seconds_count{{server_port="8335"}} {kept}
otel_sdk_exporter_operation_duration_seconds_count{{http_response_status_code="404"}} {answered}
# TYPE weather_agent_span_ended_total counter
weather_agent_span_ended_total{{span_scope="openinference.instrumentation.langchain"}} {kept}
weather_agent_span_ended_total{{span_scope="a2a-python-sdk"}} {other}
"""
BEFORE = {"live": 0, "queue": 0, "kept": 100, "dropped": 1, "refused": 2, "other": 7, "answered": 0}


def ended(**changes: int) -> Ended:
    """Return what is read from an agent in which 50 spans ended, with changes to the second text."""
    read = Collector().parse_metrics
    after = AGENT.format(**{**BEFORE, "kept": 150, **changes})
    return count(read(AGENT.format(**BEFORE)), read(after), "^openinference\\.")


def test_what_the_agent_counts_is_read_by_scope() -> None:
    assert ended() == Ended(50, 0, 0, 0, {}, waiting=0, started_anew=False)
    assert ended(other=10, dropped=3, refused=6, live=1, queue=2, answered=5) == Ended(
        kept=50, other=3, dropped=2, undelivered=4, answers={"404": 5}, waiting=3, started_anew=False
    )


def test_an_agent_that_does_not_count_its_spans_is_found() -> None:
    Conservation().metrics_should_count_agent_spans(Collector().parse_metrics(AGENT.format(**BEFORE)))
    with pytest.raises(AssertionError, match="does not count its spans"):
        Conservation().metrics_should_count_agent_spans(Collector().parse_metrics("python_info 1\n"))


def test_books_of_an_agent_that_counts_balance() -> None:
    assert balance({}, ended=ended()).problems == []
    foreign: Counts = {(ACCEPTED, ""): 153, (FILTERED, ""): 6}
    assert balance(foreign, ended=ended(other=10)) == Balance(
        balance(foreign, ended=ended(other=10)).hops, [], 0
    )
    others: Counts = {(ACCEPTED, ""): 157, (SENT, "mlflow"): 157, (SENT, "phoenix"): 157}
    assert balance(others, ended=ended()).foreign == 7


@pytest.mark.parametrize(
    ("seen", "changes", "word"),
    [
        ({"kept": 149}, {}, "the contract demands 50 spans, 49 of kept scopes ended in the agent"),
        ({"kept": 160}, {}, "60 spans ended in the agent, the collector's receiver accepted 50"),
        ({"dropped": 4}, {}, "the agent dropped 3 spans"),
        ({"refused": 4}, {}, "could not deliver 2"),
        ({"answered": 2}, {}, "2 requests of the agent with spans were answered 404"),
        ({"live": 1}, {}, "1 spans are still in the agent"),
        ({"queue": 5}, {}, "5 spans are still in the agent"),
        ({"other": 10}, {(ACCEPTED, ""): 153}, "3 spans that the filter must drop"),
        ({}, {(FILTERED, ""): 4}, "50 spans of kept scopes ended in the agent, the filter let 48 pass"),
    ],
)
def test_a_loss_before_the_collector_is_named(seen: dict[str, int], changes: Counts, word: str) -> None:
    problems = balance(changes, ended=ended(**seen)).problems
    assert any(word in problem for problem in problems), problems


def test_an_agent_that_was_started_anew_is_named() -> None:
    assert "agent was started anew" in balance({}, ended=Ended(0, 0, 0, 0, {}, 0, True)).problems[0]
