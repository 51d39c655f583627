"""Why a trace stopped: one rule a cause, in the order in which a trace goes, the agent first.

A rule returns the cause where the evidence speaks for it, else None. The first rule that speaks
is right: what later ones would say follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from certainty import CERTAIN, LIKELY, UNKNOWN
from messages import counted
from pipeline.collector import ACCEPTED, FAILED, NOT_QUEUED, REFUSED, SENT, SHORT_OF_MEMORY
from traces.model import Trace
from verdicts.contradictions import find_contradictions
from verdicts.evidence import LONGEST_LINE, NO_QUEUE, Evidence
from verdicts.refusals import explain_drop, explain_no_retry, explain_retry, explain_unsent, is_refusal

# Hops of a question's way (docs/glossary.md).
AGENT, RECEIVED, EXPORTED, STORED = "agent", "collector received", "collector exported", "backend stored"
# The components without which the agent cannot answer.
NEEDED_FOR_AN_ANSWER = ("weather-agent", "weather-tool", "model")
BATCH = 1_000  # spans: the largest batch of the collector's exporters, `max_size`
COMPONENT = r'"otelcol\.component\.id": *"([^"]+)"'  # what a line of the collector's log is about
# What collector 0.158 logs where it cannot queue spans: the words of the system, and of file_storage.
VOLUME_FULL = ("no space left on device", "storage extension has run out of available space")


@dataclass(frozen=True)
class Cause:
    """Why a trace stopped: the hop, why, as the end of a sentence, and how sure that is."""

    hop: str
    why: str
    certainty: str = CERTAIN


Rule = Callable[[Evidence], Cause | None]


def find_cause(evidence: Evidence) -> Cause:
    """Return at which hop the trace stopped, and why. What contradicts itself is likely at best."""
    cause = next(filter(None, (rule(evidence) for rule in RULES)), None) or _unknown(evidence)
    if cause.certainty == CERTAIN and any(find_contradictions(evidence)):
        return replace(cause, certainty=LIKELY)
    return cause


def is_shared(cause: Cause) -> bool:
    """Return whether no backend gets the trace: it stopped before the exporters."""
    return cause.hop in {AGENT, RECEIVED}


def describe_missing_answer(failure: str, stopped: Mapping[str, Sequence[str]], obstacles: str) -> str:
    """Return why the agent did not answer: what it needs and does not run, what came instead, and obstacles.

    `stopped` has the problems of each component without a Ready pod; `obstacles` is `Evidence.obstacles`.
    """
    needed = [
        f"{name} does not run ({'; '.join(problems)})"
        for name, problems in stopped.items()
        if name in NEEDED_FOR_AN_ANSWER
    ]
    because = f"{' and '.join(needed)}; what came instead: " if needed else ""
    return f"the agent did not answer: {because}{with_obstacles(failure, obstacles)}"


def with_obstacles(failure: str, obstacles: str) -> str:
    """Return what came instead of an answer, and what keeps the agent from giving one."""
    return f"{failure.rstrip('.')}; {obstacles}" if obstacles else failure


def _not_answered(evidence: Evidence) -> Cause | None:
    """Speak where the agent did not answer."""
    if not evidence.question.failure:
        return None
    return Cause(
        AGENT, describe_missing_answer(evidence.question.failure, evidence.stopped, evidence.obstacles)
    )


def _stored_elsewhere(evidence: Evidence) -> Cause | None:
    """Speak where the backend has the trace, where nobody looks for it."""
    if not evidence.elsewhere:
        return None
    why = _describe_experiment(evidence)
    return Cause(STORED, f"{evidence.title} has it elsewhere: in {evidence.elsewhere}{why and f'; {why}'}")


def _collector_stopped(evidence: Evidence) -> Cause | None:
    """Speak where the collector has no Ready pod."""
    problems = evidence.stopped.get("otel-collector")
    return Cause(RECEIVED, f"the collector does not run ({'; '.join(problems)})") if problems else None


def _not_sent_by_agent(evidence: Evidence) -> Cause | None:
    """Speak where no span left the agent: what the collector counted meanwhile are others' spans."""
    if evidence.trace is not None or evidence.denied_to_collector or not evidence.unsent:
        return None
    accepted = evidence.grown.total(ACCEPTED)
    others = f"; the collector accepted {counted(accepted, 'span')} of others meanwhile" if accepted else ""
    return Cause(AGENT, f"the agent's spans do not leave it: {evidence.unsent}{others}")


