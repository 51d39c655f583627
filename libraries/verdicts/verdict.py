"""The verdict about a trace that did not arrive: which hop it reached, where it stopped, and the evidence.

What the collector's counters and log lines mean was measured with collector 0.158 and MLflow 3.17.2: an
answer that a retry may heal (429, 502, 503, 504, no connection, no such name) is retried without end and
shows only as a queue that grows and as log lines at level info; any other answer drops the spans at once and
is counted by the gRPC status that the exporter translates it to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from robot.api.deco import keyword, library

from agent.client import Question
from pipeline.collector import (
    ACCEPTED,
    CAPACITY,
    FAILED,
    FILTERED,
    NOT_QUEUED,
    QUEUED,
    REFUSED,
    SENT,
    Exporter,
    Metrics,
)
from traces.model import Trace

TITLES = {"mlflow": "MLflow", "phoenix": "Phoenix"}
LOG_LINES = 3
EXPERIMENT_HEADER = "x-mlflow-experiment-id"
_HTTP_STATUS = re.compile(r"HTTP Status Code (\d{3})")
_RETRIED = (
    ("no such host", "its host name does not resolve"),
    ("connection refused", "nothing accepts its connections"),
    ("HTTP response to HTTPS client", "it is asked by https but speaks http"),
    ("HTTP Status Code 503", "it answers 503, as it does without its database"),
    ("HTTP Status Code 502", "a proxy before it answers 502"),
    ("HTTP Status Code 429", "it answers 429, too many requests"),
    ("no route to host", "its address cannot be reached"),
    ("i/o timeout", "its address does not answer, as behind a NetworkPolicy"),
    ("deadline exceeded", "it does not answer in time"),
    ("EOF", "it closes the connections"),
)


@dataclass(frozen=True)
class Evidence:
    """All that was seen about a question and one backend (`mlflow` or `phoenix`).

    `before` and `after` are the collector's metrics around the question, None where they could not be read;
    `unreadable` says why then. `problems` are the roll-out problems of each component that has some.
    `exporter` is the configured one, `pipelines` the names of all. `sent_to` is the experiment id that the
    collector is given, `experiment` the one found by its name in MLflow. `backend_error` says why the backend
    could not be asked, `trace` is what it has, if anything. `log` is what it logged since the question.
    `way_in` says which network policies close the agent's way to the collector, `way_out` which close the
    collector's to the backend.
    """

    backend: str
    question: Question
    waited: float
    before: Metrics | None = None
    after: Metrics | None = None
    unreadable: str = ""
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exporter: Exporter | None = None
    pipelines: Sequence[str] = ()
    sent_to: str | None = None
    experiment_name: str = ""
    experiment: Mapping[str, str] | None = None
    backend_error: str = ""
    trace: Trace | None = None
    agent_endpoint: str | None = None
    log: Sequence[str] = ()
    way_in: str = ""
    way_out: str = ""

    @property
    def title(self) -> str:
        """The backend's name as people write it."""
        return TITLES[self.backend]

    @property
    def grown(self) -> Metrics:
        """How the collector's counters grew since the question was asked."""
        return (self.after or Metrics()).since(self.before or Metrics())

    @property
    def own_lines(self) -> list[str]:
        """The lines that the collector logged about this backend's exporter, oldest first."""
        return [line for line in self.log if self.exporter and f'"{self.exporter.name}"' in line]


@library(scope="GLOBAL")
class Verdict:
    """Says in one message why a question's trace is not whole where it should be."""

    @keyword
    def explain_missing_trace(self, backend: str, question: Question, waited: float, **seen: Any) -> str:  # noqa: ANN401
        """Return the verdict as text; its first line is the first line of the incident report.

        The other arguments are the fields of Evidence.
        """
        return explain(Evidence(backend, question, waited, **seen))


def explain(evidence: Evidence) -> str:
    """Return the verdict: what stopped the trace, how far it came, and the evidence."""
    question = evidence.question
    when = "" if question.failure else f" {evidence.waited:g} s after the answer"
    what = f"The trace of {question.text!r} (context {question.context_id})"
    lines = [
        f"{what} is not whole in {evidence.title}{when}: {_cause(evidence).rstrip('.')}.",
        f"How far it came: {' > '.join(_hops(evidence))}",
    ]
    details = list(_details(evidence))
    return "\n".join([*lines, *(f"- {detail}" for detail in details)])


