"""Notes what is reported of a trace and does not fail: oddities, what is tolerated, what cannot be judged."""

from __future__ import annotations

from robot.api import logger

from contracts.contract import Contract
from contracts.judgement import Judgement
from findings.notes import NOTES, Notes
from traces.backends import BACKENDS
from traces.model import Trace

LOOKED_FOR = ("tokens-doubled", "attributes-dropped")  # what may be tolerated of every trace


def note_findings(contract: Contract, trace: Trace, judgement: Judgement, notes: Notes = NOTES) -> None:
    """Note and log the oddities of a trace, what is tolerated in it, and which rules say nothing of it."""
    title = BACKENDS[trace.backend].title
    for name in LOOKED_FOR:
        notes.note_search(name)
    for unjudged in judgement.unjudged:
        notes.note_unjudged(unjudged.rule, trace.trace_id, unjudged.reason)
        logger.info(f"Not judged in {title}: {unjudged.rule}: {unjudged.reason}")
    for name, violations in judgement.oddities.items():
        because = str(contract.sections["oddities"][name]["because"])
        notes.note_oddity(name, trace.trace_id, because)
        logger.info(f"Oddity {name} in {title}: {because} Seen: {violations[0]}")
    for violation in judgement.tolerated:
        notes.note_tolerated(violation.name, trace.trace_id, contract.tolerated[violation.name], violation)
