"""Why a trace stopped, found hop by hop from the agent on.

What the collector's counters and log lines mean was measured with collector 0.158 and MLflow 3.17.2. Answers
that a retry may heal (429, 502, 503, 504, no connection, no such name) are retried without end: they show
only as a queue that grows and as log lines at level info. Any other answer makes the collector drop the
spans at once and count them by the gRPC status that the exporter translates it to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipeline.collector import (
    ACCEPTED,
    FAILED,
    NOT_QUEUED,
    QUEUED,
    REFUSED,
    SENT,
    Exporter,
    Metrics,
)
from traces.messages import counted
from traces.model import Trace
from verdicts.evidence import LONGEST_LINE, Evidence

# The components without which the agent cannot answer.
NEEDED_FOR_AN_ANSWER = ("weather-agent", "weather-tool", "model")
EXPERIMENT_HEADER = "x-mlflow-experiment-id"
# gRPC statuses that collector 0.158 counts HTTP statuses under.
STATUS_OF_TYPE = {
    "Unauthenticated": "401",
    "PermissionDenied": "403",
    "Unimplemented": "404",
    "InvalidArgument": "400",
}
NO_DATABASE = "it answers 503, as it does without its database or with a read-only one"
# What is in a log line about a retry, and what it means.
RETRIED = (
    # Of the extension oauth2client; the rest of its line is about the provider, not the backend.
    ("failed to get security token", "its identity provider gives the collector no token"),
    ("no such host", "its host name does not resolve"),
    ("connection refused", "it refuses connections"),
    ("HTTP response to HTTPS client", "it speaks http, and the collector sends https"),
    ("HTTP Status Code 503", NO_DATABASE),
    ("HTTP Status Code 502", "a proxy before it answers 502"),
    ("HTTP Status Code 429", "it answers 429, too many requests"),
    ("no route to host", "there is no route to its address"),
    ("i/o timeout", "its address does not answer, as when a NetworkPolicy denies the connection"),
    ("deadline exceeded", "it does not answer in time"),
    ("EOF", "it closes the connections"),
)
_HTTP_STATUS = re.compile(r"HTTP Status Code (\d{3})")


def find_cause(evidence: Evidence) -> str:
    """Return the first hop that stopped the trace and why, as the end of a sentence."""
    if evidence.elsewhere and not evidence.question.failure:
        why = _hidden(evidence)
        return f"{evidence.title} has it elsewhere: in {evidence.elsewhere}{f'; {why}' if why else ''}"
    shared = find_shared_cause(evidence)
    if shared:
        return shared
    if evidence.after is None:
        return _without_metrics(evidence)
    return _exporting(evidence) or _storing(evidence)


def find_shared_cause(evidence: Evidence) -> str:
    """Return why no backend gets the trace: what happened before the exporters; empty where nothing did."""
    if evidence.question.failure:
        return describe_missing_answer(evidence.question.failure, evidence.stopped)
    if "otel-collector" in evidence.stopped:
        return f"the collector does not run ({'; '.join(evidence.stopped['otel-collector'])})"
    return _sending(evidence) or _receiving(evidence)


def describe_missing_answer(failure: str, stopped: Mapping[str, Sequence[str]]) -> str:
    """Return why the agent did not answer: what it needs and does not run, before what came instead.

    `stopped` has the problems of each component without a Ready pod.
    """
    needed = [
        f"{name} does not run ({'; '.join(problems)})"
        for name, problems in stopped.items()
        if name in NEEDED_FOR_AN_ANSWER
    ]
    because = f"{' and '.join(needed)}; what came instead: " if needed else ""
    return f"the agent did not answer: {because}{failure}"


def _sending(evidence: Evidence) -> str:
    """Return why no span left the agent. What the collector counted meanwhile are others' spans then."""
    if evidence.trace is not None or evidence.denied_to_collector or not evidence.unsent:
        return ""
    accepted = evidence.grown.total(ACCEPTED)
    others = f"; the collector accepted {counted(accepted, 'span')} of others meanwhile" if accepted else ""
    return f"the agent's spans do not leave it: {evidence.unsent}{others}"


