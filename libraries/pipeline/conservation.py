"""Conservation: spans that ended in the agent = accepted by the collector = sent on = stored, per backend.

The agent of this project counts the spans that ended in it, by the scope that made them
(apps/weather-agent/weather_agent/telemetry.py). For another agent the contract says how many must have ended.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mode

from robot.api import logger
from robot.api.deco import keyword, library

from pipeline.collector import (
    ACCEPTED,
    FAILED,
    FILTERED,
    NOT_QUEUED,
    QUEUED,
    REFUSED,
    SENT,
    Exporter,
    Metrics,
)
from pipeline.conditions import ProbedSpan
from pipeline.promises import PipelinePromise
from traces.backends import BACKENDS
from traces.model import Trace

NOT_ACCEPTED = "otelcol_receiver_failed_spans"
# Of the agent; LIVE and those after it are the SDK's own, by OpenTelemetry's conventions for SDK metrics.
ENDED = "weather_agent_span_ended"
STARTED_AT = "process_start_time_seconds"
LIVE = "otel_sdk_span_live"
PROCESSED = "otel_sdk_processor_span_processed"
STATUS = "http_response_status_code"
IN_QUEUE = "otel_sdk_processor_span_queue_size"
EXPORTED = "otel_sdk_exporter_span_exported"
# With a status where a request was refused: SDK 1.45 counts its spans as exported all the same.
REQUESTS = "otel_sdk_exporter_operation_duration_seconds_count"


@dataclass(frozen=True)
class AgentCount:
    """What the agent counted between two moments: spans that ended, and what became of them.

    `kept` are of scopes that a pipeline promises to keep, `other` of all other scopes. `dropped` spans it
    could not queue, `unsent` ones it could not send, `waiting` ones it still holds. `refusals` is how many of
    its requests were refused, by HTTP status. With `restarted` none of it counts.
    """

    kept: int
    other: int
    dropped: int
    unsent: int
    refusals: Mapping[str, int]
    waiting: int
    restarted: bool


@dataclass(frozen=True)
class HopCount:
    """Spans at each hop between two moments, the problems with these numbers, and how many were foreign."""

    hops: Mapping[str, int]
    problems: Sequence[str]
    foreign: int


@library(scope="GLOBAL")
class Conservation:
    """Compares what agent, collector and backends counted of the same questions."""

    @keyword
    def metrics_should_count_agent_spans(self, metrics: Metrics) -> None:
        """Fail unless these are the metrics of an agent that counts the spans that ended in it.

        Before its first span it shows no such counter, but its span processor's queue.
        """
        if not metrics.has(ENDED) and not metrics.has(IN_QUEUE):
            raise AssertionError("The agent does not count its spans.")

    @keyword
    def choose_settled_reading(self, readings: list[Metrics], exporters: dict[str, Exporter]) -> Metrics:
        """Return one of several readings of the collector's metrics that counts each span at one hop.

        While others send, some readings show a span at two hops, or at none: a queue counts it until its
        request is done, and that is after it was counted as sent; the receiver counts it after filters and
        queues did (exporterhelper of collector 0.158: obs_report_sender.go, persistent_queue.go). Most
        readings show none of this, and agree.
        """
        balances = [_balances(reading, exporters) for reading in readings]
        return readings[balances.index(mode(balances))]

    @keyword
    def count_agent_spans(
        self, before: Metrics, after: Metrics, promises: Mapping[str, PipelinePromise]
    ) -> AgentCount:
        """Return what the agent counted; `promises` say, by backend, which scopes a pipeline keeps.

        The agent counts by scope alone: a scope is kept where a span without attributes is, in any pipeline.
        """
        return count_agent(before, after, list(promises.values()))

    @keyword
    def spans_should_be_conserved(  # noqa: PLR0913, PLR0917 - a hop each
        self,
        before: Metrics,
        after: Metrics,
        exporters: dict[str, Exporter],
        demanded: int,
        stored: dict[str, int],
        agent: AgentCount | None = None,
    ) -> int:
        """Fail where a hop lost or doubled spans; return how many foreign spans the collector accepted.

        `before` and `after` are the collector's metrics. `demanded` is the number of spans that the contract
        demands of the questions; `agent` is what the agent counted, None where it counts nothing. By backend:
        `exporters` are the collector's, `stored` is how many of the questions' spans the backend holds.
        """
        counted = count_hops(before, after, exporters, demanded, stored, agent)
        rows = "".join(
            f"<tr><td>{html.escape(hop)}</td><td>{number}</td></tr>" for hop, number in counted.hops.items()
        )
        logger.info(f"<table><tr><th>hop</th><th>spans</th></tr>{rows}</table>", html=True)
        if counted.problems:
            numbers = ", ".join(f"{hop} {number}" for hop, number in counted.hops.items() if number)
            raise AssertionError(
                f"Spans are not conserved: {'; '.join(counted.problems)}.\n"
                f"Counted: {numbers or 'nothing'}; all else 0."
            )
        return counted.foreign

    @keyword
    def stored_spans_should_agree(
        self, demanded: int, stored: dict[str, int], promises: Mapping[str, PipelinePromise]
    ) -> None:
        """Fail where a backend stores too few spans, or backends with the same promise store other numbers.

        This is what is left to compare where the collector's metrics cannot be read. `demanded` is the least
        number of spans that the contract demands; `stored` and `promises` are by backend.
        """
        problems = [
            f"stored in {BACKENDS[backend].title} {number}, expected {demanded} at least (contract)"
            for backend, number in stored.items()
            if number < demanded
        ]
        same = [promises[backend].spans for backend in stored]
        if len(set(stored.values())) > 1 and len(set(same)) == 1:
            numbers = ", ".join(f"{BACKENDS[backend].title} {number}" for backend, number in stored.items())
            problems.append(f"stored in {numbers}, expected the same number, as both get {same[0]}")
        if problems:
            raise AssertionError(f"Spans are not conserved: {'; '.join(problems)}.")

    @keyword
    def describe_foreign_traces(self, traces: list[Trace], sessions: list[str]) -> str:
        """Return service and session of the traces of other sessions."""
        roots = [root for trace in traces for root in trace.roots]
        found = {
            f"service {root.resource.get('service.name')}, session {root.attributes.get('session.id')}"
            for root in roots
            if root.attributes.get("session.id") not in sessions
        }
        return "; ".join(sorted(found)) or "in no trace that MLflow stored meanwhile"


def count_agent(before: Metrics, after: Metrics, promises: Sequence[PipelinePromise]) -> AgentCount:
    """Return what the agent counted between two readings of its metrics."""
    grown = after.since(before)
    by_scope = grown.by("span_scope", ENDED)
    kept = sum(
        number
        for scope, number in by_scope.items()
        if any(promise.keeps(ProbedSpan(scope)) is not False for promise in promises)
    )

    def failed(name: str) -> int:
        return sum(number for error, number in grown.by("error_type", name).items() if error)

    return AgentCount(
        kept=kept,
        other=sum(by_scope.values()) - kept,
        dropped=failed(PROCESSED),
        unsent=failed(EXPORTED),
        refusals={status: number for status, number in grown.by(STATUS, REQUESTS).items() if status},
        waiting=after.total(LIVE) + after.total(IN_QUEUE),
        restarted=after.by("pod", STARTED_AT) != before.by("pod", STARTED_AT),
    )


def count_hops(  # noqa: PLR0913, PLR0917 - a hop each
    before: Metrics,
    after: Metrics,
    exporters: Mapping[str, Exporter],
    demanded: int,
    stored: Mapping[str, int],
    agent: AgentCount | None = None,
) -> HopCount:
    """Return the spans at each hop and what is wrong with them.

    The arguments are those of `Conservation.spans_should_be_conserved`. Foreign spans are what the receiver
    accepted beyond the questions' own; they must be conserved too. Where a backend has the questions' own,
    what still waits for it is foreign, and may wait: others go on sending.
    """
    restarted = after.restarted_since(before) or (["the agent"] if agent and agent.restarted else [])
    if restarted:
        who = " and ".join(name or "the collector" for name in restarted)
        return HopCount({}, [f"{who} restarted meanwhile, which set its counts to 0: run the suite again"], 0)
    grown = after.since(before)
    accepted = grown.total(ACCEPTED)
    kept, other = (agent.kept, agent.other) if agent else (demanded, 0)
    hops = _agent_hops(agent) if agent else {"demanded by the contract": demanded}
    hops |= {"accepted by the collector": accepted} | _receiver_losses(grown)
    problems = list(_agent_problems(agent, demanded)) if agent else []
    problems += _receiver_problems(grown, kept + other, "ended in the agent" if agent else "contract")
    foreign = max(0, accepted - demanded - other)
    for backend, exporter in exporters.items():
        title = BACKENDS[backend].title
        queued_before = before.total(QUEUED, exporter=exporter.name)
        queued = after.total(QUEUED, exporter=exporter.name)
        waiting = {f"still queued for {title}": queued}
        may_wait = stored[backend] == demanded and queued <= foreign + queued_before
        hops |= {
            f"filtered before {title}": sum(exporter.filtered(grown).values()),
            f"queued for {title} before": queued_before,
            f"sent to {title}": grown.total(SENT, exporter=exporter.name),
            **_export_losses(exporter, grown, title),
            **waiting,
            f"stored in {title}": stored[backend],
        }
        # Spans that were lost before the filter are not the filter's fault.
        problems += _filter_problems(exporter, grown, title, min(kept, max(0, accepted - other)), other)
        if exporter.is_counted(after):
            left = queued if may_wait else 0
            problems += _export_problems(exporter, grown, queued_before, left, title)
        else:
            lacks = f"the running collector lacks exporter {exporter.name}"
            problems.append(f"{lacks}, which its configuration has: restart it")
        problems += _losses(_export_losses(exporter, grown, title))
        if not may_wait:
            problems += _losses(waiting)
        if stored[backend] != demanded:
            problems.append(f"stored in {title} {stored[backend]}, expected {demanded}")
    return HopCount(hops, problems, foreign)


def _balances(reading: Metrics, exporters: Mapping[str, Exporter]) -> tuple[int, ...]:
    """Return for each exporter how many spans more were accepted than the later hops count."""
    return tuple(
        reading.total(ACCEPTED)
        - sum(exporter.filtered(reading).values())
        - sum(reading.total(hop, exporter=exporter.name) for hop in (QUEUED, SENT, FAILED))
        for exporter in exporters.values()
    )


def _agent_hops(agent: AgentCount) -> dict[str, int]:
    return {
        "ended in the agent, of kept scopes": agent.kept,
        "ended in the agent, of other scopes": agent.other,
        **_agent_losses(agent),
    }


def _agent_losses(agent: AgentCount) -> dict[str, int]:
    return {
        "dropped by the agent": agent.dropped,
        "not sent by the agent": agent.unsent,
        "waiting in the agent": agent.waiting,
    }


def _receiver_losses(grown: Metrics) -> dict[str, int]:
    return {
        "refused by the collector": grown.total(REFUSED),
        "failed in the collector": grown.total(NOT_ACCEPTED),
    }


def _export_losses(exporter: Exporter, grown: Metrics, title: str) -> dict[str, int]:
    return {
        f"failed to {title}": grown.total(FAILED, exporter=exporter.name),
        f"not queued for {title}": grown.total(NOT_QUEUED, exporter=exporter.name),
    }


def _losses(hops: Mapping[str, int]) -> Iterator[str]:
    for hop, number in hops.items():
        if number:
            yield f"{hop} {number}, expected 0"


def _agent_problems(agent: AgentCount, demanded: int) -> Iterator[str]:
    if agent.kept < demanded:
        yield f"ended in the agent {agent.kept} of kept scopes, expected {demanded} (contract)"
    yield from _losses(_agent_losses(agent))
    for status, number in agent.refusals.items():
        yield f"{number} of the agent's requests with spans were answered {status}"


def _receiver_problems(grown: Metrics, expected: int, source: str) -> Iterator[str]:
    accepted = grown.total(ACCEPTED)
    if accepted < expected:
        yield f"accepted {accepted}, expected {expected} ({source})"
    yield from _losses(_receiver_losses(grown))


def _filter_problems(exporter: Exporter, grown: Metrics, title: str, keep: int, drop: int) -> Iterator[str]:
    """Yield what is wrong with a pipeline's filters, which must keep and drop so many spans at least."""
    for name, often in exporter.filters.items():
        total = grown.total(FILTERED, filter=name)
        if total % often:
            yield f"{name} filtered {total} in {often} pipelines, expected the same number in each"
    accepted, filtered = grown.total(ACCEPTED), sum(exporter.filtered(grown).values())
    if filtered < drop:
        yield f"{_received(exporter, grown)} before {title}, expected {drop} (other scopes)"
    if accepted - filtered < keep:
        yield f"{_received(exporter, grown)}, left for {title} {accepted - filtered}, expected {keep}"


def _export_problems(
    exporter: Exporter, grown: Metrics, queued_before: int, left: int, title: str
) -> Iterator[str]:
    """Yield what is wrong with the spans sent to a backend; so many as are `left` may still wait."""
    sent = grown.total(SENT, exporter=exporter.name)
    expected = grown.total(ACCEPTED) - sum(exporter.filtered(grown).values()) + queued_before - left
    if sent != expected:
        queued = f", queued before {queued_before}" if queued_before else ""
        yield f"{_received(exporter, grown)}{queued}, sent to {title} {sent}, expected {expected}"


def _received(exporter: Exporter, grown: Metrics) -> str:
    """Return what came into an exporter's pipeline and what was dropped there, with the filters' names."""
    dropped = exporter.filtered(grown)
    numbers = ", ".join(f"{name} {number}" for name, number in dropped.items())
    names = "".join(dropped) if len(dropped) == 1 else numbers
    filtered = f"{sum(dropped.values())} ({names})" if dropped else "0"
    return f"accepted {grown.total(ACCEPTED)}, filtered {filtered}"
