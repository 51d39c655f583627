"""Each way to lose a trace is named in the verdict's first line, with the hop where it stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.client import Question
from pipeline.collector import Collector, Exporter, Metrics
from traces.model import Span, Trace
from verdicts.verdict import Evidence, explain

MLFLOW = "otlp_http/mlflow"
QUESTION = Question("What is the weather in Paris?", "acceptance-1", "WX-12345678", "", 100.0, 100.4)
EXPORTER = Exporter(MLFLOW, "traces/mlflow", "http://mlflow:5000/v1/traces", {})
WITH_LOGIN = replace(EXPORTER, authenticator="basicauth/mlflow")
IDLE = 'otelcol_exporter_queue_capacity{exporter="otlp_http/mlflow"} 100000\notelcol_process_uptime 60\n'
RECEIVED = 'otelcol_receiver_accepted_spans{receiver="otlp",transport="http"} 10\n'
SENT = 'otelcol_exporter_sent_spans{exporter="otlp_http/mlflow"} 10\n'
QUEUED = 'otelcol_exporter_queue_size{data_type="traces",exporter="otlp_http/mlflow"} 10\n'
EXPERIMENT = {"id": "1", "name": "weather-agent", "lifecycle": "active"}


def metrics(text: str) -> Metrics:
    return Collector().parse_metrics(text)


def failed(error_type: str) -> str:
    labels = f'error_permanent="true",error_type="{error_type}",exporter="{MLFLOW}"'
    return f"otelcol_exporter_send_failed_spans{{{labels}}} 10\n"


def log_line(kind: str, error: str) -> str:
    return f'2026-11-24T00:00:00Z\tinfo\t{kind}\t{{"otelcol.component.id": "{MLFLOW}", "error": "{error}"}}'


def dropped(status: int) -> str:
    return log_line("Exporting failed. Dropping data.", f"responded with HTTP Status Code {status}")


def retried(error: str) -> str:
    return log_line("Exporting failed. Will retry the request after interval.", error)


def seen(counted: str = "", **more: Any) -> Evidence:  # noqa: ANN401 - fields of Evidence
    evidence = Evidence(
        "mlflow",
        QUESTION,
        30.1,
        before=metrics(IDLE),
        after=metrics(IDLE + counted),
        exporter=EXPORTER,
        pipelines=["traces/phoenix", "traces/mlflow"],
        sent_to="1",
        experiment_name="weather-agent",
        experiment=EXPERIMENT,
        agent_endpoint="http://otel-collector:8335",
    )
    return replace(evidence, **more)


def span(span_id: str, parent_id: str | None) -> Span:
    return Span("0" * 32, span_id, parent_id, f"span-{span_id}", "CHAIN", 0, 1, "OK")


CASES = {
    "the agent fails": (
        seen(question=replace(QUESTION, answer="", failure="HTTP status 503: no available server")),
        "the agent did not answer the question: HTTP status 503",
    ),
    "the collector is away": (
        seen(after=None, problems={"otel-collector": ["0 of 1 replicas are Ready"]}, unreadable="no metrics"),
        "the collector does not run (0 of 1 replicas are Ready)",
    ),
    "the collector's metrics are closed": (
        seen(after=None, unreadable="the collector's metrics cannot be read: 403 forbidden"),
        "unknown, as the collector's metrics cannot be read: 403 forbidden",
    ),
    "a network policy closes the way to the collector": (
        seen(way_in="ingress of otel-collector is let through by none of its policies (a/default-deny)"),
        "http://otel-collector:8335: ingress of otel-collector is let through by none of its policies",
    ),
    "a network policy closes the way to MLflow": (
        seen(
            RECEIVED + QUEUED,
            log=[retried("dial tcp: i/o timeout")],
            way_out="egress of otel-collector is let through by none of its policies (a/default-deny)",
        ),
        "MLflow is not reached, as egress of otel-collector is let through by none of its policies "
        "(a/default-deny); the collector keeps 10 spans and retries",
    ),
    "the agent sends elsewhere": (
        seen(agent_endpoint="http://nowhere:4318"),
        "the collector received no span from the agent, which sends to http://nowhere:4318",
    ),
    "the queue is full": (
        seen(
            'otelcol_receiver_refused_spans{receiver="otlp"} 10\n'
            'otelcol_exporter_enqueue_failed_spans{exporter="otlp_http/mlflow"} 10\n'
        ),
        "the collector refused 10 spans because the queue of otlp_http/mlflow is full",
    ),
    "the memory limiter refuses": (
        seen('otelcol_receiver_refused_spans{receiver="otlp"} 10\n'),
        "the collector refused 10 spans because it is short of memory (memory_limiter)",
    ),
    "the pipeline is missing": (
        seen(RECEIVED, exporter=None, pipelines=["traces/phoenix"]),
        "the collector has no pipeline that exports traces to MLflow (it has: traces/phoenix)",
    ),
    "the collector was not restarted": (
        seen(after=metrics(RECEIVED)),
        "the running collector does not know exporter otlp_http/mlflow",
    ),
    "the experiment id is wrong": (
        seen(RECEIVED + failed("Unimplemented"), sent_to="99"),
        "it answers 404, it has no experiment with the id 99 that the collector sends to",
    ),
    "the path is wrong": (
        seen(
            RECEIVED + failed("Unimplemented"),
            exporter=replace(EXPORTER, endpoint="http://mlflow:5000/v1/trace"),
        ),
        "it answers 404, the path of http://mlflow:5000/v1/trace is wrong",
    ),
    "the host is not allowed": (
        seen(RECEIVED + failed("PermissionDenied")),
        "it answers 403, its allowed hosts do not name the host of http://mlflow:5000/v1/traces",
    ),
    "the collector has no login": (
        seen(RECEIVED + failed("Unauthenticated")),
        "it answers 401, it wants a login that the collector does not send: components/mlflow-auth",
    ),
    "MLflow without our answer does not know the collector's login": (
        seen(RECEIVED + failed("Unauthenticated"), exporter=WITH_LOGIN),
        "it answers 401, it does not know the login that the collector sends (basicauth/mlflow, Secret "
        "mlflow-collector): the password was changed in MLflow",
    ),
    "MLflow does not know the collector's login": (
        seen(RECEIVED + QUEUED, exporter=WITH_LOGIN, log=[retried("HTTP Status Code 503")]),
        "MLflow does not take the spans, it does not know the login that the collector sends",
    ),
    "MLflow's database is away, login or not": (
        seen(RECEIVED + QUEUED, exporter=WITH_LOGIN, log=[retried("HTTP Status Code 503")], experiment=None),
        "MLflow does not take the spans, it answers 503, as it does without its database",
    ),
    "the experiment header is missing": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(422)]),
        "it answers 422, the collector sends no header x-mlflow-experiment-id",
    ),
    "a span is poisonous": (
        seen(RECEIVED + failed("InvalidArgument")),
        "it answers 400, a span of the batch is one that it does not store",
    ),
    "an error without a meaning": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(500)]),
        "refused 10 spans for good, the collector dropped them: it answers with an error (HTTP status 500)",
    ),
    "MLflow is scaled to 0": (
        seen(
            RECEIVED + QUEUED,
            problems={"mlflow": ["it is scaled to 0 replicas"]},
            log=[retried("dial tcp 10.96.0.1:5000: connect: connection refused")],
        ),
        "MLflow does not run (it is scaled to 0 replicas); the collector keeps 10 spans and retries",
    ),
    "the host name is wrong": (
        seen(RECEIVED + QUEUED, log=[retried("dial tcp: lookup mlflw on 10.96.0.10:53: no such host")]),
        "does not take the spans, its host name does not resolve; the collector keeps 10 spans and retries",
    ),
    "MLflow has no database": (
        seen(RECEIVED + QUEUED, log=[retried("responded with HTTP Status Code 503")]),
        "MLflow does not take the spans, it answers 503, as it does without its database",
    ),
    "another exporter's line is not evidence": (
        seen(RECEIVED + QUEUED, log=[retried("no such host").replace(MLFLOW, "otlp_http/phoenix")]),
        "the spans still wait in the collector's queue for MLflow (10 of them)",
    ),
    "the filter drops everything": (
        seen(RECEIVED + 'otelcol_processor_filter_spans_filtered{filter="filter/openinference_only"} 20\n'),
        "the collector's filter dropped the spans (20)",
    ),
    "the experiment is deleted": (
        seen(RECEIVED + SENT, experiment={**EXPERIMENT, "lifecycle": "deleted"}),
        "the experiment weather-agent is deleted: MLflow takes the trace and hides it",
    ),
    "the traces go to another experiment": (
        seen(RECEIVED + SENT, sent_to="0"),
        "the collector sends to experiment 0, but weather-agent is experiment 1",
    ),
    "the experiment does not exist": (
        seen(RECEIVED + SENT, experiment=None),
        "the experiment weather-agent does not exist in MLflow",
    ),
    "MLflow cannot be asked": (
        seen(RECEIVED + SENT, backend_error="There is no way in to mlflow: 404"),
        "the collector sent the spans, but There is no way in to mlflow: 404",
    ),
    "MLflow cannot be asked while spans are on their way": (
        seen(RECEIVED + QUEUED, backend_error="There is no way in to mlflow: 404"),
        "MLflow cannot be asked for it: There is no way in to mlflow: 404",
    ),
    "the root is missing": (
        seen(
            RECEIVED + SENT, trace=Trace("0" * 32, (span("b", "a"), span("c", "b")), "mlflow", "IN_PROGRESS")
        ),
        "2 spans are there, but the root is not",
    ),
    "there are orphans": (
        seen(RECEIVED + SENT, trace=Trace("0" * 32, (span("a", None), span("c", "b")), "mlflow", "OK")),
        "1 of its 2 spans lack their parents (span-c)",
    ),
    "the session is lost": (
        seen(RECEIVED + SENT),
        "no trace there carries this context as its session",
    ),
}


@pytest.mark.parametrize(("evidence", "cause"), CASES.values(), ids=CASES.keys())
def test_first_line_names_the_cause(evidence: Evidence, cause: str) -> None:
    first = explain(evidence).splitlines()[0]
    assert first.startswith(
        "The trace of 'What is the weather in Paris?' (context acceptance-1) is not whole in MLflow"
    )
    assert cause in first


def test_tells_how_far_the_trace_came_and_the_evidence() -> None:
    line = retried("dial tcp 10.96.0.1:5000: connect: connection refused")
    message = explain(
        seen(RECEIVED + QUEUED, problems={"mlflow": ["it is scaled to 0 replicas"]}, log=[line])
    )
    assert message.splitlines()[1:] == [
        "How far it came: agent answered in 0.4 s > collector received 10 spans > "
        "otlp_http/mlflow sent 0, failed 0, queue holds 10 > MLflow has 0 spans",
        "- mlflow: it is scaled to 0 replicas",
        "- exporter otlp_http/mlflow of pipeline traces/mlflow sends to http://mlflow:5000/v1/traces",
        "- the collector sends to experiment 1; weather-agent is 1 (active)",
        f"- collector's log: {line}",
    ]


def test_other_traffic_before_the_question_is_not_counted() -> None:
    before = IDLE + RECEIVED + SENT
    evidence = seen(after=metrics(before), before=metrics(before))
    assert "the collector received no span from the agent" in explain(evidence)