def _receiving(evidence: Evidence) -> str:
    denied = evidence.denied_to_collector
    if evidence.after is None:
        return f"the agent does not reach the collector: {denied}" if denied else ""
    grown = evidence.grown
    accepted, refused = grown.total(ACCEPTED), grown.total(REFUSED)
    if accepted:
        return ""
    if refused:
        full = grown.by("exporter", NOT_QUEUED)
        why = f"the queue of {', '.join(full)} is full" if full else "it is short of memory (memory_limiter)"
        return f"the collector refused {counted(refused, 'span')}: {why}"
    target = f", which sends to {evidence.agent_endpoint}" if evidence.agent_endpoint else ""
    errors = evidence.export_errors
    logged = f"the agent's log says: {errors[-1][:LONGEST_LINE]}" if errors else ""
    return "; ".join(filter(None, (f"the collector accepted 0 spans from the agent{target}", denied, logged)))


def _exporting(evidence: Evidence) -> str:
    exporter, grown, title = evidence.exporter, evidence.grown, evidence.title
    if exporter is None:
        return _no_exporter(evidence)
    if stale := _not_restarted(evidence, exporter):
        return stale
    failed = grown.total(FAILED, exporter=exporter.name)
    if failed:
        lost = f"{title} refused {counted(failed, 'span')} and the collector dropped them"
        return f"{lost}: {_refusal(evidence, exporter)}"
    rejected = grown.total(NOT_QUEUED, exporter=exporter.name)
    if rejected:
        return f"the collector dropped {counted(rejected, 'span')}: its queue for {title} is full"
    if grown.total(SENT, exporter=exporter.name):
        return ""
    return _not_sent(evidence, exporter)


def _not_restarted(evidence: Evidence, exporter: Exporter) -> str:
    """Return that the collector runs with another configuration than its sources now; else empty."""
    if evidence.after is not None and not exporter.is_counted(evidence.after):
        return (
            f"the running collector lacks exporter {exporter.name}, which its configuration has: restart it"
        )
    if other := evidence.running_target:
        configured = f"its configuration says {exporter.endpoint}"
        return f"the running collector sends to {other}, but {configured}: restart it"
    return ""


def _without_metrics(evidence: Evidence) -> str:
    """Return why the trace stopped, from all but the collector's metrics: they could not be read."""
    exporter, title = evidence.exporter, evidence.title
    if exporter is None:
        return _no_exporter(evidence)
    if unreached := _not_restarted(evidence, exporter) or _unreached(evidence, exporter):
        return unreached
    if any("Dropping" in line for line in evidence.exporter_lines):
        return f"{title} refused spans and the collector dropped them: {_refusal(evidence, exporter)}"
    if evidence.trace is not None:
        return _incomplete(evidence.trace, evidence.expected_spans)
    if evidence.backend_error:
        return f"{title} cannot be asked: {_backend_error(evidence)}"
    unread = evidence.unread.get("after", "the collector's metrics are missing")
    return _hidden(evidence) or f"cause unknown: {unread}"


def _no_exporter(evidence: Evidence) -> str:
    if "configuration" not in evidence.unread:
        has = ", ".join(evidence.pipelines) or "none"
        return f"the collector exports no traces to {evidence.title}: its pipelines for traces are {has}"
    if evidence.trace is not None:
        return _incomplete(evidence.trace, evidence.expected_spans)
    reason = evidence.unread["configuration"]
    if evidence.after is None:
        return f"where the collector sends spans is unknown: {reason}"
    accepted = evidence.grown.total(ACCEPTED)
    return f"the collector accepted {counted(accepted, 'span')}, where it sends them is unknown: {reason}"


def _not_sent(evidence: Evidence, exporter: Exporter) -> str:
    """Return what keeps spans that were accepted from being sent."""
    queued = (evidence.after or Metrics()).total(QUEUED, exporter=exporter.name)
    keeps = f"keeps {counted(queued, 'span')} and retries" if queued else "retries"
    unreached = _unreached(evidence, exporter)
    if unreached:
        return f"{unreached}; the collector {keeps}"
    title, accepted = evidence.title, evidence.grown.total(ACCEPTED)
    if evidence.backend_error:
        return f"{title} cannot be asked: {_backend_error(evidence)}"
    if hidden := _hidden(evidence):
        return hidden
    if queued:
        waits = f": sending_queue.batch of {exporter.name} waits for more, or {title} has not answered yet"
        return (
            f"accepted {accepted}, sent to {title} 0, still in the collector's queue {queued}"
            f"{'' if 'log' in evidence.unread else waits}"
        )
    if dropped := _describe_filtered(evidence):
        return f"the collector dropped spans{dropped}, sent to {title} 0"
    return f"the collector accepted {counted(accepted, 'span')} and sent none to {title} yet"


