"""Conservation: spans that ended in the agent = accepted by the collector = sent on = stored, per backend.

The agent of this project counts the spans that ended in it, by the scope that made them
(apps/weather-agent/weather_agent/telemetry.py). Of one that does not, the contract says how many must.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
# With a status where a request was answered and refused: SDK 1.45 counts its spans as exported all the same.
REQUESTS = "otel_sdk_exporter_operation_duration_seconds_count"


@dataclass(frozen=True)
class Balance:
    """Spans at each hop between two moments, what is wrong with them, and how many were not ours."""

    hops: Mapping[str, int]
    problems: Sequence[str]
    foreign: int


@dataclass(frozen=True)
class Ended:
    """What the agent counted between two moments: spans that ended, and what became of them.

    `kept` are of scopes that the collector's filter keeps, `other` of all others. `dropped` it could not
    queue, `undelivered` it could not send; `answers` has how many of its requests were refused, by HTTP
    status; `waiting` it still holds. With `started_anew` none of it counts.
    """

    kept: int
    other: int
    dropped: int
    undelivered: int
    answers: Mapping[str, int]
    waiting: int
    started_anew: bool


@library(scope="GLOBAL")
class Conservation:
    """Balances what the collector counted with what was asked of the agent and what the backends hold."""

    @keyword
    def metrics_should_count_agent_spans(self, metrics: Metrics) -> None:
        """Fail unless these are the metrics of an agent that counts the spans that ended in it.

        Before its first span it shows no such counter, but its span processor's queue.
        """
        if not metrics.has(ENDED) and not metrics.has(IN_QUEUE):
            raise AssertionError("The agent does not count its spans.")

    @keyword
    def count_agent_spans(self, before: Metrics, after: Metrics, kept_scopes: str) -> Ended:
        """Return what the agent counted; `kept_scopes` matches those that the collector's filter keeps."""
        return count(before, after, kept_scopes)

    @keyword
    def spans_should_be_conserved(  # noqa: PLR0913, PLR0917 - a hop each
        self,
        before: Metrics,
        after: Metrics,
        exporters: dict[str, Exporter],
        ours: int,
        stored: dict[str, int],
        ended: Ended | None = None,
    ) -> int:
        """Fail when a hop lost or doubled spans; return how many spans of others passed meanwhile.

        `ours` is the number of spans that the contract demands of our questions, `ended` what the agent
        counted, None where it counts nothing. By backend: `exporters` are those of the collector, `stored` is
        how many of our spans the backend holds.
        """
        balance = weigh(before, after, exporters, ours, stored, ended)
        rows = "".join(
            f"<tr><td>{html.escape(hop)}</td><td>{number}</td></tr>" for hop, number in balance.hops.items()
        )
        logger.info(f"<table><tr><th>hop</th><th>spans</th></tr>{rows}</table>", html=True)
        if balance.problems:
            seen = ", ".join(f"{hop} {number}" for hop, number in balance.hops.items() if number)
            problems = "; ".join(balance.problems)
            raise AssertionError(f"Spans are not conserved: {problems} (seen: {seen or 'none'}; all else 0).")
        return balance.foreign

    @keyword
    def describe_foreign_traces(self, traces: list[Trace], prefix: str) -> str:
        """Return service and session of the traces whose session does not begin with `prefix`."""
        roots = [root for trace in traces for root in trace.roots]
        found = {
            f"service {root.resource.get('service.name')}, session {root.attributes.get('session.id')}"
            for root in roots
            if not str(root.attributes.get("session.id")).startswith(prefix)
        }
        return "; ".join(sorted(found)) or "of no trace that MLflow stored meanwhile"


def count(before: Metrics, after: Metrics, kept_scopes: str) -> Ended:
    """Return what the agent counted between two readings of its metrics."""
    grown = after.since(before)
    by_scope = grown.by("span_scope", ENDED)
    kept = sum(number for scope, number in by_scope.items() if re.search(kept_scopes, scope))

    def failed(name: str) -> int:
        return sum(number for error, number in grown.by("error_type", name).items() if error)

    return Ended(
        kept=kept,
        other=sum(by_scope.values()) - kept,
        dropped=failed(PROCESSED),
        undelivered=failed(EXPORTED),
        answers={status: number for status, number in grown.by(STATUS, REQUESTS).items() if status},
        waiting=after.total(LIVE) + after.total(IN_QUEUE),
        started_anew=after.by("pod", STARTED_AT) != before.by("pod", STARTED_AT),
    )


