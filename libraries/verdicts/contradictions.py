"""Evidence that contradicts other evidence. It is shown: the verdict is less sure then."""

from __future__ import annotations

from collections.abc import Iterator

from messages import counted
from pipeline.collector import SENT
from verdicts.evidence import Evidence


def find_contradictions(evidence: Evidence) -> Iterator[str]:
    """Yield what cannot both be true of the way from the agent to the backend, a clause each."""
    title, stored = evidence.title, len(evidence.trace.spans) if evidence.trace else 0
    has = f"{title} has {counted(stored, 'span')} of the question"
    if evidence.denied_to_collector and stored:
        yield f"{evidence.denied_to_collector}, but {has}"
    if evidence.exporter is None:
        return
    # Without a reading before the question it is not known when what was counted was sent.
    counts = evidence.before is not None and evidence.after is not None
    sent = evidence.grown.total(SENT, exporter=evidence.exporter.name) if counts else 0
    arrived = has if stored else f"{evidence.exporter.name} sent {counted(sent, 'span')}"
    if evidence.denied_to_backend and (stored or sent):
        yield f"{evidence.denied_to_backend}, but {arrived}"
    if evidence.backend in evidence.stopped and (stored or sent):
        yield f"{evidence.backend} has no Ready pod, but {arrived}"
    if counts and stored and not sent:
        yield f"{evidence.exporter.name} sent nothing, but {has}: another way leads there"
