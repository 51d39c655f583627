"""Lost and doubled spans are found, hop by hop; foreign spans are counted apart and are no defect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
from pipeline.conservation import NOT_ACCEPTED, AgentCount, Conservation, HopCount, count_agent, count_hops
from pipeline.promises import PipelinePromise
from traces.model import Span, Trace

EXPORTERS = {
    name: Exporter(f"otlp_http/{name}", f"traces/{name}", "", {}, filters={"filter/openinference": 2})
    for name in ("mlflow", "phoenix")
}
START = {(ACCEPTED, ""): 100, (SENT, "mlflow"): 100, (SENT, "phoenix"): 100, (UPTIME, ""): 10}
GOOD = {(ACCEPTED, ""): 150, (SENT, "mlflow"): 150, (SENT, "phoenix"): 150, (UPTIME, ""): 20}
RESTARTED = "restarted meanwhile, which set its counts to 0: run the suite again"
Counts = dict[tuple[str, str], int]


def metrics(counts: Counts) -> Metrics:
    return Metrics({(name, labels_of(name, of)): value for (name, of), value in counts.items()})


def labels_of(name: str, of: str) -> frozenset[tuple[str, str]]:
    if name == FILTERED:
        return frozenset({("filter", of)})
    return frozenset({("exporter", EXPORTERS[of].name)} if of else ())


def counted(
    changes: Counts,
    mlflow: int = 50,
    phoenix: int = 50,
    agent: AgentCount | None = None,
    exporters: Mapping[str, Exporter] = EXPORTERS,
) -> HopCount:
    after = metrics(GOOD | changes)
    stored = {"mlflow": mlflow, "phoenix": phoenix}
    return count_hops(metrics(START), after, exporters, 50, stored, agent)


def test_conserved_spans_are_no_problem() -> None:
    assert counted({}) == HopCount(counted({}).hops, [], 0)


def test_foreign_spans_are_counted_apart_and_must_be_conserved_too() -> None:
    more: Counts = {(ACCEPTED, ""): 157, (SENT, "mlflow"): 157, (SENT, "phoenix"): 157}
    assert not counted(more).problems
    assert counted(more).foreign == 7
    assert counted(more | {(SENT, "mlflow"): 150}).problems == [
        "accepted 57, filtered 0, sent to MLflow 50, expected 57"
    ]


def test_foreign_spans_that_wait_in_a_queue_at_the_start_are_sent_too() -> None:
    before, after = START | {(QUEUED, "mlflow"): 40}, GOOD | {(SENT, "mlflow"): 190}
    stored = {"mlflow": 50, "phoenix": 50}
    assert not count_hops(metrics(before), metrics(after), EXPORTERS, 50, stored).problems
    after = GOOD | {(SENT, "mlflow"): 180}
    assert count_hops(metrics(before), metrics(after), EXPORTERS, 50, stored).problems == [
        "accepted 50, filtered 0, queued before 40, sent to MLflow 80, expected 90"
    ]


def test_foreign_spans_may_wait_at_the_end_where_the_questions_own_are_stored() -> None:
    waiting: Counts = {
        (ACCEPTED, ""): 180,
        (SENT, "mlflow"): 160,
        (QUEUED, "mlflow"): 20,
        (SENT, "phoenix"): 180,
    }
    assert counted(waiting).problems == []
    assert counted(waiting).hops["still queued for MLflow"] == 20
    assert counted(waiting | {(SENT, "mlflow"): 159}).problems == [
        "accepted 80, filtered 0, sent to MLflow 59, expected 60"
    ]
    assert "still queued for MLflow 20, expected 0" in counted(waiting, mlflow=49).problems
    more_than_others_sent = waiting | {(SENT, "mlflow"): 149, (QUEUED, "mlflow"): 31}
    assert "still queued for MLflow 31, expected 0" in counted(more_than_others_sent).problems


@pytest.mark.parametrize(
    "unsettled",
    [
        {(SENT, "mlflow"): 110},  # and still queued
        {(QUEUED, "mlflow"): 30, (FILTERED, "filter/openinference"): 48},  # and not accepted yet
        {(FAILED, "phoenix"): 10},  # and still queued
        {(QUEUED, "phoenix"): 10},  # and not sent yet
    ],
)
def test_reading_that_counts_each_span_at_one_hop_is_chosen(unsettled: Counts) -> None:
    waiting: Counts = {(ACCEPTED, ""): 120, (QUEUED, "mlflow"): 20, (QUEUED, "phoenix"): 20}
    settled, other = metrics(START | waiting), metrics(START | waiting | unsettled)
    later = metrics(START | waiting | {(ACCEPTED, ""): 110, (QUEUED, "mlflow"): 10, (QUEUED, "phoenix"): 10})
    for readings in ([other, settled, later], [settled, other, later]):
        assert Conservation().choose_settled_reading(readings, dict(EXPORTERS)) is settled


def test_what_a_filter_drops_in_each_pipeline_is_expected() -> None:
    dropped: Counts = {(ACCEPTED, ""): 153, (FILTERED, "filter/openinference"): 6}
    assert not counted(dropped).problems
    assert counted(dropped).hops["filtered before MLflow"] == 3
    assert (
        "filter/openinference filtered 5 in 2 pipelines, expected the same number in each"
        in counted(dropped | {(FILTERED, "filter/openinference"): 5}).problems
    )


def test_only_the_backend_whose_filter_drops_spans_is_named() -> None:
    filters = {"filter/openinference": 2, "filter/fault": 1}
    exporters = EXPORTERS | {"mlflow": replace(EXPORTERS["mlflow"], filters=filters)}
    lost: Counts = {(FILTERED, "filter/fault"): 10, (SENT, "mlflow"): 140}
    assert counted(lost, mlflow=40, exporters=exporters).problems == [
        "accepted 50, filtered 10 (filter/fault), left for MLflow 40, expected 50",
        "stored in MLflow 40, expected 50",
    ]


def test_every_filter_is_named_with_its_number() -> None:
    filters = {"filter/openinference": 2, "filter/fault": 1}
    exporters = EXPORTERS | {"mlflow": replace(EXPORTERS["mlflow"], filters=filters)}
    lost: Counts = {
        (ACCEPTED, ""): 153,
        (FILTERED, "filter/openinference"): 6,
        (FILTERED, "filter/fault"): 10,
        (SENT, "mlflow"): 130,
    }
    assert counted(lost, exporters=exporters).problems == [
        "accepted 53, filtered 13 (filter/openinference 3, filter/fault 10), left for MLflow 40, expected 50",
        "accepted 53, filtered 13 (filter/openinference 3, filter/fault 10), sent to MLflow 30, expected 40",
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({(ACCEPTED, ""): 140}, "accepted 40, expected 50 (contract)"),
        ({(REFUSED, ""): 1}, "refused by the collector 1, expected 0"),
        ({(NOT_ACCEPTED, ""): 1}, "failed in the collector 1, expected 0"),
        ({(SENT, "phoenix"): 149}, "accepted 50, filtered 0, sent to Phoenix 49, expected 50"),
        ({(SENT, "mlflow"): 160}, "accepted 50, filtered 0, sent to MLflow 60, expected 50"),
        ({(FAILED, "mlflow"): 2}, "failed to MLflow 2, expected 0"),
        (
            {(NOT_QUEUED, "phoenix"): 3},
            "not queued for Phoenix 3, expected 0",
        ),
        ({(QUEUED, "mlflow"): 4}, "still queued for MLflow 4, expected 0"),
        ({(UPTIME, ""): 1}, f"the collector {RESTARTED}"),
    ],
)
def test_every_loss_is_named_with_its_hop(changes: Counts, problem: str) -> None:
    assert problem in counted(changes).problems


def test_a_backend_that_stores_too_little_or_too_much_is_named() -> None:
    assert counted({}, mlflow=49).problems == ["stored in MLflow 49, expected 50"]
    assert counted({}, phoenix=51).problems == ["stored in Phoenix 51, expected 50"]


def test_the_failure_begins_with_the_problem_and_shows_every_hop() -> None:
    stored = {"mlflow": 50, "phoenix": 0}
    with pytest.raises(AssertionError) as failed:
        Conservation().spans_should_be_conserved(metrics(START), metrics(GOOD), EXPORTERS, 50, stored)
    assert str(failed.value).splitlines() == [
        "Spans are not conserved: stored in Phoenix 0, expected 50.",
        "Counted: demanded by the contract 50, accepted by the collector 50, sent to MLflow 50, "
        "stored in MLflow 50, sent to Phoenix 50; all else 0.",
    ]


def test_an_exporter_that_the_collector_does_not_run_is_named() -> None:
    renamed = EXPORTERS | {"mlflow": replace(EXPORTERS["mlflow"], name="otlp_http/renamed")}
    assert counted({}, exporters=renamed).problems == [
        "the running collector lacks exporter otlp_http/renamed, which its configuration has: restart it"
    ]


def test_foreign_traces_are_described_by_service_and_session() -> None:
    def trace(session: str) -> Trace:
        span = Span("a" * 32, "1" * 16, None, "x", "AGENT", 1, 2, "OK", attributes={"session.id": session})
        return Trace("a" * 32, (span,), "mlflow")

    said = Conservation().describe_foreign_traces([trace("ours-001"), trace("theirs")], ["ours-001"])
    assert "session theirs" in said
    assert "ours-001" not in said
    assert "in no trace" in Conservation().describe_foreign_traces([trace("ours-001")], ["ours-001"])


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

PROMISE = PipelinePromise(
    "traces/mlflow",
    "mlflow",
    Exporter("otlp_http/mlflow", "traces/mlflow", "http://mlflow:5000/v1/traces", {}),
    ["otlp"],
    ["filter/x"],
    ['not IsMatch(instrumentation_scope.name, "^openinference")'],
    [],
)


def agent_count(**changes: int) -> AgentCount:
    """Return what is read from an agent in which 50 spans ended, with changes to the second text."""
    read = Collector().parse_metrics
    after = AGENT.format(**{**BEFORE, "kept": 150, **changes})
    return count_agent(read(AGENT.format(**BEFORE)), read(after), [PROMISE])


def test_what_the_agent_counts_is_read_by_scope() -> None:
    assert agent_count() == AgentCount(50, 0, 0, 0, {}, waiting=0, restarted=False)
    assert agent_count(other=10, dropped=3, refused=6, live=1, queue=2, answered=5) == AgentCount(
        kept=50, other=3, dropped=2, unsent=4, refusals={"404": 5}, waiting=3, restarted=False
    )


def test_an_agent_that_does_not_count_its_spans_is_found() -> None:
    Conservation().metrics_should_count_agent_spans(Collector().parse_metrics(AGENT.format(**BEFORE)))
    with pytest.raises(AssertionError, match="does not count its spans"):
        Conservation().metrics_should_count_agent_spans(Collector().parse_metrics("python_info 1\n"))


def test_spans_of_an_agent_that_counts_are_conserved() -> None:
    assert counted({}, agent=agent_count()).problems == []
    other_scopes: Counts = {(ACCEPTED, ""): 153, (FILTERED, "filter/openinference"): 6}
    assert counted(other_scopes, agent=agent_count(other=10)).problems == []
    assert counted(other_scopes, agent=agent_count(other=10)).foreign == 0
    foreign: Counts = {(ACCEPTED, ""): 157, (SENT, "mlflow"): 157, (SENT, "phoenix"): 157}
    assert counted(foreign, agent=agent_count()).foreign == 7


@pytest.mark.parametrize(
    ("seen", "changes", "problem"),
    [
        ({"kept": 149}, {}, "ended in the agent 49 of kept scopes, expected 50 (contract)"),
        ({"kept": 160}, {}, "accepted 50, expected 60 (ended in the agent)"),
        ({"dropped": 4}, {}, "dropped by the agent 3, expected 0"),
        ({"refused": 4}, {}, "not sent by the agent 2, expected 0"),
        ({"answered": 2}, {}, "2 of the agent's requests with spans were answered 404"),
        ({"live": 1}, {}, "waiting in the agent 1, expected 0"),
        ({"queue": 5}, {}, "waiting in the agent 5, expected 0"),
        (
            {"other": 10},
            {(ACCEPTED, ""): 153},
            "accepted 53, filtered 0 before MLflow, expected 3 (other scopes)",
        ),
        (
            {},
            {(FILTERED, "filter/openinference"): 4},
            "accepted 50, filtered 2 (filter/openinference), left for Phoenix 48, expected 50",
        ),
    ],
)
def test_a_loss_before_the_collector_is_named(seen: dict[str, int], changes: Counts, problem: str) -> None:
    assert problem in counted(changes, agent=agent_count(**seen)).problems


def test_a_span_that_never_came_is_no_fault_of_a_filter() -> None:
    nothing: Counts = {(ACCEPTED, ""): 100, (SENT, "mlflow"): 100, (SENT, "phoenix"): 100}
    assert counted(nothing, mlflow=0, phoenix=0, agent=agent_count()).problems == [
        "accepted 0, expected 50 (ended in the agent)",
        "stored in MLflow 0, expected 50",
        "stored in Phoenix 0, expected 50",
    ]


def test_an_agent_that_restarted_is_named() -> None:
    problems = counted({}, agent=AgentCount(0, 0, 0, 0, {}, 0, restarted=True)).problems
    assert problems == [f"the agent {RESTARTED}"]


def both(**changes: Any) -> dict[str, PipelinePromise]:  # noqa: ANN401 - a promise's fields
    return {"mlflow": replace(PROMISE, **changes), "phoenix": replace(PROMISE, backend="phoenix")}


def test_without_the_collectors_metrics_the_backends_are_compared() -> None:
    Conservation().stored_spans_should_agree(50, {"mlflow": 52, "phoenix": 52}, both())
    Conservation().stored_spans_should_agree(50, {"mlflow": 52, "phoenix": 60}, both(conditions=()))


def test_backends_with_the_same_promise_must_store_the_same_number() -> None:
    with pytest.raises(AssertionError, match="stored in MLflow 51, Phoenix 52, expected the same number"):
        Conservation().stored_spans_should_agree(50, {"mlflow": 51, "phoenix": 52}, both())


def test_a_backend_with_less_than_the_contract_demands_is_named() -> None:
    with pytest.raises(AssertionError, match="stored in Phoenix 40, expected 50 at least"):
        Conservation().stored_spans_should_agree(50, {"mlflow": 50, "phoenix": 40}, both(conditions=()))