def _agent_denied(evidence: Evidence) -> Cause | None:
    """Speak where a network policy denies the agent's connection, and no metric contradicts it."""
    if evidence.after is not None or not evidence.denied_to_collector:
        return None
    return Cause(RECEIVED, f"the agent does not reach the collector: {evidence.denied_to_collector}")


def _sent_without_queue(evidence: Evidence) -> Cause | None:
    """Speak where an exporter without a queue cannot send: the agent waits for it, and keeps its spans."""
    exporter, lines = evidence.exporter, [line for line in evidence.log if NO_QUEUE in line]
    if exporter and not exporter.has_queue:
        lines += [line for line in evidence.exporter_lines if "Will retry" in line]
    if evidence.after is None or evidence.grown.total(ACCEPTED) or not lines:
        return None
    last, named = lines[-1], re.search(COMPONENT, lines[-1])
    reasons = [explain_unsent(last)]
    if exporter and last in evidence.exporter_lines:
        explain = explain_drop if NO_QUEUE in last else partial(explain_retry, line=last)
        reasons = explain(evidence, exporter)
    without = f"its exporter {named[1] if named else ''} has no queue (sending_queue) and cannot send them"
    why = f"the collector takes no spans, as {without}: {', or '.join(reasons)}"
    return Cause(RECEIVED, why, _certainty(reasons))


def _refused_by_collector(evidence: Evidence) -> Cause | None:
    """Speak where the collector accepted no span and refused some; it counts each retry again."""
    refused = evidence.grown.total(REFUSED)
    if evidence.grown.total(ACCEPTED) or not refused:
        return None
    why = _describe_full(evidence)
    if any(map(evidence.grown.total, SHORT_OF_MEMORY)) or any(
        "Refusing data" in line for line in evidence.log
    ):
        why = why or "it is short of memory (memory_limiter)"
    refusal = f"the collector refused {counted(refused, 'span')} (each retry counts)"
    if why:
        return Cause(RECEIVED, f"{refusal}: {why}")
    return Cause(RECEIVED, f"{refusal}, and neither its metrics nor its log say why", LIKELY)


def _nothing_accepted(evidence: Evidence) -> Cause | None:
    """Speak where the collector accepted no span. A policy or the agent's log makes it certain."""
    if evidence.after is None or evidence.grown.total(ACCEPTED):
        return None
    target = f", which sends to {evidence.agent_endpoint}" if evidence.agent_endpoint else ""
    errors = evidence.export_errors
    logged = f"the agent's log says: {errors[-1][:LONGEST_LINE]}" if errors else ""
    reasons = [reason for reason in (evidence.denied_to_collector, evidence.not_taken, logged) if reason]
    if evidence.proxy_of_agent:
        target += f" through {evidence.proxy_of_agent}"
    nothing = f"the collector accepted 0 spans from the agent{target}"
    # That an SDK drops some traces, or sends late, fits any trace.
    held_back = [evidence.held_back] if evidence.held_back and not reasons else []
    return Cause(RECEIVED, "; ".join([nothing, *reasons, *held_back]), CERTAIN if reasons else LIKELY)


def _no_exporter(evidence: Evidence) -> Cause | None:
    """Speak where the collector's configuration has no exporter to the backend in a pipeline for traces."""
    if evidence.exporter is not None or "configuration" in evidence.unread:
        return None
    has = ", ".join(evidence.pipelines) or "none"
    return Cause(
        EXPORTED, f"the collector exports no traces to {evidence.title}: its pipelines for traces are {has}"
    )