def weigh(  # noqa: PLR0913, PLR0917 - a hop each
    before: Metrics,
    after: Metrics,
    exporters: Mapping[str, Exporter],
    ours: int,
    stored: Mapping[str, int],
    ended: Ended | None = None,
) -> Balance:
    """Return the balance.

    Every pipeline has the one filter, so a span that it drops is counted once a pipeline.
    What others sent meanwhile is what the receiver accepted beyond ours; it must be conserved too.
    """
    interrupted = after.interrupted_since(before)
    if interrupted:
        who = " and ".join(filter(None, interrupted)) or "the collector"
        return Balance({}, [f"{who} was started anew meanwhile, so what it had counted is not known"], 0)
    if ended and ended.started_anew:
        return Balance({}, ["the agent was started anew meanwhile and counts from zero"], 0)
    grown = after.since(before)
    accepted, refused, failed = (grown.total(name) for name in (ACCEPTED, REFUSED, NOT_ACCEPTED))
    filtered, uneven = divmod(grown.total(FILTERED), max(1, len(exporters)))
    hops = _ended_hops(ended) if ended else {"demanded by the contract": ours}
    hops |= {
        "accepted by the receiver": accepted,
        "refused by the receiver": refused,
        "failed in the receiver": failed,
        "dropped by the filter": filtered,
    }
    problems = _leaving(ended, ours, accepted, filtered) if ended else []
    if not ended and accepted < ours:
        problems.append(f"the contract demands {ours} spans, the collector's receiver accepted {accepted}")
    if refused or failed:
        problems.append(f"the collector's receiver refused {refused} spans and failed on {failed}")
    filters = ", ".join(f"{name} {number}" for name, number in grown.by("filter", FILTERED).items())
    if uneven:
        problems.append(f"the pipelines' filters did not drop the same spans ({filters} in all)")
    for backend, exporter in exporters.items():
        sent, lost, rejected = (grown.total(n, exporter=exporter.name) for n in (SENT, FAILED, NOT_QUEUED))
        queued = after.total(QUEUED, exporter=exporter.name)
        hops |= {
            f"sent to {backend}": sent,
            f"failed to {backend}": lost + rejected,
            f"waiting for {backend}": queued,
            f"stored in {backend}": stored[backend],
        }
        if sent != accepted - filtered:
            problems.append(
                f"of {accepted} spans accepted, of which the filters of all pipelines dropped "
                f"{filters or 'none'}, {exporter.name} sent {sent}"
            )
        if lost or rejected or queued:
            problems.append(f"{exporter.name} dropped {lost}, could not queue {rejected}, holds {queued}")
        if stored[backend] != ours:
            problems.append(f"the questions make {ours} spans, {backend} stores {stored[backend]} of them")
    return Balance(hops, problems, max(0, accepted - ours - (ended.other if ended else 0)))


def _ended_hops(ended: Ended) -> dict[str, int]:
    return {
        "ended in the agent, of scopes that the filter keeps": ended.kept,
        "ended in the agent, of other scopes": ended.other,
        "dropped by the agent": ended.dropped,
        "not delivered by the agent": ended.undelivered,
        "waiting in the agent": ended.waiting,
    }


def _leaving(ended: Ended, ours: int, accepted: int, filtered: int) -> list[str]:
    """Return what is wrong between the agent and what the collector's filter lets pass."""
    problems = []
    left = ended.kept + ended.other
    if ended.kept < ours:
        problems.append(f"the contract demands {ours} spans, {ended.kept} of kept scopes ended in the agent")
    if ended.dropped or ended.undelivered:
        problems.append(f"the agent dropped {ended.dropped} spans and could not deliver {ended.undelivered}")
    for status, number in ended.answers.items():
        problems.append(f"{number} requests of the agent with spans were answered {status}")
    if ended.waiting:
        problems.append(f"{ended.waiting} spans are still in the agent")
    if accepted < left:
        problems.append(f"{left} spans ended in the agent, the collector's receiver accepted {accepted}")
    if filtered < ended.other:
        problems.append(
            f"{ended.other} spans that the filter must drop ended in the agent, it dropped {filtered}"
        )
    if accepted - filtered < ended.kept:
        problems.append(
            f"{ended.kept} spans of kept scopes ended in the agent, the filter let {accepted - filtered} pass"
        )
    return problems
