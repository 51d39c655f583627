"""Conservation: spans that ended in the agent = accepted by the collector = sent on = stored, per backend."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector import ACCEPTED, FAILED, FILTERED, NOT_QUEUED, QUEUED, REFUSED, SENT, Exporter, Metrics
from robot.api import logger
from robot.api.deco import keyword, library
from trace_model import Trace

NOT_ACCEPTED = "otelcol_receiver_failed_spans"


@dataclass(frozen=True)
class Balance:
    """Spans at each hop between two moments, what is wrong with them, and how many were not ours."""

    hops: Mapping[str, int]
    problems: Sequence[str]
    foreign: int


@library(scope="GLOBAL")
class Conservation:
    """Balances what the collector counted with what was asked of the agent and what the backends hold."""

    @keyword
    def spans_should_be_conserved(
        self,
        before: Metrics,
        after: Metrics,
        exporters: dict[str, Exporter],
        ours: int,
        stored: dict[str, int],
    ) -> int:
        """Fail when a hop lost or doubled spans; return how many spans of others passed meanwhile.

        `ours` is the number of spans that ended in the agent. By backend: `exporters` are those of the
        collector, `stored` is how many of our spans the backend holds.
        """
        balance = weigh(before, after, exporters, ours, stored)
        rows = "".join(
            f"<tr><td>{html.escape(hop)}</td><td>{number}</td></tr>" for hop, number in balance.hops.items()
        )
        logger.info(f"<table><tr><th>hop</th><th>spans</th></tr>{rows}</table>", html=True)
        if balance.problems:
            seen = ", ".join(f"{hop} {number}" for hop, number in balance.hops.items())
            raise AssertionError(f"Spans are not conserved: {'; '.join(balance.problems)} (seen: {seen}).")
        return balance.foreign

    @keyword
    def describe_others(self, traces: list[Trace], prefix: str) -> str:
        """Return service and session of the traces whose session does not begin with `prefix`."""
        roots = [root for trace in traces for root in trace.roots]
        found = {
            f"service {root.resource.get('service.name')}, session {root.attributes.get('session.id')}"
            for root in roots
            if not str(root.attributes.get("session.id")).startswith(prefix)
        }
        return "; ".join(sorted(found)) or "of no trace that MLflow stored meanwhile"


def weigh(
    before: Metrics, after: Metrics, exporters: Mapping[str, Exporter], ours: int, stored: Mapping[str, int]
) -> Balance:
    """Return the balance.

    Every pipeline has the one filter, so a span that it drops is counted once a pipeline.
    What others sent meanwhile is what the receiver accepted beyond ours; it must be conserved too.
    """
    interrupted = after.interrupted_since(before)
    if interrupted:
        who = " and ".join(filter(None, interrupted)) or "the collector"
        return Balance({}, [f"{who} was started anew meanwhile, so what it had counted is not known"], 0)
    grown = after.since(before)
    accepted, refused, failed = (grown.total(name) for name in (ACCEPTED, REFUSED, NOT_ACCEPTED))
    filtered, uneven = divmod(grown.total(FILTERED), max(1, len(exporters)))
    hops = {
        "ended in the agent": ours,
        "accepted by the receiver": accepted,
        "refused by the receiver": refused,
        "failed in the receiver": failed,
        "dropped by the filter": filtered,
    }
    problems = []
    if accepted < ours:
        problems.append(f"{ours} spans ended in the agent, the collector's receiver accepted {accepted}")
    if refused or failed:
        problems.append(f"the collector's receiver refused {refused} spans and failed on {failed}")
    if uneven:
        problems.append("the pipelines' filters did not drop the same spans")
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
                f"of {accepted} spans accepted and {filtered} filtered, {exporter.name} sent {sent}"
            )
        if lost or rejected or queued:
            problems.append(f"{exporter.name} dropped {lost}, could not queue {rejected}, holds {queued}")
        if stored[backend] != ours:
            problems.append(f"{ours} spans ended in the agent, {backend} stores {stored[backend]} of them")
    return Balance(hops, problems, max(0, accepted - ours))