def _unknown_exporter(evidence: Evidence) -> Cause | None:
    """Speak where the configuration could not be read, and the backend has nothing of the trace."""
    if evidence.exporter is not None or evidence.trace is not None:
        return None
    reason = evidence.unread["configuration"]
    if evidence.after is None:
        return Cause(EXPORTED, f"where the collector sends spans is unknown: {reason}", UNKNOWN)
    accepted = counted(evidence.grown.total(ACCEPTED), "span")
    why = f"the collector accepted {accepted}, where it sends them is unknown: {reason}"
    return Cause(EXPORTED, why, UNKNOWN)


def _not_restarted(evidence: Evidence) -> Cause | None:
    """Speak where the collector runs with another configuration than its sources have now."""
    exporter, other = evidence.exporter, evidence.running_target
    if exporter and evidence.after is not None and not exporter.is_counted(evidence.after):
        lacks = f"the running collector lacks exporter {exporter.name}, which its configuration has"
        return Cause(EXPORTED, f"{lacks}: restart it")
    if exporter and other:
        configured = f"its configuration says {exporter.endpoint}"
        return Cause(EXPORTED, f"the running collector sends to {other}, but {configured}: restart it")
    return None


def _dropped(evidence: Evidence) -> Cause | None:
    """Speak where the collector dropped spans: the backend refused them, or it did not try again."""
    failed = evidence.sending(FAILED)
    logged = evidence.after is None and evidence.dropping_lines
    if not evidence.exporter or not (failed or logged):
        return None
    spans = counted(failed, "span") if failed else "spans"
    reasons, title = explain_drop(evidence, evidence.exporter), evidence.title
    refused = f"{title} refused {spans} and the collector dropped them"
    if not is_refusal(evidence, evidence.exporter):
        refused = f"the collector could not send {spans} to {title} and dropped them"
    why = f"{refused}: {', or '.join(reasons)}{explain_no_retry(evidence)}"
    return Cause(EXPORTED, why, _certainty(reasons))


def _queue_full(evidence: Evidence) -> Cause | None:
    """Speak where the exporter's queue took no more."""
    rejected = evidence.sending(NOT_QUEUED)
    if not rejected:
        return None
    why = f"the collector dropped {counted(rejected, 'span')}: its queue for {evidence.title} is full"
    return Cause(EXPORTED, why)


def _backend_stopped(evidence: Evidence) -> Cause | None:
    """Speak where the backend has no Ready pod, and nothing was sent to it."""
    down = evidence.stopped.get(evidence.backend)
    # What contradicts spans that are there is no reason for those that are missing.
    if not down or evidence.trace is not None or not _nothing_sent(evidence):
        return None
    why = f"{evidence.title} does not run ({'; '.join(down)}){_retries(evidence)}"
    said = evidence.database_error
    return Cause(EXPORTED, f"{why}. Its database says: {said}" if said else why)


def _backend_denied(evidence: Evidence) -> Cause | None:
    """Speak where a network policy denies the collector's connection, and nothing was sent."""
    denied = evidence.denied_to_backend
    if not denied or evidence.trace is not None or not _nothing_sent(evidence):
        return None
    return Cause(EXPORTED, f"the collector does not reach {evidence.title}: {denied}{_retries(evidence)}")


def _retried(evidence: Evidence) -> Cause | None:
    """Speak where the collector logs why it will send again, and nothing was sent."""
    lines = [line for line in evidence.exporter_lines if "Will retry" in line]
    if not evidence.exporter or not lines or not _nothing_sent(evidence):
        return None
    reasons = explain_retry(evidence, evidence.exporter, lines[-1])
    why = f"{evidence.title} does not take the spans: {'. Or '.join(reasons)}{_retries(evidence)}"
    return Cause(EXPORTED, why, _certainty(reasons))


def _incomplete(evidence: Evidence) -> Cause | None:
    """Speak where the backend has a part of the trace, and nothing shows that this came by another way."""
    trace = evidence.trace
    if trace is None or (evidence.exporter and evidence.after is not None and not evidence.sending(SENT)):
        return None
    why = f"{_describe_missing(trace, evidence.expected_spans)}{_describe_filtered(evidence)}"
    dropped = evidence.dropped_by_agent[:LONGEST_LINE]
    return Cause(STORED, f"{why}; the agent's log says: {dropped}" if dropped else why)


