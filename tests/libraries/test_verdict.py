"""Each way to lose a trace is named in the verdict's first line, with the hop where it stopped."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from agent.client import Question
from pipeline.collector import Collector, Exporter, Metrics
from traces.model import Span, Trace
from verdicts.evidence import Evidence, collect
from verdicts.verdict import Verdict, explain, name_cause

MLFLOW = "otlp_http/mlflow"
QUESTION = Question("What is the weather in Paris?", "acceptance-1", "WX-12345678", "", 100.0, 100.4)
EXPORTER = Exporter(
    MLFLOW,
    "traces/mlflow",
    "http://mlflow:5000/v1/traces",
    {},
    filters={"filter/openinference_only": 2},
)
WITH_LOGIN = replace(EXPORTER, authenticator="basicauth/mlflow")
WITH_TOKEN = replace(EXPORTER, authenticator="oauth2client/mlflow")
IDLE = 'otelcol_exporter_queue_capacity{exporter="otlp_http/mlflow"} 100000\notelcol_process_uptime 60\n'
FILTERED_ONE = 'otelcol_processor_filter_spans_filtered{filter="filter/openinference_only"} 2\n'
FILTERED_ALL = 'otelcol_processor_filter_spans_filtered{filter="filter/openinference_only"} 20\n'
RECEIVED = 'otelcol_receiver_accepted_spans{receiver="otlp",transport="http"} 10\n'
SENT = 'otelcol_exporter_sent_spans{exporter="otlp_http/mlflow"} 10\n'
QUEUED = 'otelcol_exporter_queue_size{data_type="traces",exporter="otlp_http/mlflow"} 10\n'
REFUSED = 'otelcol_receiver_refused_spans{receiver="otlp"} 10\n'
EXPERIMENT = {"id": "1", "name": "weather-agent", "lifecycle": "active"}


def metrics(text: str) -> Metrics:
    return Collector().parse_metrics(text)


def failed(error_type: str, *, permanent: bool = True) -> str:
    labels = f'error_permanent="{str(permanent).lower()}",error_type="{error_type}",exporter="{MLFLOW}"'
    return f"otelcol_exporter_send_failed_spans{{{labels}}} 10\n"


def log_line(kind: str, error: str) -> str:
    return f'2026-11-24T00:00:00Z\tinfo\t{kind}\t{{"otelcol.component.id": "{MLFLOW}", "error": "{error}"}}'


def dropped(status: int) -> str:
    return log_line("Exporting failed. Dropping data.", f"responded with HTTP Status Code {status}")


def not_retried(error: str) -> str:
    tried = (
        "Exporting failed. Dropping data. Try enabling retry_on_failure config option to retry on retryable"
    )
    return log_line(f"{tried} errors.", error)


def rejected(error: str) -> str:
    tried = "Exporting failed. Rejecting data. Try enabling sending_queue to survive temporary failures."
    return log_line(tried, error)


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


# As PostgreSQL 18.6 logged it for an MLflow whose database was read-only.
READ_ONLY_POSTGRES = [
    "2026-11-26 12:16:44.011 UTC [3373] ERROR:  cannot execute SELECT FOR UPDATE in a read-only transaction",
    "2026-11-26 12:16:44.011 UTC [3373] STATEMENT:  SELECT trace_info.request_id AS trace_info_request_id",
]

OWN_URL = 'server_address="mlflow",server_port="5000",url_path="/v1/traces"'
TRACE = Trace("0" * 32, (Span("0" * 32, "b", "a", "x", "LLM", 0, 1, "OK"),) * 2, "mlflow", "IN_PROGRESS")

CASES = {
    "the agent fails": (
        seen(question=replace(QUESTION, answer="", failure="HTTP status 503: no available server")),
        "the agent did not answer: HTTP status 503",
    ),
    "the collector is away": (
        seen(
            after=None,
            stopped={"otel-collector": ["0 of 1 replicas are Ready"]},
            unread={"after": "no metrics"},
        ),
        "the collector does not run (0 of 1 replicas are Ready)",
    ),
    "the collector's metrics are closed": (
        seen(after=None, unread={"after": "the metrics of otel-collector cannot be read: 403 forbidden"}),
        "cause unknown: the metrics of otel-collector cannot be read: 403 forbidden",
    ),
    "MLflow is down, and the collector's metrics are closed": (
        seen(after=None, stopped={"mlflow": ["it is scaled to 0 replicas"]}),
        "MLflow does not run (it is scaled to 0 replicas)",
    ),
    "MLflow refuses, and the collector's metrics are closed": (
        seen(after=None, log=[dropped(404)], sent_to="1", experiment={"id": "1", "lifecycle": "active"}),
        "MLflow refused spans and the collector dropped them: status 404",
    ),
    "MLflow is not reached, and the collector's metrics are closed": (
        seen(after=None, log=[retried("lookup mlflow: no such host")]),
        "MLflow does not take the spans: its host name does not resolve",
    ),
    "spans are missing, and the collector's metrics are closed": (
        seen(after=None, trace=Trace("0" * 32, (span("a", None),), "mlflow", "OK"), expected_spans=10),
        "it stored 1 of 10 spans",
    ),
    "nobody answers, and the collector's metrics are closed": (
        seen(after=None, backend_error="MLflow answers 503"),
        "MLflow cannot be asked: MLflow answers 503",
    ),
    "a network policy denies the agent, and the collector's metrics are closed": (
        seen(after=None, denied_to_collector="egress of weather-agent is denied"),
        "the agent does not reach the collector: egress of weather-agent is denied",
    ),
    "a network policy denies the connection to the collector": (
        seen(denied_to_collector="ingress of otel-collector is denied: no policy allows it (a/default-deny)"),
        "http://otel-collector:8335; ingress of otel-collector is denied: no policy allows it (a/default",
    ),
    "a network policy denies the connection to MLflow": (
        seen(
            RECEIVED + QUEUED,
            log=[retried("dial tcp: i/o timeout")],
            denied_to_backend="egress of otel-collector is denied: no policy allows it (a/default-deny)",
        ),
        "the collector does not reach MLflow: egress of otel-collector is denied: no policy allows it "
        "(a/default-deny); the collector keeps 10 spans and retries",
    ),
    "the trace is in another experiment": (
        seen(RECEIVED + SENT, elsewhere="experiment other (id 2)", sent_to="2"),
        "MLflow has it elsewhere: in experiment other (id 2); the collector sends to experiment 2, but "
        "weather-agent is experiment 1",
    ),
    "the trace came to another experiment, and not by the collector": (
        seen(elsewhere="experiment other (id 2)"),
        "MLflow has it elsewhere: in experiment other (id 2).",
    ),
    "the trace is in another workspace, and the collector's metrics are closed": (
        seen(after=None, elsewhere="experiment weather-agent (id 1) of workspace team2"),
        "MLflow has it elsewhere: in experiment weather-agent (id 1) of workspace team2",
    ),
    "the agent sends elsewhere": (
        seen(agent_endpoint="http://nowhere:4318"),
        "the collector accepted 0 spans from the agent, which sends to http://nowhere:4318",
    ),
    "the agent has no endpoint": (
        seen(RECEIVED + FILTERED_ALL, unsent="its container has no variable OTEL_EXPORTER_OTLP_ENDPOINT"),
        "the agent's spans do not leave it: its container has no variable OTEL_EXPORTER_OTLP_ENDPOINT; "
        "the collector accepted 10 spans of others meanwhile",
    ),
    "the agent has no endpoint, and the collector's metrics are closed": (
        seen(after=None, unsent="a connection to http://c:4318 fails: Connection refused"),
        "the agent's spans do not leave it: a connection to http://c:4318 fails: Connection refused",
    ),
    "the queue is full": (
        seen(
            'otelcol_receiver_refused_spans{receiver="otlp"} 10\n'
            'otelcol_exporter_enqueue_failed_spans{exporter="otlp_http/mlflow"} 10\n'
        ),
        "the collector refused 10 spans (each retry counts): the queue of otlp_http/mlflow is full",
    ),
    "the memory limiter refuses": (
        seen(
            'otelcol_receiver_refused_spans{receiver="otlp"} 10\n'
            'otelcol_processor_memory_limiter_refused_spans{processor="memory_limiter"} 10\n'
        ),
        "the collector refused 10 spans (each retry counts): it is short of memory (memory_limiter)",
    ),
    "the memory limiter refuses, and only says so in the log": (
        seen(REFUSED, log=["warn memorylimiter.go:301 Memory usage is above soft limit. Refusing data. {}"]),
        "the collector refused 10 spans (each retry counts): it is short of memory (memory_limiter)",
    ),
    "the collector refuses, and nothing says why": (
        seen(REFUSED),
        "the collector refused 10 spans (each retry counts), and neither its metrics nor its log say why.",
    ),
    "the exporter has no queue, and MLflow is not reached": (
        seen(REFUSED + failed("_OTHER", permanent=False), log=[rejected("connect: connection refused")]),
        "the collector takes no spans, as its exporter otlp_http/mlflow has no queue (sending_queue) and "
        "cannot send them: it refuses connections.",
    ),
    "the exporter has no queue, and MLflow refuses": (
        seen(REFUSED + failed("Unimplemented"), log=[rejected("HTTP Status Code 404")], sent_to="99"),
        "has no queue (sending_queue) and cannot send them: status 404, it has no experiment 99",
    ),
    "the exporter has no queue, and still tries": (
        seen("", exporter=replace(EXPORTER, has_queue=False), log=[retried("lookup mlflow: no such host")]),
        "the collector takes no spans, as its exporter otlp_http/mlflow has no queue (sending_queue) and "
        "cannot send them: its host name does not resolve.",
    ),
    "the exporter to another backend has no queue": (
        seen(REFUSED, log=[rejected("connect: connection refused").replace(MLFLOW, "otlp_http/phoenix")]),
        "the collector takes no spans, as its exporter otlp_http/phoenix has no queue",
    ),
    "an exporter without a queue is not missing where it has sent nothing yet": (
        seen(after=metrics(RECEIVED + FILTERED_ALL), exporter=replace(EXPORTER, has_queue=False)),
        "the collector dropped spans: accepted 10, filtered 10 (filter/openinference_only)",
    ),
    "the volume of the queue is full": (
        seen(
            'otelcol_receiver_refused_spans{receiver="otlp"} 10\n'
            'otelcol_exporter_enqueue_failed_spans{exporter="otlp_http/mlflow"} 10\n',
            log=['"error": "write /var/lib/otelcol/queue/x: no space left on device", "rejected_items": 3'],
        ),
        "the collector refused 10 spans (each retry counts): the volume of its queue is full.",
    ),
    "the pipeline is missing": (
        seen(RECEIVED, exporter=None, pipelines=["traces/phoenix"]),
        "the collector exports no traces to MLflow: its pipelines for traces are traces/phoenix",
    ),
    "the collector was not restarted": (
        seen(after=metrics(RECEIVED)),
        "the running collector lacks exporter otlp_http/mlflow, which its configuration has: restart it",
    ),
    "the collector was not restarted after its exporter's URL changed, as its log shows": (
        seen(
            RECEIVED + QUEUED,
            log=[retried('lookup old: Post \\"http://old:5000/v1/traces\\": no such host')],
        ),
        "the running collector sends to http://old:5000/v1/traces, but its configuration says "
        "http://mlflow:5000/v1/traces: restart it",
    ),
    "the collector was not restarted after its exporter's URL changed, as its metrics show": (
        seen(
            RECEIVED + 'otelcol_exporter_sent_spans{exporter="otlp_http/mlflow",server_address="old",'
            'server_port="5000",url_path="/v1/traces"} 10\n'
        ),
        "the running collector sends to old:5000/v1/traces, but its configuration says",
    ),
    "the collector was not restarted after its exporter's URL changed, and its metrics are closed": (
        seen(after=None, log=[dropped(404).replace("responded", "request to http://mlflow:80/x responded")]),
        "the running collector sends to http://mlflow:80/x, but its configuration says",
    ),
    "an exporter's URL with a slash at its end is the same": (
        seen(
            RECEIVED
            + SENT.replace("{", '{server_address="mlflow",server_port="5000",url_path="/v1/traces",'),
            exporter=replace(EXPORTER, endpoint="http://mlflow:5000/v1/traces/"),
            senders=[],
        ),
        "no trace there has this context as its session",
    ),
    "an address of IPv6 is the same with and without brackets": (
        seen(
            RECEIVED + SENT.replace("{", f"{{{OWN_URL.replace('mlflow', '2001:db8::1')},"),
            exporter=replace(EXPORTER, endpoint="http://[2001:db8::1]:5000/v1/traces"),
            senders=[],
        ),
        "no trace there has this context as its session",
    ),
    "a URL of the identity provider is not where spans are sent": (
        seen(
            RECEIVED + QUEUED,
            exporter=WITH_TOKEN,
            log=[retried('failed to get security token: Post \\"http://keycloak:8080/token\\": EOF')],
        ),
        "MLflow does not take the spans: its identity provider gives the collector no token",
    ),
    "a URL that MLflow redirects to is not where spans are sent": (
        seen(
            RECEIVED + QUEUED,
            log=[retried('Post \\"https://mlflow:5000/v1/traces\\": connection refused')],
        ),
        "MLflow does not take the spans: it refuses connections",
    ),
    "where a reference leads is not known": (
        seen(
            RECEIVED + QUEUED,
            exporter=replace(EXPORTER, endpoint="${env:URL}"),
            log=[retried('Post \\"http://mlflow:5000/v1/traces\\": connection refused')],
        ),
        "MLflow does not take the spans: it refuses connections",
    ),
    "a policy denies what arrived, and the collector's metrics are closed": (
        seen(after=None, trace=TRACE, denied_to_backend="egress of otel-collector is denied"),
        "it has 2 spans and no root.",
    ),
    "the experiment id is wrong": (
        seen(RECEIVED + failed("Unimplemented"), sent_to="99"),
        "status 404, it has no experiment 99, which the collector sends to",
    ),
    "the experiment is gone, and MLflow lets its spans wait": (
        seen(
            RECEIVED + QUEUED,
            sent_to="99",
            log=[retried("error exporting items, HTTP Status Code 503, Message=")],
            backend_log=["MLflow's database cannot store spans now: No Experiment with id=99 exists"],
        ),
        "MLflow does not take the spans: it has no experiment 99, which the collector sends to;",
    ),
    "the path is wrong": (
        seen(
            RECEIVED + failed("Unimplemented"),
            exporter=replace(EXPORTER, endpoint="http://mlflow:5000/v1/trace"),
        ),
        "status 404, the path of http://mlflow:5000/v1/trace is wrong, or experiment 1 was deleted for good",
    ),
    "the host is not allowed": (
        seen(RECEIVED + failed("PermissionDenied")),
        "status 403, its allowed hosts lack the host of http://mlflow:5000/v1/traces",
    ),
    "the collector has no login": (
        seen(RECEIVED + failed("Unauthenticated")),
        "status 401, it wants a login and the collector sends none: add components/mlflow-auth or",
    ),
    "MLflow without our answer does not know the collector's login": (
        seen(RECEIVED + failed("Unauthenticated"), exporter=WITH_LOGIN),
        "status 401, it does not know the login that the collector sends (basicauth/mlflow, Secret "
        "mlflow-collector): the password was changed in MLflow",
    ),
    "MLflow does not know the collector's login": (
        seen(RECEIVED + QUEUED, exporter=WITH_LOGIN, log=[retried("HTTP Status Code 503")]),
        "MLflow does not take the spans: it does not know the login that the collector sends",
    ),
    "MLflow does not know the collector's login, and logs nothing of its database": (
        seen(
            RECEIVED + QUEUED,
            exporter=WITH_LOGIN,
            log=[retried("HTTP Status Code 503")],
            backend_log=['INFO: 10.244.0.9:40000 - "POST /v1/traces HTTP/1.1" 503 Service Unavailable'],
        ),
        "gives MLflow the Secret's password again; the collector keeps 10 spans and retries.",
    ),
    "MLflow does not know the collector's login, or cannot store": (
        seen(RECEIVED + QUEUED, exporter=WITH_LOGIN, log=[retried("HTTP Status Code 503")]),
        "gives MLflow the Secret's password again. Or its database cannot store spans now: its log says so;",
    ),
    "MLflow does not accept the collector's token": (
        seen(RECEIVED + QUEUED, exporter=WITH_TOKEN, log=[retried("HTTP Status Code 503")]),
        "MLflow does not take the spans: it does not accept the token that the collector sends",
    ),
    "MLflow accepts nobody's token": (
        seen(
            RECEIVED + QUEUED,
            exporter=WITH_TOKEN,
            log=[retried("HTTP Status Code 503")],
            experiment=None,
            unread={"experiment": "MLflow rejects the login of Secret mlflow-admin: correct the Secret."},
        ),
        "MLflow does not take the spans: it does not accept the token that the collector sends",
    ),
    "the provider gives no token": (
        seen(
            RECEIVED + QUEUED,
            exporter=WITH_TOKEN,
            log=[retried("failed to get security token from token endpoint: connect: connection refused")],
        ),
        "MLflow does not take the spans: its identity provider gives the collector no token",
    ),
    "the collector's login has no permission": (
        seen(RECEIVED + failed("PermissionDenied"), exporter=WITH_TOKEN),
        "status 403, the collector's login (oauth2client/mlflow) may not store traces in experiment 1",
    ),
    "MLflow's database is away, login or not": (
        seen(RECEIVED + QUEUED, exporter=WITH_LOGIN, log=[retried("HTTP Status Code 503")], experiment=None),
        "MLflow does not take the spans: it answers 503, as it does without its database or with a read-only",
    ),
    "the agent logs why its spans are refused": (
        seen(
            agent_log=[
                "INFO answered in 0.2 s",
                "ERROR Failed to export span batch code: 400, reason: http: request body too large",
                "INFO answered in 0.3 s",
            ]
        ),
        "which sends to http://otel-collector:8335; the agent's log says: ERROR Failed to export span batch "
        "code: 400, reason: http: request body too large.",
    ),
    "two batches of one trace came at once": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(422)]),
        "status 422, its database did not take them, as where two batches with spans of one trace",
    ),
    "the experiment header is missing": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(422)], sent_to=None),
        "status 422, the collector sends no header x-mlflow-experiment-id",
    ),
    "the experiment is missing, and the spans are not sent yet": (
        seen(RECEIVED + QUEUED, sent_to="999999", experiment_name="", experiment=None),
        "MLflow has no experiment 999999, which the collector sends to",
    ),
    "the experiment id is its name": (
        seen(RECEIVED + failed("InvalidArgument"), sent_to="weather-agent"),
        "status 400, the experiment id is not a number: the collector sends 'weather-agent'",
    ),
    "a span is poisonous": (
        seen(RECEIVED + failed("InvalidArgument")),
        "status 400, the batch has a span that it cannot store",
    ),
    "MLflow cannot store, and PostgreSQL logs why": (
        seen(RECEIVED + failed("InvalidArgument"), database_log=READ_ONLY_POSTGRES),
        "status 400, its database did not take the batch: cannot execute SELECT FOR UPDATE in a read-only "
        "transaction.",
    ),
    "MLflow cannot store, and it logs why itself": (
        seen(
            RECEIVED + failed("InvalidArgument"),
            database_log=READ_ONLY_POSTGRES,
            backend_log=["(psycopg2.errors.DiskFull) could not extend file: No space left on device"],
        ),
        "status 400, its database did not take the batch: could not extend file: No space left on device.",
    ),
    "MLflow has no free connection to its database": (
        seen(
            RECEIVED + failed("InvalidArgument"),
            backend_log=[
                "sqlalchemy.exc.TimeoutError: QueuePool limit of size 1 overflow 0 reached, timeout 30"
            ],
        ),
        "status 400, its database did not take the batch: QueuePool limit of size 1 overflow 0 reached",
    ),
    "MLflow 3.9 cannot store, and PostgreSQL logs why": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(422)], database_log=READ_ONLY_POSTGRES),
        "status 422, its database did not take the batch: cannot execute SELECT FOR UPDATE in a read-only",
    ),
    "two batches of one trace came at once, and PostgreSQL logs it": (
        seen(
            RECEIVED + failed("Unknown"),
            log=[dropped(422)],
            database_log=["2026-11-26 12:16:44.011 UTC [3] ERROR:  duplicate key value violates unique"],
        ),
        "num_consumers 1 in the exporter's sending_queue prevents that",
    ),
    "MLflow's database takes no login of it": (
        seen(
            RECEIVED + QUEUED,
            exporter=WITH_LOGIN,
            log=[retried("HTTP Status Code 503")],
            backend_log=['(psycopg2.OperationalError) FATAL:  role "mlflow" is not permitted to log in'],
        ),
        "MLflow does not take the spans: it answers 503, as it does without its database or with a read-only "
        'one. Its database says: FATAL:  role "mlflow" is not permitted to log in; the collector keeps 10',
    ),
    "MLflow waits for a database that takes no login of it": (
        seen(
            RECEIVED + QUEUED,
            log=[retried("context deadline exceeded")],
            backend_log=['(psycopg2.OperationalError) FATAL:  role "mlflow" is not permitted to log in'],
        ),
        "MLflow does not take the spans: it does not answer in time. Its database says: FATAL:  role "
        '"mlflow" is not permitted to log in; the collector keeps 10 spans and retries',
    ),
    "our MLflow logs the state of its database": (
        seen(
            RECEIVED + QUEUED,
            log=[retried("HTTP Status Code 503")],
            backend_log=["MLflow's database cannot store spans now: cannot execute INSERT in a read-only x"],
        ),
        "Its database says: cannot execute INSERT in a read-only x; the collector keeps 10 spans and retries",
    ),
    "an error in the database is no reason for another answer": (
        seen(RECEIVED + failed("PermissionDenied"), database_log=READ_ONLY_POSTGRES),
        "status 403, its allowed hosts lack the host of http://mlflow:5000/v1/traces.",
    ),
    "another's login at the database is no reason": (
        seen(
            RECEIVED + failed("InvalidArgument"),
            database_log=['2026-11-26 12:17:48.464 UTC [3610] FATAL:  role "phoenix" is not permitted'],
        ),
        "status 400, the batch has a span that it cannot store, or its database takes no writes",
    ),
    "Phoenix cannot be asked, and logs why": (
        seen(
            RECEIVED,
            backend="phoenix",
            backend_error="Phoenix answers 500.",
            backend_log=[
                "sqlalchemy.exc.DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) "
                "<class 'asyncpg.exceptions.ReadOnlySQLTransactionError'>: cannot execute INSERT"
            ],
        ),
        "Phoenix cannot be asked: Phoenix answers 500; its database says: cannot execute INSERT.",
    ),
    "an error without a meaning": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(500)]),
        "refused 10 spans and the collector dropped them: status 500",
    ),
    "the exporter does not retry, and MLflow is not reached": (
        seen(RECEIVED + failed("_OTHER", permanent=False), log=[not_retried("connect: connection refused")]),
        "the collector could not send 10 spans to MLflow and dropped them: it refuses connections. It does "
        "not retry: retry_on_failure of its exporter is not enabled.",
    ),
    "the exporter does not retry, and MLflow has no database": (
        seen(
            RECEIVED + failed("Unavailable", permanent=False),
            log=[not_retried("responded with HTTP Status Code 503, Message=, Details=[]")],
        ),
        "MLflow refused 10 spans and the collector dropped them: it answers 503, as it does without its "
        "database or with a read-only one. It does not retry",
    ),
    "the exporter retries no longer": (
        seen(
            RECEIVED + failed("_OTHER", permanent=False),
            log=[log_line("Exporting failed. Dropping data.", "no more retries left: dial tcp: i/o timeout")],
        ),
        "its address does not answer, as when a NetworkPolicy denies the connection. It retries no longer "
        "than retry_on_failure.max_elapsed_time of its exporter.",
    ),
    "the exporter does not retry, and its log is not read": (
        seen(RECEIVED + failed("_OTHER", permanent=False)),
        "the collector could not send 10 spans to MLflow and dropped them: counted as _OTHER.",
    ),
    "MLflow is scaled to 0": (
        seen(
            RECEIVED + QUEUED,
            stopped={"mlflow": ["it is scaled to 0 replicas"]},
            log=[retried("dial tcp 10.96.0.1:5000: connect: connection refused")],
        ),
        "MLflow does not run (it is scaled to 0 replicas); the collector keeps 10 spans and retries",
    ),
    "MLflow has no Ready pod any more, and its log says why": (
        seen(
            RECEIVED + QUEUED,
            stopped={"mlflow": ["0 of 1 replicas are Ready"]},
            backend_log=['(psycopg2.OperationalError) FATAL:  role "mlflow" is not permitted to log in'],
        ),
        "MLflow does not run (0 of 1 replicas are Ready); the collector keeps 10 spans and retries. "
        "Its database says: ",
    ),
    "the host name is wrong": (
        seen(RECEIVED + QUEUED, log=[retried("dial tcp: lookup mlflw on 10.96.0.10:53: no such host")]),
        "does not take the spans: its host name does not resolve; the collector keeps 10 spans and retries",
    ),
    "nobody answers the exporter in time": (
        seen(RECEIVED + QUEUED, log=[retried("context deadline exceeded")]),
        "MLflow does not take the spans: it does not answer in time. Or no name server resolves its host",
    ),
    "MLflow has no database": (
        seen(RECEIVED + QUEUED, log=[retried("responded with HTTP Status Code 503")]),
        "MLflow does not take the spans: it answers 503, as it does without its database",
    ),
    "another exporter's line is not evidence": (
        seen(RECEIVED + QUEUED, log=[retried("no such host").replace(MLFLOW, "otlp_http/phoenix")]),
        "accepted 10, sent to MLflow 0, still in the collector's queue 10: sending_queue.batch of "
        "otlp_http/mlflow waits for more, or MLflow has not answered yet",
    ),
    "the collector does not log that it retries": (
        seen(RECEIVED + QUEUED, log_level="error"),
        "or it retries and logs none of it: service.telemetry.logs.level is error, not info.",
    ),
    "the filter drops everything": (
        seen(RECEIVED + FILTERED_ALL),
        "the collector dropped spans: accepted 10, filtered 10 (filter/openinference_only), sent to MLflow 0",
    ),
    "the filter drops some spans, and the others wait": (
        seen(RECEIVED + FILTERED_ONE),
        "the collector accepted 10 spans and sent none to MLflow yet.",
    ),
    "the experiment is deleted": (
        seen(RECEIVED + SENT, experiment={**EXPERIMENT, "lifecycle": "deleted"}),
        "experiment weather-agent is deleted: MLflow takes its traces and hides them",
    ),
    "the experiment that the collector sends to is deleted": (
        seen(
            RECEIVED + SENT,
            experiment_name="",
            sent_to="7",
            experiment={"id": "7", "name": "x", "lifecycle": "deleted"},
        ),
        "experiment 7 is deleted: MLflow takes its traces and hides them.",
    ),
    "the traces go to another experiment": (
        seen(RECEIVED + SENT, sent_to="0"),
        "the collector sends to experiment 0, but weather-agent is experiment 1",
    ),
    "the experiment does not exist": (
        seen(RECEIVED + SENT, experiment=None),
        "MLflow has no experiment weather-agent",
    ),
    "MLflow cannot be asked": (
        seen(RECEIVED + SENT, backend_error="There is no way in to mlflow: 404"),
        "the collector sent the spans, but There is no way in to mlflow: 404",
    ),
    "MLflow cannot be asked while spans are on their way": (
        seen(RECEIVED + QUEUED, backend_error="There is no way in to mlflow: 404"),
        "MLflow cannot be asked: There is no way in to mlflow: 404",
    ),
    "the root is missing, and a filter dropped it": (
        seen(
            RECEIVED + SENT + FILTERED_ONE,
            trace=Trace("0" * 32, (span("b", "a"), span("c", "b")), "mlflow", "IN_PROGRESS"),
        ),
        "it has 2 spans and no root: accepted 10, filtered 1 (filter/openinference_only)",
    ),
    "the root is missing": (
        seen(
            RECEIVED + SENT, trace=Trace("0" * 32, (span("b", "a"), span("c", "b")), "mlflow", "IN_PROGRESS")
        ),
        "it has 2 spans and no root",
    ),
    "there are orphans": (
        seen(RECEIVED + SENT, trace=Trace("0" * 32, (span("a", None), span("c", "b")), "mlflow", "OK")),
        "1 of its 2 spans lack their parents (span-c)",
    ),
    "spans are missing": (
        seen(RECEIVED + SENT, trace=Trace("0" * 32, (span("a", None),), "mlflow", "OK"), expected_spans=10),
        "it stored 1 of 10 spans",
    ),
    "spans are missing, and the agent dropped some": (
        seen(
            RECEIVED + SENT,
            trace=Trace("0" * 32, (span("a", None),), "mlflow", "OK"),
            expected_spans=10,
            agent_log=["WARNING Queue full, dropping Span.", "Transient error encountered while exporting"],
        ),
        "it stored 1 of 10 spans; the agent's log says: WARNING Queue full, dropping Span.",
    ),
    "the backend is behind": (
        seen(RECEIVED + SENT + QUEUED.replace("} 10", "} 10870"), senders=["load (300)"]),
        "MLflow is behind, and the trace may wait: sent to MLflow 10 since the question, still in the "
        "collector's queue 10870",
    ),
    "the session is lost, with a batch on its way": (
        seen(RECEIVED + SENT + QUEUED, senders=[]),
        "no trace there has this context as its session: the root span is missing or has another session.",
    ),
    "the session is lost": (
        seen(RECEIVED + SENT, senders=[]),
        "no trace there has this context as its session: the root span is missing or has another session.",
    ),
    "the session is lost, or all spans are of others": (
        seen(RECEIVED + SENT, senders=["climate-agent (2)"]),
        "has another session, or the agent sent nothing: since the question MLflow got traces of "
        "climate-agent (2).",
    ),
    "the session is lost, and nobody knows whose spans were counted": (
        seen(RECEIVED + SENT),
        "has another session, or the agent sent nothing: the collector counts the spans of all senders "
        "together.",
    ),
}

PROXY = "the proxy proxy.x:3128 (HTTP_PROXY; NO_PROXY lacks mlflow)"
CASES |= {
    "the agent's SDK samples": (
        seen(held_back="its container has OTEL_TRACES_SAMPLER=x, so it exports 10 % of its traces"),
        "sends to http://otel-collector:8335; its container has OTEL_TRACES_SAMPLER=x, so it exports",
    ),
    "the agent sends HTTP to the port of gRPC": (
        seen(not_taken="they are sent by HTTP, and the collector speaks gRPC at that port"),
        "which sends to http://otel-collector:8335; they are sent by HTTP, and the collector speaks gRPC at",
    ),
    "the agent sends through a proxy": (
        seen(proxy_of_agent=PROXY),
        "which sends to http://otel-collector:8335 through the proxy proxy.x:3128 (HTTP_PROXY; NO_PROXY",
    ),
    "the collector sends through a proxy that answers": (
        seen(RECEIVED + failed("PermissionDenied"), proxy_of_collector=PROXY),
        "dropped them: the proxy proxy.x:3128 (HTTP_PROXY; NO_PROXY lacks mlflow) answers so, or "
        "status 403, its allowed hosts lack",
    ),
    "the collector sends through a proxy that wants it to wait": (
        seen(RECEIVED + QUEUED, proxy_of_collector=PROXY, log=[retried("HTTP Status Code 503")]),
        "does not take the spans: the proxy proxy.x:3128 (HTTP_PROXY; NO_PROXY lacks mlflow) answers so. "
        "Or it answers 503",
    ),
    "the collector sends to another namespace's MLflow": (
        seen(
            RECEIVED + SENT,
            other_backend="http://mlflow.old:5000/v1/traces is not Service mlflow in namespace a",
        ),
        "the collector sent the spans elsewhere: http://mlflow.old:5000/v1/traces is not Service mlflow in",
    ),
    "the agent's SDK samples, and its log says more": (
        seen(held_back="it exports 10 % of its traces", agent_log=["Failed to export span batch code: 404"]),
        "the agent's log says: Failed to export span batch code: 404.",
    ),
}
PIPELINE = replace(EXPORTER, receivers=["otlp"], processors=["memory_limiter", "filter/openinference_only"])
# What can happen to spans between receiver and exporter.
CASES |= {
    "spans come by a receiver that the pipeline does not have": (
        seen(RECEIVED, exporter=replace(PIPELINE, receivers=["otlp/other"])),
        "spans came by receiver otlp, but pipeline traces/mlflow to MLflow has receiver otlp/other.",
    ),
    "spans come from another pipeline": (
        seen(RECEIVED, exporter=replace(PIPELINE, receivers=["routing"], connectors=["routing"])),
        "the collector accepted 10 spans and sent none to MLflow yet: routing may keep them, or have dropped",
    ),
    "a processor passes nothing": (
        seen(
            RECEIVED
            + 'otelcol_processor_incoming_items{otel_signal="traces",processor="probabilistic_sampler"} 10\n'
            + 'otelcol_processor_outgoing_items{otel_signal="traces",processor="probabilistic_sampler"} 0\n',
            exporter=replace(PIPELINE, processors=["probabilistic_sampler", "batch"]),
        ),
        "the collector dropped spans before MLflow: probabilistic_sampler passed 0 of 10.",
    ),
    "a processor holds spans back": (
        seen(
            RECEIVED, exporter=replace(PIPELINE, processors=["memory_limiter", "batch/slow", "transform/x"])
        ),
        "accepted 10 spans and sent none to MLflow yet: batch/slow may keep them, or have dropped them.",
    ),
    "nothing of the pipeline holds spans back": (
        seen(RECEIVED, exporter=PIPELINE),
        "the collector accepted 10 spans and sent none to MLflow yet.",
    ),
}
OF_PHOENIX: dict[str, Any] = {
    "backend": "phoenix",
    "exporter": replace(EXPORTER, endpoint="http://phoenix:6006/v1/traces"),
    "sent_to": None,
}
WITH_HEADER = {"Authorization": "Bearer ${env:PHOENIX_API_KEY}"}
# What the same status means where another backend answers it, or the request has another form.
CASES |= {
    "Phoenix wants a login": (
        seen(RECEIVED + failed("Unauthenticated"), **OF_PHOENIX),
        "Phoenix refused 10 spans and the collector dropped them: status 401, it wants a login and the "
        "collector sends none: give its exporter a header Authorization",
    ),
    "Phoenix does not know the collector's key": (
        seen(
            RECEIVED + failed("Unauthenticated"),
            **OF_PHOENIX | {"exporter": replace(OF_PHOENIX["exporter"], headers=WITH_HEADER)},
        ),
        "status 401, it does not know the login that the collector sends (header Authorization).",
    ),
    "Phoenix cannot read the request": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(422)], **OF_PHOENIX),
        "Phoenix refused 10 spans and the collector dropped them: status 422.",
    ),
    "Phoenix is read-only": (
        seen(RECEIVED + failed("PermissionDenied"), **OF_PHOENIX),
        "Phoenix refused 10 spans and the collector dropped them: status 403.",
    ),
    "Phoenix takes no JSON": (
        seen(
            RECEIVED + failed("Unknown"),
            log=[dropped(415)],
            **OF_PHOENIX | {"exporter": replace(OF_PHOENIX["exporter"], encoding="json")},
        ),
        "status 415, it does not take requests in the form that the collector sends (encoding json, comp",
    ),
    "MLflow does not know the login of a header": (
        seen(RECEIVED + failed("Unauthenticated"), exporter=replace(EXPORTER, headers=WITH_HEADER)),
        "status 401, it does not know the login that the collector sends (header Authorization).",
    ),
    "MLflow does not know the compression": (
        seen(RECEIVED + failed("InvalidArgument"), exporter=replace(EXPORTER, compression="zstd")),
        "status 400, it does not know the compression that the collector sends (zstd).",
    ),
    "a proxy takes no request of that size": (
        seen(RECEIVED + failed("Unknown"), log=[dropped(413)]),
        "status 413, the request is larger than it or a proxy before it takes: make sending_queue",
    ),
}

UNCOUNTED: dict[str, Any] = {"before": None, "after": None, "unread": {"after": "they listen on localhost"}}
STOPPED = {"mlflow": ["it is scaled to 0 replicas"]}
# The same causes, where nobody but the collector itself can read its metrics.
CASES |= {
    "uncounted: the path is wrong": (
        seen(**UNCOUNTED, log=[dropped(404)], exporter=replace(EXPORTER, endpoint="http://mlflow:5000/x")),
        "MLflow refused spans and the collector dropped them: status 404, the path of http://mlflow:5000/x",
    ),
    "uncounted: an error without a status": (
        seen(**UNCOUNTED, log=[log_line("Exporting failed. Dropping data.", "no more retries left: x")]),
        "the collector could not send spans to MLflow and dropped them: see the log line below. It retries",
    ),
    "uncounted: an answer without a status": (
        seen(**UNCOUNTED, log=[log_line("Exporting failed. Dropping data.", "not retryable error: x")]),
        "MLflow refused spans and the collector dropped them: see the log line below.",
    ),
    "uncounted: the pipeline is missing": (
        seen(**UNCOUNTED, exporter=None, pipelines=["traces/phoenix (to otlp/phoenix)"]),
        "exports no traces to MLflow: its pipelines for traces are traces/phoenix (to otlp/phoenix)",
    ),
    "uncounted: there are orphans": (
        seen(**UNCOUNTED, trace=Trace("0" * 32, (span("a", None), span("c", "b")), "mlflow", "OK")),
        "1 of its 2 spans lack their parents (span-c)",
    ),
    "uncounted: the experiment is deleted": (
        seen(**UNCOUNTED, experiment=EXPERIMENT | {"lifecycle": "deleted"}),
        "experiment weather-agent is deleted: MLflow takes its traces and hides them",
    ),
    "the roll-out of the collector hangs, and its older pods serve": (
        seen(RECEIVED + SENT, problems={"otel-collector": ["0 of 1 replicas are of the current generation"]}),
        "no trace there has this context as its session",
    ),
    "the tool does not run": (
        seen(
            question=replace(QUESTION, answer="", failure="task state 'failed'"),
            stopped={"weather-tool": ["it is scaled to 0 replicas"]},
        ),
        "weather-tool does not run (it is scaled to 0 replicas); what came instead: task state 'failed'",
    ),
}


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        ("Failed to export span batch code: 404, reason: 404 page not found", True),
        ("Failed to export traces to otel-collector:4317, error code: StatusCode.UNAVAILABLE", True),
        (
            "Transient error Not Found encountered while exporting span batch, retrying in 0.9s.",
            True,
        ),
        ("Exception while exporting Span.", True),
        ("Queue full, dropping Span.", True),
        ("Dropping span batch: serialized size 70 bytes exceeds max_request_size 60 bytes.", True),
        ("2026/11/26 08:00:00 traces export: failed to send to http://c:4318/v1/traces: 404 Not Found", True),
        ('{"name":"OTLPExporterError","code":"404"}', True),
        ("Failed to export spans. Server responded with HTTP status code 503.", True),
        ("INFO weather_agent.executor trace 82f6 answered in 0.21 s", False),
        ("ERROR The model failed: Error code: 500", False),
    ],
)
def test_what_an_exporter_of_an_sdk_logs_is_known(line: str, is_error: bool) -> None:
    assert bool(seen(agent_log=[line]).export_errors) == is_error


POST = 'failed to make an HTTP request: Post \\"http://mlflow:5000/v1/traces\\": '
GRPC = "rpc error: code = Unavailable desc = connection error: desc = \\"


# The errors are as collector 0.158 logged them, but for those of TLS, of a name server and of an old gRPC.
@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (
            f"{POST}proxyconnect tcp: dial tcp: lookup proxy.x on 10.96.0.10:53: no such host",
            "the collector asks it through a proxy",
        ),
        (
            f"{POST}proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused",
            "the collector asks it through a proxy",
        ),
        (f"{POST}dial tcp: lookup mlflow on 10.96.0.10:53: no such host", "its host name does not resolve"),
        ("rpc error: code = Unavailable desc = no children to pick from", "its host name does not resolve"),
        (
            "rpc error: code = Unavailable desc = name resolver error: produced zero addresses",
            "its host name does not resolve",
        ),
        (
            f"{POST}dial tcp: lookup mlflow on 10.96.0.1:53: read udp 10.1.0.5:4->10.96.0.1:53: i/o timeout",
            "no name server resolves its host name",
        ),
        (
            f"{POST}dial tcp: lookup mlflow on 10.96.0.10:53: read udp 10.1.0.5:4->10.96.0.10:53: read: "
            "connection refused",
            "no name server resolves its host name",
        ),
        (
            f"{POST}dial tcp: lookup mlflow on 10.96.0.10:53: server misbehaving",
            "no name server resolves its",
        ),
        (
            f"{POST}tls: failed to verify certificate: x509: certificate is valid for mlflow.x, not mlflow",
            "the collector does not trust its certificate (certificate is valid for mlflow.x, not mlflow)",
        ),
        (
            f"{POST}remote error: tls: certificate required",
            "it ends the TLS connection (certificate required)",
        ),
        (
            f"{POST}http: server gave HTTP response to HTTPS client",
            "it speaks http, and the collector sends h",
        ),
        (
            f'{GRPC}"transport: authentication handshake failed: tls: first record does not look like a TLS '
            'handshake\\"',
            "it speaks no TLS, and the collector does",
        ),
        (
            f"{POST}net/http: HTTP/1.x transport connection broken: malformed HTTP response "
            r"\"\\x15\\x03\\x01\\x00\\x02\\x02\\x16\"",
            "it speaks TLS, and the collector sends http",
        ),
        (
            f"{POST}net/http: HTTP/1.x transport connection broken: malformed HTTP response "
            r"\"\\x00\\x00\\x06\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x05\\x00\\x00@\\x00\"",
            "it speaks gRPC at that port, and the collector sends HTTP",
        ),
        (f'{POST}net/http: malformed HTTP response \\"SSH-2.0\\"', "its answer is not HTTP"),
        (
            f'{GRPC}"error reading server preface: http2: frame too large\\"',
            "it does not speak gRPC at that port",
        ),
        (
            f'{GRPC}"transport: Error while dialing: dial tcp 10.0.0.9:4317: connect: connection refused\\"',
            "it refuses connections",
        ),
        (
            f"{POST}dial tcp 10.0.0.9:5000: i/o timeout",
            "its address does not answer, as when a NetworkPolicy",
        ),
        (
            f"{POST}read tcp 10.1.0.5:4->10.0.0.9:5000: read: connection reset by peer",
            "it closes the connections",
        ),
        (
            "request to http://mlflow:5000/v1/traces responded with HTTP Status Code 504",
            "a proxy before it answers 504",
        ),
        ("something that nobody has seen", "see the log line below"),
    ],
)
def test_what_keeps_the_collector_from_sending_is_named(error: str, meaning: str) -> None:
    cause = f"MLflow does not take the spans: {meaning}"
    assert cause in explain(seen(RECEIVED + QUEUED, log=[retried(error)])).splitlines()[0]


def named(evidence: Evidence) -> tuple[str, str]:
    cause = name_cause(evidence)
    return cause["subject"], cause["sentence"]


def test_the_cause_names_the_backend_only_where_it_is_the_backend_s() -> None:
    subject, sentence = named(seen(""))
    assert subject == "traces"
    assert sentence.startswith("Traces do not arrive whole: the collector accepted 0 spans")
    subject, sentence = named(seen(RECEIVED + SENT))
    assert subject == "traces in mlflow"
    assert sentence.startswith("Traces do not arrive whole in MLflow: the collector sent")
    unasked = seen(RECEIVED + SENT, backend_error="MLflow at http://mlflow cannot be asked: it answers 404")
    assert named(unasked)[1] == (
        "Whether traces arrive in MLflow is unknown: the collector sent the spans, but "
        "MLflow at http://mlflow cannot be asked: it answers 404"
    )
    unanswered = replace(QUESTION, answer="", failure="HTTP status 502: Bad Gateway")
    assert named(seen("", question=unanswered)) == (
        "answer",
        "The agent does not answer: HTTP status 502: Bad Gateway",
    )


NOT_CERTAIN = {
    "several causes fit": (seen(RECEIVED + failed("InvalidArgument")), "collector exported", "likely"),
    "nothing says why": (seen(""), "collector received", "likely"),
    "all senders are counted together": (seen(RECEIVED + SENT), "backend stored", "likely"),
    "evidence contradicts it": (
        seen(RECEIVED + SENT, trace=TRACE, stopped={"mlflow": ["it is gone"]}),
        "backend stored",
        "likely",
    ),
    "the backend cannot be asked": (
        seen(RECEIVED + SENT, backend_error="it answers 404"),
        "backend stored",
        "unknown",
    ),
    "the configuration cannot be read": (
        seen(RECEIVED, exporter=None, unread={"configuration": "403 Forbidden"}),
        "collector exported",
        "unknown",
    ),
}
CERTAIN = {
    "the agent fails": (seen(question=replace(QUESTION, failure="HTTP status 503")), "agent"),
    "the agent sends nothing": (seen(unsent="its container exports none"), "agent"),
    "a policy denies the agent": (seen(denied_to_collector="ingress is denied"), "collector received"),
    "the database says why": (
        seen(RECEIVED + failed("InvalidArgument"), database_log=READ_ONLY_POSTGRES),
        "collector exported",
    ),
    "the trace lacks spans": (seen(RECEIVED + SENT, trace=TRACE), "backend stored"),
}


@pytest.mark.parametrize(
    ("evidence", "hop", "certainty"),
    [*NOT_CERTAIN.values(), *((*case, "certain") for case in CERTAIN.values())],
    ids=[*NOT_CERTAIN, *CERTAIN],
)
def test_the_cause_has_its_hop_and_how_sure_it_is(evidence: Evidence, hop: str, certainty: str) -> None:
    cause = name_cause(evidence)
    assert (cause["hop"], cause["certainty"]) == (hop, certainty)


@pytest.mark.parametrize(("evidence", "cause"), CASES.values(), ids=CASES.keys())
def test_first_line_names_the_cause(evidence: Evidence, cause: str) -> None:
    first = explain(evidence).splitlines()[0]
    asked = "The trace of 'What is the weather in Paris?' (context acceptance-1)"
    assert first.startswith(f"{asked} is not whole in {evidence.title}")
    assert cause in first


def test_the_verdict_shows_the_hops_and_the_evidence() -> None:
    line = retried("dial tcp 10.96.0.1:5000: connect: connection refused")
    message = explain(
        seen(RECEIVED + QUEUED, problems={"mlflow": ["it is scaled to 0 replicas"]}, log=[line])
    )
    assert message.splitlines()[1:] == [
        "Hops: agent answered in 0.4 s > collector accepted 10 > "
        "otlp_http/mlflow sent 0, failed 0, queued 10 > MLflow stored 0",
        "- mlflow: it is scaled to 0 replicas",
        "- exporter otlp_http/mlflow of pipeline traces/mlflow sends to http://mlflow:5000/v1/traces",
        "- the collector sends to experiment 1; weather-agent is 1 (active)",
        f"- collector's log: {line}",
    ]


def test_a_missing_answer_is_explained_by_what_does_not_run() -> None:
    failed = replace(QUESTION, answer="", failure="HTTP status 503")
    explained = Verdict().explain_missing_answer
    assert not explained(QUESTION, STOPPED)
    assert explained(failed, STOPPED) == (
        "Asked 'What is the weather in Paris?', the agent did not answer: HTTP status 503."
    )
    unreached = "from its pod a connection to model.team1:8000 fails: Connection refused"
    of_model = replace(QUESTION, answer="", failure="the agent failed: Connection error.")
    assert explained(of_model, {}, unreached).endswith(f"the agent failed: Connection error; {unreached}.")
    sentence = named(seen(question=of_model, obstacles=unreached))[1]
    assert sentence == f"The agent does not answer: the agent failed: Connection error; {unreached}"
    # So that the test that shows the cause is known as such.
    assert sentence.partition(": ")[2] in explained(of_model, {}, unreached)
    assert "the agent did not answer: weather-tool does not run (it is gone); what came" in explained(
        failed, {"weather-tool": ["it is gone"]}
    )


def test_uncounted_hops_are_said_to_be_so() -> None:
    assert explain(seen(**UNCOUNTED, stopped=STOPPED, problems=STOPPED)).splitlines()[1:4] == [
        "Hops: agent answered in 0.4 s > collector not counted > otlp_http/mlflow not counted > "
        "MLflow stored 0",
        "- mlflow: it is scaled to 0 replicas",
        "- not read: they listen on localhost",
    ]


def test_two_independent_faults_are_two_causes_and_a_shared_one_is_one() -> None:
    of_phoenix: dict[str, Any] = {
        "backend": "phoenix",
        "exporter": replace(EXPORTER, name="otlp_http/phoenix"),
    }
    faults = (
        seen(RECEIVED + failed("PermissionDenied")),
        seen(RECEIVED, **of_phoenix, stopped={"phoenix": ["it is scaled to 0 replicas"]}, after=None),
    )
    assert [named(each) for each in faults] == [
        (
            "traces in mlflow",
            "Traces do not arrive whole in MLflow: MLflow refused 10 spans and the collector dropped them: "
            "status 403, its allowed hosts lack the host of http://mlflow:5000/v1/traces",
        ),
        (
            "traces in phoenix",
            "Traces do not arrive whole in Phoenix: Phoenix does not run (it is scaled to 0 replicas)",
        ),
    ]
    shared = {"unsent": "its container exports none"}
    assert name_cause(seen(**shared)) == name_cause(seen(**of_phoenix, **shared))


@pytest.mark.parametrize(
    ("evidence", "contradiction"),
    [
        (
            seen(RECEIVED + SENT, trace=TRACE, denied_to_collector="ingress is denied (x)"),
            "ingress is denied (x), but MLflow has 2 spans of the question",
        ),
        (
            seen(RECEIVED + SENT, denied_to_backend="egress is denied (x)"),
            "egress is denied (x), but otlp_http/mlflow sent 10 spans",
        ),
        (
            seen(RECEIVED + SENT, trace=TRACE, stopped={"mlflow": ["it is gone"]}),
            "mlflow has no Ready pod, but MLflow has 2 spans of the question",
        ),
        (
            seen(RECEIVED, trace=TRACE),
            "otlp_http/mlflow sent nothing, but MLflow has 2 spans of the question: another way leads there",
        ),
    ],
)
def test_contradictions_are_shown(evidence: Evidence, contradiction: str) -> None:
    assert f"- contradiction: {contradiction}" in explain(evidence).splitlines()


def test_evidence_that_agrees_has_no_contradiction() -> None:
    earlier = seen(RECEIVED + SENT, before=None, stopped=STOPPED)
    for evidence in (seen(RECEIVED + SENT), seen(RECEIVED + SENT, trace=TRACE), seen(exporter=None), earlier):
        assert "contradiction" not in explain(evidence)


def test_the_backend_s_log_is_shown_where_it_says_what_went_wrong() -> None:
    log = [
        'INFO:     10.244.0.9:40000 - "POST /v1/traces HTTP/1.1" 200 OK',
        'INFO:     10.244.0.9:40000 - "POST /v1/traces HTTP/1.1" 400 Bad Request',
        "mlflow.exceptions.MlflowException: 'Session ID' exceeds the maximum length of 250 characters",
        '  File "/opt/venv/lib/python3.11/site-packages/mlflow/server.py", line 5, in log',
    ]
    lines = explain(seen(RECEIVED + failed("InvalidArgument"), backend_log=log)).splitlines()
    assert lines[-2:] == [f"- MLflow's log: {line}" for line in log[1:3]]


def test_spans_before_the_question_are_not_counted() -> None:
    before = IDLE + RECEIVED + SENT
    evidence = seen(after=metrics(before), before=metrics(before))
    assert "the collector accepted 0 spans from the agent" in explain(evidence)


CONFIGURATION = {
    "exporters": {MLFLOW: {"traces_endpoint": "http://mlflow:5000/v1/traces"}},
    "service": {
        "pipelines": {"traces/mlflow": {"exporters": [MLFLOW]}},
        "telemetry": {"logs": {"level": "WARN"}},
    },
}
READ: dict[str, tuple[str, Any]] = {
    "after": ("PASS", metrics(IDLE + RECEIVED)),
    "problems": ("PASS", {"mlflow": ["0 of 1 replicas are Ready"]}),
    "stopped": ("PASS", {"mlflow": ["0 of 1 replicas are Ready"]}),
    "configuration": ("PASS", CONFIGURATION),
    "sent_to": ("PASS", "1"),
    "experiment": ("PASS", EXPERIMENT),
    "agent_endpoint": ("PASS", "http://otel-collector:8335"),
    "denied_to_collector": ("PASS", "ingress of otel-collector is denied"),
    "denied_to_backend": ("PASS", "egress of otel-collector is denied"),
    "log": ("PASS", [retried("no such host")]),
    "backend_log": ("PASS", ["ERROR mlflow: out of memory"]),
    "database_log": ("PASS", READ_ONLY_POSTGRES),
}


@pytest.mark.parametrize("name", READ)
def test_what_cannot_be_read_takes_nothing_away_from_the_rest(name: str) -> None:
    def read(failing: str = "") -> Evidence:
        found = READ | ({failing: ("FAIL", "403 Forbidden")} if failing else {})
        return collect("mlflow", QUESTION, 30, found, service="mlflow", before=metrics(IDLE))

    whole, partly = read(), read(failing=name)
    lost = {"exporter", "pipelines", "log_level"} if name == "configuration" else {name}
    seen_fields = {field.name for field in fields(Evidence)} - {"unread"}
    assert {field for field in seen_fields if getattr(partly, field) != getattr(whole, field)} == lost
    assert "- not read: 403 Forbidden" in explain(partly).splitlines()


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        (
            seen(RECEIVED, exporter=None, pipelines=(), unread={"configuration": "403 Forbidden"}),
            "the collector accepted 10 spans, where it sends them is unknown: 403 Forbidden",
        ),
        (
            seen(
                RECEIVED,
                exporter=None,
                trace=Trace("0" * 32, (span("c", "b"),), "mlflow"),
                unread={"configuration": "403 Forbidden"},
            ),
            "it has 1 span and no root",
        ),
        (
            seen(RECEIVED + SENT, experiment=None, unread={"experiment": "503"}),
            "no trace there has this context as its session",
        ),
        (
            seen(RECEIVED + failed("Unimplemented"), experiment=None, unread={"experiment": "503"}),
            "status 404, the path of http://mlflow:5000/v1/traces is wrong, or experiment 1 was deleted",
        ),
    ],
)
def test_what_cannot_be_read_is_not_said_to_be_missing(evidence: Evidence, cause: str) -> None:
    assert cause in explain(evidence).splitlines()[0]


def test_numbers_without_a_first_reading_are_said_to_be_since_the_start() -> None:
    assert "its numbers are since its start" in explain(seen(RECEIVED, before=None))