def _cause(evidence: Evidence) -> str:
    """Return why the trace stopped, judged hop by hop from the agent on."""
    if evidence.question.failure:
        return f"the agent did not answer the question: {evidence.question.failure}"
    down = evidence.problems.get("otel-collector")
    if evidence.after is None:
        return (
            f"the collector does not run ({'; '.join(down)})"
            if down
            else f"unknown, as {evidence.unreadable}"
        )
    return _receiving(evidence) or _exporting(evidence) or _storing(evidence)


def _receiving(evidence: Evidence) -> str:
    grown = evidence.grown
    accepted, refused = grown.total(ACCEPTED), grown.total(REFUSED)
    if accepted:
        return ""
    if refused:
        full = grown.by("exporter", NOT_QUEUED)
        why = f"the queue of {', '.join(full)} is full" if full else "it is short of memory (memory_limiter)"
        return f"the collector refused {refused} spans because {why}"
    target = f", which sends to {evidence.agent_endpoint}" if evidence.agent_endpoint else ""
    closed = f": {evidence.way_in}" if evidence.way_in else ""
    return f"the collector received no span from the agent{target}{closed}"


def _exporting(evidence: Evidence) -> str:
    exporter, grown, title = evidence.exporter, evidence.grown, evidence.title
    if exporter is None:
        has = ", ".join(evidence.pipelines) or "none"
        return f"the collector has no pipeline that exports traces to {title} (it has: {has})"
    after = evidence.after or Metrics()
    if not after.has(CAPACITY, exporter=exporter.name) and not after.has(SENT, exporter=exporter.name):
        return (
            f"the running collector does not know exporter {exporter.name}, which its configuration has: "
            "it was not restarted after the change"
        )
    failed = grown.total(FAILED, exporter=exporter.name)
    if failed:
        return f"{title} refused {failed} spans for good, the collector dropped them: {_refusal(evidence)}"
    rejected = grown.total(NOT_QUEUED, exporter=exporter.name)
    if rejected:
        return f"the collector's queue for {title} is full, {rejected} spans were rejected"
    if grown.total(SENT, exporter=exporter.name):
        return ""
    return _not_sent(evidence)


def _not_sent(evidence: Evidence) -> str:
    title, grown = evidence.title, evidence.grown
    queued = (evidence.after or Metrics()).total(
        QUEUED, exporter=evidence.exporter.name if evidence.exporter else ""
    )
    down = evidence.problems.get(evidence.backend)
    keeps = f"the collector keeps {queued} spans and retries" if queued else "the collector retries"
    if down or evidence.way_out:
        why = f"does not run ({'; '.join(down)})" if down else f"is not reached, as {evidence.way_out}"
        return f"{title} {why}; {keeps}"
    retried = [line for line in evidence.own_lines if "Will retry" in line]
    if retried:
        return f"{title} does not take the spans, {_why_retried(evidence, retried[-1])}; {keeps}"
    if evidence.backend_error:
        return f"{title} cannot be asked for it: {evidence.backend_error}"
    if queued:
        return f"the spans still wait in the collector's queue for {title} ({queued} of them)"
    filtered = grown.total(FILTERED)
    if filtered:
        return f"the collector's filter dropped the spans ({filtered}): none is OpenInference's"
    return "the collector received spans and has not sent them yet"


def _refusal(evidence: Evidence) -> str:
    """Return what the refusal means, from the log's HTTP status or the status it was counted under."""
    exporter = evidence.exporter
    types = evidence.grown.by("error_type", FAILED, exporter=exporter.name if exporter else "")
    codes = [
        match[1] for line in evidence.own_lines for match in _HTTP_STATUS.finditer(line) if "Dropping" in line
    ]
    endpoint = exporter.endpoint if exporter else ""
    sent_to, found = evidence.sent_to, evidence.experiment
    wrong_id = evidence.backend == "mlflow" and sent_to and (not found or found["id"] != sent_to)
    meanings = {
        "401": f"401, {_login(exporter)}",
        "403": f"403, its allowed hosts do not name the host of {endpoint}",
        "404": f"404, it has no experiment with the id {sent_to} that the collector sends to"
        if wrong_id
        else f"404, the path of {endpoint} is wrong or the experiment {sent_to} was deleted for good",
        "400": "400, a span of the batch is one that it does not store, or the experiment id is not a number",
        "422": f"422, the collector sends no header {EXPERIMENT_HEADER}",
    }
    by_type = {
        "Unauthenticated": "401",
        "PermissionDenied": "403",
        "Unimplemented": "404",
        "InvalidArgument": "400",
    }
    code = codes[-1] if codes else next((by_type[name] for name in types if name in by_type), "")
    status = f"HTTP status {code}" if code else f"counted as {', '.join(types) or 'no known error'}"
    return f"it answers {meanings[code]}" if code in meanings else f"it answers with an error ({status})"