def _not_asked(evidence: Evidence) -> Cause | None:
    """Speak where the backend could not be asked for the trace, so nobody knows what it stored."""
    why, said = evidence.backend_error.rstrip("."), evidence.database_error
    if not why:
        return None
    if said and re.search(r"\b5\d\d\b", why):
        why = f"{why}; its database says: {said}"
    sent = evidence.sending(SENT)
    before = "the collector sent the spans, but" if sent else f"{evidence.title} cannot be asked:"
    return Cause(STORED, f"{before} {why}", UNKNOWN)


def _hidden(evidence: Evidence) -> Cause | None:
    """Speak where MLflow would store the trace where nobody looks for it."""
    why = _describe_experiment(evidence)
    return Cause(STORED, why) if why else None


def _in_queue(evidence: Evidence) -> Cause | None:
    """Speak where the spans wait in the exporter's queue, and no log line says why."""
    queued = evidence.queued
    if not queued or not _nothing_sent(evidence):
        return None
    title, name = evidence.title, evidence.exporter.name if evidence.exporter else ""
    waits = f": sending_queue.batch of {name} waits for more, or {title} has not answered yet"
    if evidence.log_level not in {"debug", "info"}:
        level = f"service.telemetry.logs.level is {evidence.log_level}, not info"
        waits += f", or it retries and logs none of it: {level}"
    accepted = evidence.grown.total(ACCEPTED)
    why = f"accepted {accepted}, sent to {title} 0, still in the collector's queue {queued}"
    return Cause(EXPORTED, f"{why}{'' if 'log' in evidence.unread else waits}", LIKELY)


def _filtered(evidence: Evidence) -> Cause | None:
    """Speak where filters dropped all spans; where some are left, those must be somewhere else."""
    dropped = _describe_filtered(evidence)
    if not evidence.exporter or not dropped or not _nothing_sent(evidence):
        return None
    if sum(evidence.exporter.filtered(evidence.grown).values()) < evidence.grown.total(ACCEPTED):
        return None
    return Cause(EXPORTED, f"the collector dropped spans{dropped}, sent to {evidence.title} 0")


def _in_another_pipeline(evidence: Evidence) -> Cause | None:
    """Speak where no span came by a receiver of the backend's pipeline, and none was sent."""
    exporter, came_by = evidence.exporter, evidence.grown.by("receiver", ACCEPTED)
    if not exporter or not came_by or not _nothing_sent(evidence):
        return None
    own = ", ".join(exporter.receivers)
    if exporter.connectors or not own or "${" in own or came_by.keys() & set(exporter.receivers):
        return None
    own = f"pipeline {exporter.pipeline} to {evidence.title} has receiver {own}"
    return Cause(EXPORTED, f"spans came by receiver {', '.join(came_by)}, but {own}")


def _lost_in_processor(evidence: Evidence) -> Cause | None:
    """Speak where a processor that is no filter passed on less than came, and none was sent."""
    lost = evidence.exporter.lost(evidence.grown) if evidence.exporter else {}
    if not lost or not _nothing_sent(evidence):
        return None
    passed = ", ".join(f"{name} passed {left} of {came}" for name, (left, came) in lost.items())
    return Cause(EXPORTED, f"the collector dropped spans before {evidence.title}: {passed}")


def _not_sent_yet(evidence: Evidence) -> Cause | None:
    """Speak where the collector accepted spans, has none in its queue, and sent none."""
    if evidence.after is None or not _nothing_sent(evidence):
        return None
    accepted = counted(evidence.grown.total(ACCEPTED), "span")
    why = f"the collector accepted {accepted} and sent none to {evidence.title} yet"
    holding = ", ".join(evidence.exporter.holding) if evidence.exporter else ""
    return Cause(EXPORTED, f"{why}{holding and f': {holding} may keep them, or have dropped them'}", LIKELY)


