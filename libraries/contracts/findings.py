"""Notes what a trace showed that is reported and does not fail: oddities, and what its contract tolerates."""

from __future__ import annotations

from robot.api import logger

from contracts.contract import Contract
from contracts.rules import Judgement
from findings.notes import NOTES, Notes
from traces.backends import BACKENDS
from traces.model import Trace

TOKENS_DOUBLED = "tokens-doubled"  # the finding that every contract looks for


def note_findings(contract: Contract, trace: Trace, judgement: Judgement, notes: Notes = NOTES) -> None:
    """Note and log the oddities of a trace, and what is tolerated in it."""
    title = BACKENDS[trace.backend].title
    notes.note_search(TOKENS_DOUBLED)
    for name, violations in judgement.oddities.items():
        because = str(contract.sections["oddities"][name]["because"])
        notes.note_oddity(name, trace.trace_id, because)
        logger.info(f"Oddity {name} in {title}: {because} Seen: {violations[0]}")
    for violation in judgement.tolerated:
        notes.note_tolerated(violation.name, trace.trace_id, contract.tolerated[violation.name], violation)
