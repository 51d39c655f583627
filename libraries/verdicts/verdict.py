"""The verdict about a trace that did not arrive: at which hop it stopped, why, and the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robot.api.deco import keyword, library

from agent.client import Question
from certainty import UNKNOWN
from pipeline.collector import ACCEPTED, FAILED, SENT
from verdicts.causes import describe_missing_answer, find_cause, is_shared, with_obstacles
from verdicts.contradictions import find_contradictions
from verdicts.evidence import LONGEST_LINE, Evidence, collect

LOG_LINES = 3


@library(scope="GLOBAL")
class Verdict:
    """Says in one message why a question's trace is not whole where it should be."""

    @keyword
    def explain_missing_trace(
        self,
        backend: str,
        question: Question,
        waited: float,
        read: dict[str, tuple[str, Any]],
        *,
        service: str,
        **known: Any,  # noqa: ANN401 - fields of Evidence
    ) -> tuple[str, dict[str, str]]:
        """Return the verdict as text, and the cause as `Note Cause` takes it.

        The verdict's first line is the first line of the incident report. The cause has its `subject`
        (`answer`, `traces` or `traces in BACKEND`), a `sentence` that holds for every question, the `hop` and
        the `certainty`.

        `read` has, by field of Evidence, what `Run Keyword And Ignore Error` returned of reading it: a status
        and the value, or the reason. `service` is the name of the backend's Service. The other
        arguments are fields of Evidence too.
        """
        evidence = collect(backend, question, waited, read, service=service, **known)
        return explain(evidence), name_cause(evidence)

    @keyword
    def explain_missing_answer(
        self, question: Question, stopped: dict[str, list[str]], obstacles: str = ""
    ) -> str:
        """Return why the agent did not answer a question, as a sentence; empty where it did.

        `stopped` has the problems of each component without a Ready pod: what the agent needs of them comes
        first. `obstacles` is what keeps it from its tool and model, where that is known.
        """
        if not question.failure:
            return ""
        why = describe_missing_answer(question.failure, stopped, obstacles).rstrip(".")
        return f"Asked {question.text!r}, {why}."


def explain(evidence: Evidence) -> str:
    """Return the verdict: what stopped the trace, the hops, and the evidence, a line each."""
    question = evidence.question
    when = "" if question.failure else f" {evidence.waited:.1f} s after the answer"
    what = f"The trace of {question.text!r} (context {question.context_id})"
    lines = [
        f"{what} is not whole in {evidence.title}{when}: {find_cause(evidence).why.rstrip('.')}.",
        f"Hops: {' > '.join(_hops(evidence))}",
    ]
    return "\n".join([*lines, *(f"- {detail}" for detail in _details(evidence))])


def name_cause(evidence: Evidence) -> dict[str, str]:
    """Return what is broken, as `Note Cause` takes it: no backend gets traces, or this one does not."""
    cause = find_cause(evidence)
    found = {"hop": cause.hop, "certainty": cause.certainty}
    if evidence.question.failure:
        instead = with_obstacles(evidence.question.failure, evidence.obstacles)
        sentence = f"The agent does not answer: {instead}"
        return {"subject": "answer", "sentence": sentence, **found}
    if is_shared(cause):
        return {"subject": "traces", "sentence": f"Traces do not arrive whole: {cause.why}", **found}
    title = evidence.title
    unknown = evidence.backend_error and cause.certainty == UNKNOWN
    what = (
        f"Whether traces arrive in {title} is unknown"
        if unknown
        else f"Traces do not arrive whole in {title}"
    )
    return {"subject": f"traces in {evidence.backend}", "sentence": f"{what}: {cause.why}", **found}


def _hops(evidence: Evidence) -> Iterator[str]:
    question = evidence.question
    yield "agent failed" if question.failure else f"agent answered in {question.seconds:.1f} s"
    grown = evidence.grown
    accepted = "not counted" if evidence.after is None else f"accepted {grown.total(ACCEPTED)}"
    yield f"collector {accepted}"
    if evidence.exporter is None:
        unread = "configuration" in evidence.unread
        yield "exporter unknown" if unread else f"no exporter to {evidence.title}"
    elif evidence.after is None:
        yield f"{evidence.exporter.name} not counted"
    else:
        yield (
            f"{evidence.exporter.name} sent {evidence.sending(SENT)}, failed {evidence.sending(FAILED)}, "
            f"queued {evidence.queued}"
        )
    stored = len(evidence.trace.spans) if evidence.trace else 0
    yield f"{evidence.title} unknown" if evidence.backend_error else f"{evidence.title} stored {stored}"


def _details(evidence: Evidence) -> Iterator[str]:
    for component, problems in sorted(evidence.problems.items()):
        yield f"{component}: {'; '.join(problems)}"
    for reason in dict.fromkeys(evidence.unread.values()):
        yield f"not read: {reason}"
    if evidence.before is None and evidence.after is not None:
        yield "the collector's metrics from before the question are missing: its numbers are since its start"
    if evidence.backend_error:
        yield evidence.backend_error
    if evidence.exporter:
        yield (
            f"exporter {evidence.exporter.name} of pipeline {evidence.exporter.pipeline} "
            f"sends to {evidence.exporter.endpoint}"
        )
        yield from evidence.exporter.unknown.values()
        if evidence.proxy_of_collector:
            yield f"the collector asks {evidence.title} through {evidence.proxy_of_collector}"
    if evidence.backend == "mlflow" and evidence.sent_to is not None:
        found = evidence.experiment
        known = f"is {found['id']} ({found['lifecycle']})" if found else "is not known"
        name = evidence.experiment_name or (found["name"] if found else "its name")
        yield f"the collector sends to experiment {evidence.sent_to}; {name} {known}"
    yield from filter(None, (evidence.denied_to_collector, evidence.denied_to_backend))
    yield from (f"contradiction: {each}" for each in find_contradictions(evidence))
    logs = {
        "agent": evidence.export_errors,
        "collector": evidence.exporter_lines,
        evidence.title: evidence.backend_log_errors,
    }
    for name, lines in logs.items():
        for line in lines[-LOG_LINES:]:
            yield f"{name}'s log: {line[:LONGEST_LINE]}"