def _behind(evidence: Evidence) -> Cause | None:
    """Speak where the backend takes spans, and more than a batch of the collector still waits for it."""
    sent, queued = evidence.sending(SENT), evidence.queued
    if not sent or queued <= BATCH:
        return None
    why = f"sent to {evidence.title} {sent} since the question, still in the collector's queue {queued}"
    return Cause(EXPORTED, f"{evidence.title} is behind, and the trace may wait: {why}", LIKELY)


def _sent_to_another_backend(evidence: Evidence) -> Cause | None:
    """Speak where the collector sent spans to a Service of the backend's name in another namespace."""
    if not evidence.other_backend or not evidence.sending(SENT):
        return None
    return Cause(STORED, f"the collector sent the spans elsewhere: {evidence.other_backend}", LIKELY)


def _without_session(evidence: Evidence) -> Cause | None:
    """Speak where the collector sent spans, and the backend has no trace of the question's context."""
    if not evidence.sending(SENT):
        return None
    why = (
        f"the collector sent the spans and {evidence.title} took them, but no trace there has this context "
        f"as its session: the root span is missing or has another session{_describe_senders(evidence)}"
    )
    return Cause(STORED, why, LIKELY)


def _unknown(evidence: Evidence) -> Cause:
    """Return that no rule speaks: only where the collector's metrics could not be read."""
    unread = evidence.unread.get("after", "the collector's metrics are missing")
    return Cause(EXPORTED, f"cause unknown: {unread}", UNKNOWN)


RULES: tuple[Rule, ...] = (
    _not_answered,
    _stored_elsewhere,
    _collector_stopped,
    _not_sent_by_agent,
    _agent_denied,
    _sent_without_queue,
    _refused_by_collector,
    _nothing_accepted,
    _no_exporter,
    _unknown_exporter,
    _not_restarted,
    _dropped,
    _queue_full,
    _backend_stopped,
    _backend_denied,
    _retried,
    _incomplete,
    _not_asked,
    _hidden,
    _in_queue,
    _filtered,
    _in_another_pipeline,
    _lost_in_processor,
    _not_sent_yet,
    _behind,
    _sent_to_another_backend,
    _without_session,
)


def _certainty(reasons: Sequence[str]) -> str:
    return LIKELY if len(reasons) > 1 else CERTAIN


def _nothing_sent(evidence: Evidence) -> bool:
    """Return whether the collector has an exporter to the backend, and none of its spans is known as sent."""
    return evidence.exporter is not None and not evidence.sending(SENT)


def _retries(evidence: Evidence) -> str:
    """Return what the collector does with spans that it could not send, to go on with; empty if not known."""
    if evidence.after is None:
        return ""
    keeps = f"keeps {counted(evidence.queued, 'span')} and " if evidence.queued else ""
    return f"; the collector {keeps}retries"


def _describe_full(evidence: Evidence) -> str:
    """Return which queue of the collector takes no span: its volume's or its own; empty for none."""
    if any(mark in line for line in evidence.log for mark in VOLUME_FULL):
        return "the volume of its queue is full. Make its claim larger, or have the backends take the spans"
    full = evidence.grown.by("exporter", NOT_QUEUED)
    return f"the queue of {', '.join(full)} is full" if full else ""


def _describe_filtered(evidence: Evidence) -> str:
    """Return how many spans the filters before the backend dropped, to go on with; empty where none."""
    dropped = evidence.exporter.filtered(evidence.grown) if evidence.exporter else {}
    if not dropped:
        return ""
    accepted, filtered = evidence.grown.total(ACCEPTED), sum(dropped.values())
    return f": accepted {accepted}, filtered {filtered} ({', '.join(dropped)})"


def _describe_senders(evidence: Evidence) -> str:
    """Return that spans that were counted may be of others, to go on with: collectors count all senders."""
    if evidence.senders is None:
        return ", or the agent sent nothing: the collector counts the spans of all senders together"
    if evidence.senders:
        got = ", ".join(evidence.senders)
        return f", or the agent sent nothing: since the question {evidence.title} got traces of {got}"
    return ""


def _describe_missing(trace: Trace, expected: int) -> str:
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


def _describe_experiment(evidence: Evidence) -> str:
    """Return why MLflow would store a trace where nobody looks for it; empty where it would not."""
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
