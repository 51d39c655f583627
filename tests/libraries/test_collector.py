"""The collector's metrics text is read as the collector means it, and exporters are found."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.collector import ACCEPTED, FAILED, FILTERED, QUEUED, SENT, Collector, Exporter, Metrics
from pipeline.effective import Configuration

METRICS = """\
# HELP otelcol_receiver_accepted_spans Number of spans successfully pushed into the pipeline.
# TYPE otelcol_receiver_accepted_spans counter
otelcol_receiver_accepted_spans{receiver="otlp",service_name="otelcol-contrib",transport="http"} 30
otelcol_receiver_accepted_spans{receiver="otlp",service_name="otelcol-contrib",transport="grpc"} 12
# TYPE otelcol_exporter_sent_spans counter
otelcol_exporter_sent_spans{exporter="otlp_http/mlflow",server_port="5000",url_path="/v1/traces"} 20
otelcol_exporter_sent_spans{exporter="otlp_http/phoenix",server_port="6006",url_path="/v1/traces"} 42
# TYPE otelcol_exporter_send_failed_spans counter
otelcol_exporter_send_failed_spans{error_type="Unimplemented",exporter="otlp_http/mlflow"} 10
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_size{data_type="traces",exporter="otlp_http/mlflow"} 12
# TYPE otelcol_process_uptime counter
otelcol_process_uptime{service_name="otelcol-contrib"} 61.2
"""
MLFLOW = "otlp_http/mlflow"


def test_sums_over_the_series_that_carry_the_labels() -> None:
    metrics = Collector().parse_metrics(METRICS)
    assert metrics.total(ACCEPTED) == 42
    assert metrics.total(ACCEPTED, transport="grpc") == 12
    assert metrics.total(SENT, exporter=MLFLOW) == 20
    assert metrics.by("error_type", FAILED, exporter=MLFLOW) == {"Unimplemented": 10}
    assert metrics.total("otelcol_never_heard_of") == 0
    assert metrics.has(QUEUED, exporter=MLFLOW)
    assert not metrics.has(QUEUED, exporter="otlp_http/phoenix")


def test_reads_counters_with_and_without_the_suffix_total() -> None:
    text = "# TYPE otelcol_exporter_sent_spans_total counter\notelcol_exporter_sent_spans_total 7\n"
    assert Collector().parse_metrics(text).total(SENT) == 7


def test_growth_is_per_series_and_new_series_count_from_zero() -> None:
    before = Collector().parse_metrics(METRICS)
    after = Collector().parse_metrics(
        METRICS.replace('transport="http"} 30', 'transport="http"} 40').replace("61.2", "70")
        + 'otelcol_exporter_send_failed_spans{error_type="Unknown",exporter="otlp_http/mlflow"} 3\n'
    )
    grown = after.since(before)
    assert grown.total(ACCEPTED) == 10
    assert grown.total(SENT) == 0
    assert grown.by("error_type", FAILED) == {"Unknown": 3}


def test_an_exporter_is_silent_until_it_sent_or_dropped_spans() -> None:
    before = Collector().parse_metrics(METRICS)
    dropped = METRICS.replace('exporter="otlp_http/mlflow"} 10', 'exporter="otlp_http/mlflow"} 11')
    sent = METRICS.replace('url_path="/v1/traces"} 42', 'url_path="/v1/traces"} 43')
    assert Collector().parse_metrics(METRICS).since(before).silent_exporters() == [
        MLFLOW,
        "otlp_http/phoenix",
    ]
    assert Collector().parse_metrics(dropped).since(before).silent_exporters() == ["otlp_http/phoenix"]
    assert Collector().parse_metrics(sent).since(before).silent_exporters() == [MLFLOW]


def test_after_a_restart_of_the_collector_everything_it_counted_is_growth() -> None:
    before = Collector().parse_metrics(METRICS)
    after = Collector().parse_metrics(METRICS.replace("61.2", "3.5"))
    assert after.since(before).total(ACCEPTED) == 42


def two_collectors(one: str, other: str) -> Metrics:
    reader = Collector()
    return reader.merge_metrics(reader.parse_metrics(one, "c-0"), reader.parse_metrics(other, "c-1"))


def test_several_collectors_are_summed() -> None:
    both = two_collectors(METRICS, METRICS.replace("} 20", "} 5"))
    assert both.total(ACCEPTED) == 84
    assert both.by("pod", SENT, exporter=MLFLOW) == {"c-0": 20, "c-1": 5}
    assert both.has(QUEUED, exporter=MLFLOW)


def test_growth_is_known_although_one_of_several_collectors_restarted() -> None:
    before = two_collectors(METRICS, METRICS)
    after = two_collectors(
        METRICS.replace("61.2", "3.5"), METRICS.replace("} 30", "} 31").replace("61.2", "70")
    )
    assert after.since(before).by("pod", ACCEPTED) == {"c-0": 42, "c-1": 1}
    assert after.restarted_since(before) == ["c-0"]


def test_a_collector_that_is_gone_is_named_and_a_new_one_counts_from_zero() -> None:
    reader = Collector()
    before = two_collectors(METRICS, METRICS)
    after = reader.merge_metrics(
        reader.parse_metrics(METRICS.replace("61.2", "70"), "c-0"), reader.parse_metrics(METRICS, "c-2")
    )
    assert after.restarted_since(before) == ["c-1"]
    assert after.since(before).total(ACCEPTED) == 42


def test_logs_of_several_collectors_are_one_by_time() -> None:
    one = ["2026-11-24T10:00:01.000Z\tinfo\ta", "2026-11-24T10:00:03.000Z\terror\tb", "  its second line"]
    other = ["2026-11-24T10:00:02.000Z\tinfo\tc"]
    assert Collector().merge_logs(one, other) == [one[0], other[0], one[1], one[2]]


def test_finds_the_exporter_that_a_pipeline_uses() -> None:
    configuration = Configuration(
        {
            "exporters": {
                MLFLOW: {
                    "traces_endpoint": "${env:URL}/v1/traces",
                    "headers": {"x-mlflow-experiment-id": 7, "empty": None},
                }
            },
            "service": {"pipelines": {"traces/mlflow": {"exporters": [MLFLOW]}}},
        },
        {"${env:URL}": "variable URL is not read", "${env:ELSEWHERE}": "variable ELSEWHERE is not read"},
    )
    assert Collector().find_exporter(configuration, "mlflow") == Exporter(
        MLFLOW,
        "traces/mlflow",
        "${env:URL}/v1/traces",
        {"x-mlflow-experiment-id": "7", "empty": ""},
        unknown={"${env:URL}": "variable URL is not read"},
    )
    assert Collector().find_exporter(configuration, "phoenix") is None


def test_headers_may_be_a_list() -> None:
    configuration = {
        "exporters": {MLFLOW: {"headers": [{"name": "x-mlflow-experiment-id", "value": "7"}]}},
        "service": {"pipelines": {"traces": {"exporters": [MLFLOW]}}},
    }
    exporter = Collector().find_exporter(configuration, "mlflow")
    assert exporter is not None
    assert exporter.headers == {"x-mlflow-experiment-id": "7"}
    assert (exporter.login, exporter.compression, exporter.encoding) == ("", "gzip", "proto")


def test_an_exporter_knows_its_login_its_queue_and_the_form_of_its_requests() -> None:
    settings: dict[str, Any] = {
        "headers": {"authorization": "Bearer x"},
        "compression": "zstd",
        "encoding": "json",
    }

    def found() -> Exporter:
        configuration = {
            "exporters": {MLFLOW: settings},
            "service": {"pipelines": {"traces": {"exporters": [MLFLOW]}}},
        }
        exporter = Collector().find_exporter(configuration, "mlflow")
        assert exporter
        return exporter

    assert (found().login, found().compression, found().encoding) == ("header authorization", "zstd", "json")
    assert found().has_queue
    settings["sending_queue"] = {"enabled": False}
    assert not found().has_queue
    settings["auth"] = {"authenticator": "basicauth/mlflow"}
    assert found().login == "basicauth/mlflow"


def test_a_list_that_is_not_known_is_described_by_its_reference() -> None:
    configuration = {"service": {"pipelines": {"traces": {"exporters": "${env:EXPORTERS}"}}}}
    assert Collector().describe_trace_pipelines(configuration) == ["traces (to ${env:EXPORTERS})"]


def test_finds_an_exporter_of_another_name_by_its_endpoint() -> None:
    configuration = {
        "exporters": {"otlp": {"endpoint": "phoenix.kagenti-system.svc:4317"}},
        "service": {"pipelines": {"traces": {"exporters": ["otlp"]}, "metrics": {"exporters": ["debug"]}}},
    }
    found = Collector().find_exporter(configuration, "phoenix")
    assert found is not None
    assert found.name == "otlp"


def test_of_two_exporters_to_an_mlflow_the_one_to_its_service_is_found() -> None:
    ours = "llm-observability-mlflow"
    configuration = {
        "exporters": {
            MLFLOW: {"traces_endpoint": "http://mlflow:5000/v1/traces"},
            "otlphttp/added": {"traces_endpoint": f"http://{ours}:5000/v1/traces"},
        },
        "service": {
            "pipelines": {
                "traces/mlflow": {"exporters": [MLFLOW]},
                "traces/b": {"exporters": ["otlphttp/added"]},
            }
        },
    }
    found = {service: Collector().find_exporter(configuration, service) for service in ("mlflow", ours)}
    assert {service: exporter and exporter.pipeline for service, exporter in found.items()} == {
        "mlflow": "traces/mlflow",
        ours: "traces/b",
    }


def test_an_exporter_knows_its_filters_and_how_many_pipelines_have_them() -> None:
    one, other = "filter/openinference", "filter/fault"
    configuration = {
        "exporters": {MLFLOW: {}, "otlp_http/phoenix": {}},
        "service": {
            "pipelines": {
                "traces/mlflow": {"processors": ["batch", one, other], "exporters": [MLFLOW]},
                "traces/phoenix": {"processors": [one], "exporters": ["otlp_http/phoenix"]},
                "metrics": {"processors": [other]},
            }
        },
    }
    exporter = Collector().find_exporter(configuration, "mlflow")
    assert exporter is not None
    assert exporter.filters == {one: 2, other: 1}
    filtered = {one: 6, other: 4, "filter/elsewhere": 9}
    lines = [f'{FILTERED}{{filter="{name}"}} {spans}\n' for name, spans in filtered.items()]
    grown = Collector().parse_metrics("".join(lines))
    assert exporter.filtered(grown) == {one: 3, other: 4}


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"exporters": None, "service": None},
        {"service": {"pipelines": None}},
        {"service": {"pipelines": {"traces": None, "traces/x": {"exporters": None}}}},
    ],
)
def test_an_empty_section_of_the_configuration_is_one_that_is_not_there(
    configuration: dict[str, Any],
) -> None:
    assert Collector().find_exporter(configuration, "mlflow") is None


def test_an_exporter_knows_what_its_pipeline_receives_from_and_what_may_hold_spans_back() -> None:
    configuration = {
        "exporters": {MLFLOW: {}},
        "connectors": {"routing": {}},
        "service": {
            "pipelines": {
                "traces/in": {"receivers": ["otlp"], "exporters": ["routing"]},
                "traces": {
                    "receivers": ["routing"],
                    "processors": ["memory_limiter", "batch/slow", "tail_sampling"],
                    "exporters": [MLFLOW],
                },
            }
        },
    }
    exporter = Collector().find_exporter(configuration, "mlflow")
    assert exporter is not None
    assert exporter.holding == ["routing", "batch/slow", "tail_sampling"]
    assert (exporter.receivers, exporter.connectors) == (("routing",), ("routing",))


def test_an_exporter_that_no_pipeline_uses_does_not_count() -> None:
    configuration = {
        "exporters": {MLFLOW: {}},
        "service": {"pipelines": {"traces": {"exporters": ["debug"]}}},
    }
    assert Collector().find_exporter(configuration, "mlflow") is None


@pytest.mark.parametrize(
    ("metrics", "readable"),
    [
        ({}, False),
        ({"readers": [{"pull": {"exporter": {"prometheus": {"host": "::", "port": 8888}}}}]}, True),
        ({"readers": [{"pull": {"exporter": {"prometheus": {"host": "localhost"}}}}]}, False),
        ({"address": ":8888"}, False),
        ({"address": "[::]:8888"}, True),
        ({"readers": [{"periodic": {}}]}, False),
    ],
)
def test_metrics_that_listen_on_localhost_cannot_be_read(metrics: dict[str, Any], readable: bool) -> None:
    configuration = {"service": {"telemetry": {"metrics": metrics}}}
    assert Collector().check_if_metrics_are_readable(configuration) is readable
