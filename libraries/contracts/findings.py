"""Notes what is reported of a trace and fails no test, or only one: oddities, what may be tolerated."""

from __future__ import annotations

from collections import defaultdict

from robot.api import logger

from contracts.contract import Contract
from contracts.evaluation import Violation
from contracts.judgement import Judgement
from findings.notes import NOTES, Notes
from traces.backends import BACKENDS
from traces.model import Trace

LOOKED_FOR = ("tokens-doubled", "attributes-dropped")  # what may be tolerated of every trace


def note_findings(contract: Contract, trace: Trace, judgement: Judgement, notes: Notes = NOTES) -> None:
    """Note and log the oddities of a trace, what is tolerated in it, and which rules say nothing of it.

    What could be tolerated and fails this test fails no later one.
    """
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
    for failing in judgement.violations:
        notes.note_failed(failing.name)
    tolerated: defaultdict[str, list[Violation]] = defaultdict(list)
    for violation in judgement.tolerated:
        tolerated[violation.name].append(violation)
    for name, found in tolerated.items():
        more = f"; and {len(found) - 1} more with it" if len(found) > 1 else ""
        notes.note_tolerated(name, trace.trace_id, contract.tolerated[name], f"{found[0]}{more}")