def _why_retried(evidence: Evidence, line: str) -> str:
    """Return what a line about a retry means.

    An MLflow that answers 503 but finds the experiment in its database means the collector's login:
    components/mlflow-auth lets it answer so.
    """
    exporter = evidence.exporter
    if "HTTP Status Code 503" in line and exporter and exporter.authenticator and evidence.experiment:
        return _login(exporter)
    known = [meaning for mark, meaning in _RETRIED if mark in line]
    return known[0] if known else "see the log line below"


def _login(exporter: Exporter | None) -> str:
    """Return what is wrong with the login that an exporter sends, and what to do."""
    if exporter is None or not exporter.authenticator:
        return "it wants a login that the collector does not send: components/mlflow-auth gives it one"
    return (
        f"it does not know the login that the collector sends ({exporter.authenticator}, Secret "
        "mlflow-collector): the password was changed in MLflow, or the collector has that of another Secret. "
        "`kubectl rollout restart deployment/mlflow` gives MLflow the Secret's password again"
    )


def _storing(evidence: Evidence) -> str:
    """Return why spans that were sent are not seen as a whole trace."""
    if evidence.trace is not None:
        return _incomplete(evidence.trace)
    if evidence.backend_error:
        return f"the collector sent the spans, but {evidence.backend_error}"
    return _hidden(evidence) or (
        f"the collector sent spans and {evidence.title} took them, "
        "but no trace there carries this context as its session: the root span is missing or has another"
    )


def _incomplete(trace: Trace) -> str:
    if not trace.roots:
        return f"{len(trace.spans)} spans are there, but the root is not"
    if trace.orphans:
        names = ", ".join(sorted({span.name for span in trace.orphans}))
        return f"{len(trace.orphans)} of its {len(trace.spans)} spans lack their parents ({names})"
    return f"it has {len(trace.spans)} spans and is {trace.state or 'incomplete'}"


def _hidden(evidence: Evidence) -> str:
    """Return why MLflow would store a trace where nobody looks for it."""
    name, found = evidence.experiment_name, evidence.experiment
    if evidence.backend != "mlflow":
        return ""
    if found is None:
        return f"the experiment {name} does not exist in MLflow"
    if found["lifecycle"] != "active":
        return f"the experiment {name} is deleted: MLflow takes the trace and hides it"
    if evidence.sent_to and found["id"] != evidence.sent_to:
        return f"the collector sends to experiment {evidence.sent_to}, but {name} is experiment {found['id']}"
    return ""


def _hops(evidence: Evidence) -> Iterator[str]:
    question = evidence.question
    if question.failure:
        yield "agent failed"
    else:
        yield f"agent answered in {question.seconds:.1f} s"
    if evidence.after is None:
        yield "collector unknown"
        return
    grown = evidence.grown
    yield f"collector received {grown.total(ACCEPTED)} spans"
    if evidence.exporter is None:
        yield f"no exporter to {evidence.title}"
    else:
        name = evidence.exporter.name
        yield (
            f"{name} sent {grown.total(SENT, exporter=name)}, failed {grown.total(FAILED, exporter=name)}, "
            f"queue holds {evidence.after.total(QUEUED, exporter=name)}"
        )
    if evidence.backend_error:
        yield f"{evidence.title} gave no trace"
    else:
        yield f"{evidence.title} has {len(evidence.trace.spans) if evidence.trace else 0} spans"


def _details(evidence: Evidence) -> Iterator[str]:
    for component, problems in sorted(evidence.problems.items()):
        yield f"{component}: {'; '.join(problems)}"
    if evidence.unreadable:
        yield evidence.unreadable
    if evidence.backend_error:
        yield evidence.backend_error
    if evidence.exporter:
        yield (
            f"exporter {evidence.exporter.name} of pipeline {evidence.exporter.pipeline} "
            f"sends to {evidence.exporter.endpoint}"
        )
    if evidence.backend == "mlflow" and evidence.sent_to is not None:
        found = evidence.experiment
        known = f"is {found['id']} ({found['lifecycle']})" if found else "is not known"
        yield f"the collector sends to experiment {evidence.sent_to}; {evidence.experiment_name} {known}"
    for line in evidence.own_lines[-LOG_LINES:]:
        yield f"collector's log: {line[:600]}"
