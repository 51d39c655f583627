"""What it means that a backend does not take spans: by the status of its answer, or the collector's log line.

What the collector counts and logs was measured with collector 0.158 and MLflow 3.17.2. Answers that a retry
may heal (429, 502, 503, 504, no connection, no such name) are retried without end: they show only as a queue
that grows and as log lines at level info. Any other answer makes the collector drop the spans at once and
count them by the gRPC status that the exporter translates it to. One that does not retry, or no longer, drops
them for either.

An answer can have more than one meaning: each function returns all that fit the evidence, each as the end of
a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pipeline.collector import FAILED, Exporter
from verdicts.evidence import Evidence

EXPERIMENT_HEADER = "x-mlflow-experiment-id"
# gRPC statuses that collector 0.158 counts HTTP statuses under.
STATUS_OF_TYPE = {
    "Unauthenticated": "401",
    "PermissionDenied": "403",
    "Unimplemented": "404",
    "InvalidArgument": "400",
}
RETRIED = frozenset({"429", "502", "503", "504"})  # statuses that the collector retries, if it is to
# What it counts spans under that it dropped without an answer, as where it does not retry.
NOT_ANSWERED = frozenset(
    {"_OTHER", "Canceled", "DeadlineExceeded", "Deadline_Exceeded", "Shutdown", "Unavailable"}
)
NO_RETRY, RETRIES_OVER = "Try enabling retry_on_failure", "no more retries left"
PERMANENT = "not retryable error"  # what it logs of an answer that it does not retry
COMPRESSIONS = frozenset({"none", "gzip", "deflate"})  # that MLflow knows: decompress_otlp_body of 3.17.2
NO_EXPERIMENT = "No Experiment with id="  # of MLflow
NO_DATABASE = "it answers 503, as it does without its database or with a read-only one"
REJECTED = "MLflow rejects the login"  # our own: resources/entry.resource says so
NO_ANSWER = "it does not answer in time"
# Patterns of what a log line says of why spans could not be sent, and what that means; `{}` is what the group
# found. The first that fits is right: Go wraps one error in another.
UNSENT = (
    # Of the extension oauth2client; the rest of its line is about the provider, not the backend.
    ("failed to get security token", "its identity provider gives the collector no token"),
    # Of net/http; the rest of its line is about the proxy.
    (
        "proxyconnect",
        "the collector asks it through a proxy (HTTPS_PROXY, HTTP_PROXY) that gives no connection",
    ),
    # The last two are of gRPC, which found no address.
    (r"no such host|no children to pick from|produced zero addresses", "its host name does not resolve"),
    # Of the resolver: a timeout, no connection, or an answer that is an error (`server misbehaving`).
    (
        r"\blookup \S+.*: ",
        "no name server resolves its host name, as when a NetworkPolicy denies DNS (port 53)",
    ),
    (r"x509: ([^\"\\]+)", "the collector does not trust its certificate ({})"),
    (r"remote error: tls: ([^\"\\]+)", "it ends the TLS connection ({})"),
    ("HTTP response to HTTPS client", "it speaks http, and the collector sends https"),
    ("first record does not look like a TLS handshake", "it speaks no TLS, and the collector does"),
    (r"malformed HTTP response \W*x15\W", "it speaks TLS, and the collector sends http"),
    (r"malformed HTTP response \W*x00\W+x00\W", "it speaks gRPC at that port, and the collector sends HTTP"),
    ("malformed HTTP response", "its answer is not HTTP"),
    ("error reading server preface", "it does not speak gRPC at that port, and the collector does"),
    ("connection refused", "it refuses connections"),
    ("HTTP Status Code 503", NO_DATABASE),
    (r"HTTP Status Code (502|504)", "a proxy before it answers {}"),
    ("HTTP Status Code 429", "it answers 429, too many requests"),
    (r"no route to host|network is unreachable", "there is no route to its address"),
    ("i/o timeout", "its address does not answer, as when a NetworkPolicy denies the connection"),
    ("deadline exceeded", NO_ANSWER),
    (r"EOF|connection reset by peer", "it closes the connections"),
)
SEE_LOG = "see the log line below"
_HTTP_STATUS = re.compile(r"HTTP Status Code (\d{3})")


def explain_drop(evidence: Evidence, exporter: Exporter) -> list[str]:
    """Return what it means that the collector dropped spans: by the answer, or why there was none.

    A proxy between the two may have answered instead of the backend.
    """
    of_proxy = _of_proxy(evidence) if _find_status(evidence, exporter) else []
    return [*of_proxy, *_explain_drop(evidence, exporter)]


def _explain_drop(evidence: Evidence, exporter: Exporter) -> list[str]:
    line = next(reversed(evidence.dropping_lines), "")
    types, status = _error_types(evidence, exporter), _find_status(evidence, exporter)
    meanings = {**OF_ANY, **(OF_MLFLOW if evidence.backend == "mlflow" else OF_PHOENIX)}
    if status == "500" and evidence.database_error:
        return [f"status 500, its database says: {evidence.database_error}"]
    if status in RETRIED:
        return _explain_answer(evidence, exporter, line)
    if status in meanings:
        first, *others = meanings[status](evidence, exporter)
        return [f"status {status}, {first}", *others]
    if status:
        return [f"status {status}"]
    found = explain_unsent(line)
    return [f"counted as {', '.join(sorted(types))}"] if found == SEE_LOG and types else [found]


def is_refusal(evidence: Evidence, exporter: Exporter) -> bool:
    """Return whether the collector dropped spans for what the backend answered, and not without an answer."""
    if _find_status(evidence, exporter):
        return True
    types = _error_types(evidence, exporter)
    if types:
        return not types <= NOT_ANSWERED
    return all(PERMANENT in line for line in evidence.dropping_lines)


def explain_no_retry(evidence: Evidence) -> str:
    """Return why the collector did not try again to send spans that it dropped, to go on with; or nothing."""
    line = next(reversed(evidence.dropping_lines), "")
    if NO_RETRY in line:
        return ". It does not retry: retry_on_failure of its exporter is not enabled"
    if RETRIES_OVER in line:
        return ". It retries no longer than retry_on_failure.max_elapsed_time of its exporter"
    return ""


def _error_types(evidence: Evidence, exporter: Exporter) -> set[str]:
    """Return under which types the collector counted the spans that it dropped, none below level detailed."""
    return set(evidence.grown.by("error_type", FAILED, exporter=exporter.name)) - {""}


def _find_status(evidence: Evidence, exporter: Exporter) -> str:
    """Return the HTTP status for which the collector dropped spans last, empty where none is known."""
    logged = [match[1] for line in evidence.dropping_lines for match in _HTTP_STATUS.finditer(line)]
    from_types = [STATUS_OF_TYPE[name] for name in _error_types(evidence, exporter) if name in STATUS_OF_TYPE]
    return next(iter([*reversed(logged), *from_types]), "")


def explain_retry(evidence: Evidence, exporter: Exporter, line: str) -> list[str]:
    """Return what a line about a retry means.

    Without a connection nobody has answered; otherwise a proxy between the two may have.
    An MLflow that cannot use its database waits for it: it answers late, or 503, and its log says so. One
    that answers 503 but finds the experiment in its database, or rejects our login too, means the collector's
    login, as components/mlflow-auth lets it answer; without a line of its log, perhaps a database that can be
    read alone.
    """
    of_proxy = _of_proxy(evidence) if _HTTP_STATUS.search(line) else []
    return [*of_proxy, *_explain_answer(evidence, exporter, line)]


def _explain_answer(evidence: Evidence, exporter: Exporter, line: str) -> list[str]:
    found = explain_unsent(line)
    if found == NO_DATABASE and NO_EXPERIMENT in evidence.database_error:
        return [f"it has no experiment {evidence.sent_to}, which the collector sends to"]
    if found in {NO_DATABASE, NO_ANSWER} and evidence.database_error:
        return [f"{found}. Its database says: {evidence.database_error}"]
    knows_users = evidence.experiment or REJECTED in evidence.unread.get("experiment", "")
    if "HTTP Status Code 503" in line and exporter.login and knows_users:
        of_database = [] if evidence.backend_log else ["its database cannot store spans now: its log says so"]
        return [*_login(evidence, exporter), *of_database]
    # A look-up of each name of a search list can take longer than the exporter waits for an answer.
    return [found, "no name server resolves its host name in time"] if found == NO_ANSWER else [found]


def _of_proxy(evidence: Evidence) -> list[str]:
    """Return that a proxy may have answered, empty where there is none on the way."""
    return [f"{evidence.proxy_of_collector} answers so"] if evidence.proxy_of_collector else []


def explain_unsent(line: str) -> str:
    """Return what a log line says of why spans could not be sent."""
    for pattern, meaning in UNSENT:
        if match := re.search(pattern, line):
            return meaning.format(*match.groups())
    return SEE_LOG


def _not_valid(evidence: Evidence, exporter: Exporter) -> list[str]:
    """Return what 400 means: MLflow cannot use the compression, the id, a span or its database."""
    if exporter.compression not in COMPRESSIONS:
        return [f"it does not know the compression that the collector sends ({exporter.compression})"]
    if evidence.sent_to and not evidence.sent_to.isdecimal():
        return [f"the experiment id is not a number: the collector sends {evidence.sent_to!r}"]
    if evidence.database_error:
        return [f"its database did not take the batch: {evidence.database_error}"]
    return [
        "the batch has a span that it cannot store",
        "its database takes no writes: PostgreSQL's log says",
    ]


def _not_stored(evidence: Evidence, _: Exporter) -> list[str]:
    """Return what 422 means: no experiment's id comes with the spans, or MLflow's database refused them.

    MLflow 3.9.0 answers so when two batches that have spans of one trace come at once: PostgreSQL logs
    `duplicate key value violates unique constraint`.
    """
    if not evidence.sent_to:
        return [f"the collector sends no header {EXPERIMENT_HEADER}"]
    if evidence.database_error and "duplicate key" not in evidence.database_error:
        return [f"its database did not take the batch: {evidence.database_error}"]
    return [
        "its database did not take them, as where two batches with spans of one trace come at once: "
        "num_consumers 1 in the exporter's sending_queue prevents that. PostgreSQL's log says which"
    ]


def _forbidden(evidence: Evidence, exporter: Exporter) -> list[str]:
    """Return what 403 means: a host name that MLflow does not answer to, or a login without a permission."""
    hosts = f"its allowed hosts lack the host of {exporter.endpoint}"
    if not exporter.login:
        return [hosts]
    experiment = f"experiment {evidence.sent_to}" if evidence.sent_to else "the experiment"
    return [f"the collector's login ({exporter.login}) may not store traces in {experiment}", hosts]


def _not_found(evidence: Evidence, exporter: Exporter) -> list[str]:
    """Return what 404 means: an unknown experiment, or an unknown path."""
    sent_to, found = evidence.sent_to, evidence.experiment
    known = "experiment" not in evidence.unread
    if evidence.backend == "mlflow" and sent_to and known and (not found or found["id"] != sent_to):
        return [f"it has no experiment {sent_to}, which the collector sends to"]
    wrong = f"the path of {exporter.endpoint} is wrong"
    return [wrong, f"experiment {sent_to} was deleted for good"] if sent_to else [wrong]


def _login(_: Evidence, exporter: Exporter) -> list[str]:
    """Return what is wrong with the login that an exporter sends to MLflow, and what to do."""
    if not exporter.login:
        return ["it wants a login and the collector sends none: add components/mlflow-auth or mlflow-oidc"]
    if not exporter.authenticator:
        return [f"it does not know the login that the collector sends ({exporter.login})"]
    if exporter.authenticator.startswith("oauth2client"):
        return [
            f"it does not accept the token that the collector sends ({exporter.authenticator}): its "
            "audience, issuer or groups are wrong, or MLflow cannot fetch the identity provider's keys. "
            "MLflow's log says which"
        ]
    return [
        f"it does not know the login that the collector sends ({exporter.authenticator}, Secret "
        "mlflow-collector): the password was changed in MLflow, or the collector has another Secret's. "
        "`kubectl rollout restart deployment/mlflow` gives MLflow the Secret's password again"
    ]


def _login_at_phoenix(_: Evidence, exporter: Exporter) -> list[str]:
    """Return what is wrong with the login that an exporter sends to Phoenix, and what to do."""
    if not exporter.login:
        return ["it wants a login and the collector sends none: give its exporter a header Authorization"]
    return [f"it does not know the login that the collector sends ({exporter.login})"]


def _form(_: Evidence, exporter: Exporter) -> list[str]:
    """Return what 415 means: requests in a form that the backend does not take."""
    form = f"encoding {exporter.encoding}, compression {exporter.compression}"
    return [f"it does not take requests in the form that the collector sends ({form})"]


def _too_large(_: Evidence, exporter: Exporter) -> list[str]:
    """Return what 413 means."""
    return [
        "the request is larger than it or a proxy before it takes: make sending_queue.batch.max_size of "
        f"{exporter.name} smaller"
    ]


Meanings = Mapping[str, Callable[[Evidence, Exporter], list[str]]]  # by HTTP status
OF_ANY: Meanings = {"404": _not_found, "413": _too_large, "415": _form}
OF_MLFLOW: Meanings = {"400": _not_valid, "401": _login, "403": _forbidden, "422": _not_stored}
OF_PHOENIX: Meanings = {"401": _login_at_phoenix}