def _backend_error(evidence: Evidence) -> str:
    """Return why a backend could not be asked; where it failed itself, with what its database says."""
    why, said = evidence.backend_error.rstrip("."), evidence.database_error
    return f"{why}; its database says: {said}" if said and re.search(r"\b5\d\d\b", why) else why


def _describe_filtered(evidence: Evidence) -> str:
    """Return how many spans the filters before the backend dropped, to go on with; empty where none."""
    dropped = evidence.exporter.filtered(evidence.grown) if evidence.exporter else {}
    if not dropped:
        return ""
    accepted, filtered = evidence.grown.total(ACCEPTED), sum(dropped.values())
    return f": accepted {accepted}, filtered {filtered} ({', '.join(dropped)})"


def _unreached(evidence: Evidence, exporter: Exporter) -> str:
    """Return why the backend does not take what the exporter sends, empty where nothing says so."""
    title = evidence.title
    down = evidence.stopped.get(evidence.backend)
    # What contradicts spans that are there is no reason for those that are missing.
    if down and evidence.trace is None:
        return f"{title} does not run ({'; '.join(down)})"
    if evidence.denied_to_backend and evidence.trace is None:
        return f"the collector does not reach {title}: {evidence.denied_to_backend}"
    retried = [line for line in evidence.exporter_lines if "Will retry" in line]
    if retried:
        return f"{title} does not take the spans: {_why_retried(evidence, exporter, retried[-1])}"
    return ""


def _refusal(evidence: Evidence, exporter: Exporter) -> str:
    """Return what a refusal means, from the log's HTTP status or the status it was counted under."""
    types = evidence.grown.by("error_type", FAILED, exporter=exporter.name)
    logged = [
        match[1]
        for line in evidence.exporter_lines
        for match in _HTTP_STATUS.finditer(line)
        if "Dropping" in line
    ]
    from_types = [STATUS_OF_TYPE[name] for name in types if name in STATUS_OF_TYPE]
    status = next(iter([*reversed(logged), *from_types]), "")
    meanings = {
        "400": _not_valid(evidence),
        "401": _login(exporter),
        "403": _forbidden(evidence, exporter),
        "404": _not_found(evidence, exporter),
        "422": _not_stored(evidence),
    }
    if status == "500" and evidence.database_error:
        return f"status 500, its database says: {evidence.database_error}"
    if status in meanings:
        return f"status {status}, {meanings[status]}"
    if status or types:
        return f"status {status}" if status else f"counted as {', '.join(types)}"
    return "see the log line below"


def _not_valid(evidence: Evidence) -> str:
    """Return what 400 means: an experiment's id that is none, a span or a database that MLflow cannot use."""
    if evidence.sent_to and not evidence.sent_to.isdecimal():
        return f"the experiment id is not a number: the collector sends {evidence.sent_to!r}"
    if evidence.database_error:
        return f"its database did not take the batch: {evidence.database_error}"
    return "the batch has a span that it cannot store, or its database takes no writes: PostgreSQL's log says"


def _not_stored(evidence: Evidence) -> str:
    """Return what 422 means: no experiment's id comes with the spans, or MLflow's database refused them.

    MLflow 3.9.0 answers so when two batches that have spans of one trace come at once: PostgreSQL logs
    `duplicate key value violates unique constraint`.
    """
    if not evidence.sent_to:
        return f"the collector sends no header {EXPERIMENT_HEADER}"
    if evidence.database_error and "duplicate key" not in evidence.database_error:
        return f"its database did not take the batch: {evidence.database_error}"
    return (
        "its database did not take them, as where two batches with spans of one trace come at once: "
        "num_consumers 1 in the exporter's sending_queue prevents that. PostgreSQL's log says which"
    )


def _forbidden(evidence: Evidence, exporter: Exporter) -> str:
    """Return what 403 means: a host name that MLflow does not answer to, or a login without a permission."""
    hosts = f"its allowed hosts lack the host of {exporter.endpoint}"
    if not exporter.authenticator:
        return hosts
    experiment = f"experiment {evidence.sent_to}" if evidence.sent_to else "the experiment"
    return (
        f"the collector's login ({exporter.authenticator}) may not store traces in {experiment}, or {hosts}"
    )


def _not_found(evidence: Evidence, exporter: Exporter) -> str:
    """Return what 404 means: an unknown experiment, or an unknown path."""
    sent_to, found = evidence.sent_to, evidence.experiment
    known = "experiment" not in evidence.unread
    if evidence.backend == "mlflow" and sent_to and known and (not found or found["id"] != sent_to):
        return f"it has no experiment {sent_to}, which the collector sends to"
    gone = f", or experiment {sent_to} was deleted for good" if sent_to else ""
    return f"the path of {exporter.endpoint} is wrong{gone}"


def _why_retried(evidence: Evidence, exporter: Exporter, line: str) -> str:
    """Return what a line about a retry means.

    An MLflow that answers 503 but finds the experiment in its database means the collector's login, as
    components/mlflow-auth lets it answer, or a database that can be read alone.
    """
    if "HTTP Status Code 503" in line and evidence.database_error:
        return f"{NO_DATABASE}. Its database says: {evidence.database_error}"
    if "HTTP Status Code 503" in line and exporter.authenticator and evidence.experiment:
        return f"{_login(exporter)}. Or its database cannot store spans now, and MLflow's log says so"
    known = [meaning for mark, meaning in RETRIED if mark in line]
    return known[0] if known else "see the log line below"


def _login(exporter: Exporter) -> str:
    """Return what is wrong with the login that an exporter sends, and what to do."""
    if not exporter.authenticator:
        return "it wants a login and the collector sends none: add components/mlflow-auth or mlflow-oidc"
    if exporter.authenticator.startswith("oauth2client"):
        return (
            f"it does not accept the token that the collector sends ({exporter.authenticator}): its "
            "audience, issuer or groups are wrong, or MLflow cannot fetch the identity provider's keys. "
            "MLflow's log says which"
        )
    return (
        f"it does not know the login that the collector sends ({exporter.authenticator}, Secret "
        "mlflow-collector): the password was changed in MLflow, or the collector has another Secret's. "
        "`kubectl rollout restart deployment/mlflow` gives MLflow the Secret's password again"
    )


def _storing(evidence: Evidence) -> str:
    """Return why spans that were sent are not seen as a whole trace."""
    if evidence.trace is not None:
        return f"{_incomplete(evidence.trace, evidence.expected_spans)}{_describe_filtered(evidence)}"
    if evidence.backend_error:
        return f"the collector sent the spans, but {_backend_error(evidence)}"
    return _hidden(evidence) or (
        f"the collector sent the spans and {evidence.title} took them, but no trace there has this context "
        f"as its session: the root span is missing or has another session{_of_others(evidence)}"
    )


def _of_others(evidence: Evidence) -> str:
    """Return that spans that were counted may be of others, to go on with: collectors count all senders."""
    if evidence.senders is None:
        return ", or the agent sent nothing: the collector counts the spans of all senders together"
    if evidence.senders:
        got = ", ".join(evidence.senders)
        return f", or the agent sent nothing: since the question {evidence.title} got traces of {got}"
    return ""


def _incomplete(trace: Trace, expected: int) -> str:
    """Return what `Trace.is_whole` and `Trace.has_arrived` miss."""
    stored = len(trace.spans)
    if not trace.roots:
        return f"it has {counted(stored, 'span')} and no root"
    if trace.orphans:
        names = ", ".join(sorted({span.name for span in trace.orphans}))
        return f"{len(trace.orphans)} of its {stored} spans lack their parents ({names})"
    if stored < expected:
        return f"it stored {stored} of {expected} spans"
    return f"it has {counted(stored, 'span')} and is {trace.state or 'incomplete'}"


def _hidden(evidence: Evidence) -> str:
    """Return why MLflow would store a trace where nobody looks for it."""
    found, sent_to, name = evidence.experiment, evidence.sent_to, evidence.experiment_name
    if evidence.backend != "mlflow" or "experiment" in evidence.unread:
        return ""
    if found is None:
        return f"MLflow has no experiment {name or f'{sent_to}, which the collector sends to'}"
    if found["lifecycle"] != "active":
        return f"experiment {name or sent_to} is deleted: MLflow takes its traces and hides them"
    if sent_to and found["id"] != sent_to:
        return f"the collector sends to experiment {sent_to}, but {name} is experiment {found['id']}"
    return ""
