"""Judges a trace by its contract: puts violations with one cause together, and says which of them fail.

A violation that an oddity of the contract explains is reported by the oddity's name. One that is tolerated is
a warning. What cannot be judged is said.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from contracts.consequences import find_causes
from contracts.contract import Contract
from contracts.evaluation import Expectation, Unjudged, Violation, as_sent
from contracts.rules import find_violations
from contracts.selectors import selects
from findings.tolerances import TOLERABLE
from messages import counted
from traces.model import Trace


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a trace: the violations of one rule, and all that follow from them."""

    violations: Sequence[Violation]
    consequences: Sequence[Violation] = ()

    @property
    def rule(self) -> str:
        """The rule that is broken."""
        return self.violations[0].rule

    def __str__(self) -> str:
        """Return the first violation as one line, and what the others are."""
        others = [violation.rule for violation in self.violations[1:]]
        parts = [str(self.violations[0])]
        if others:
            spans = {violation.span.span_id for violation in self.violations if violation.span}
            is_one_each = len(spans) == len(self.violations)
            alike = counted(len(others), "other span")
            parts.append(f"the same at {alike}" if is_one_each else f"{len(others)} more of this rule")
        if self.consequences:
            rules = Counter(violation.rule for violation in self.consequences)
            listed = ", ".join(f"{times} {rule}" if times > 1 else rule for rule, times in rules.items())
            parts.append(f"with it {counted(len(self.consequences), 'more violation')} ({listed})")
        if self.violations[0].name in TOLERABLE:
            parts.append(f"TOLERATE:{self.violations[0].name} makes this a warning")
        return "; ".join(parts)


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a trace, and what was seen that is reported only.

    `oddities` are the violations that one of the contract's oddities explains, by its name; `tolerated` those
    that the contract tolerates; `unjudged` are the rules that say nothing of this trace.
    """

    findings: list[Finding] = field(default_factory=list)
    tolerated: list[Violation] = field(default_factory=list)
    oddities: dict[str, list[Violation]] = field(default_factory=dict)
    unjudged: list[Unjudged] = field(default_factory=list)

    @property
    def violations(self) -> list[Violation]:
        """All violations that fail, with those that follow from others."""
        return [
            violation
            for finding in self.findings
            for violation in (*finding.violations, *finding.consequences)
        ]


def evaluate(contract: Contract, trace: Trace, expectation: Expectation) -> list[Violation]:
    """Return the violations of the contract that are neither odd nor tolerated; empty for a good trace."""
    return judge(contract, trace, expectation).violations


def judge(contract: Contract, trace: Trace, expectation: Expectation) -> Judgement:
    """Return all violations of the contract, in the order of the sections, those with one cause together.

    What follows from a pattern that is odd or tolerated is so too. Any other such violation explains none.
    """
    with _without_collections():
        return _judge(contract, as_sent(trace), expectation)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep Python's garbage collector off meanwhile: judging leaves no cycles for it (measured).

    It would look through a long trace again and again, which takes an eighth of the time (measured).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _judge(contract: Contract, trace: Trace, expectation: Expectation) -> Judgement:
    judgement = Judgement()
    failing: list[Violation] = []
    for found in find_violations(contract, trace, expectation):
        if isinstance(found, Unjudged):
            judgement.unjudged.append(found)
        elif found.is_pattern or not _accept(
            judgement, contract, _explaining_oddity(contract, trace, found), found, found
        ):
            failing.append(found)
    findings: dict[str, tuple[list[Violation], list[Violation]]] = {}
    causes = [failing[number] for number in find_causes(contract, trace, failing)]
    patterns = {id(cause): cause for cause in causes if cause.is_pattern}
    oddities = {key: _explaining_oddity(contract, trace, cause) for key, cause in patterns.items()}
    for violation, cause in zip(failing, causes, strict=True):
        oddity = oddities.get(id(cause))
        if not (cause.is_pattern and _accept(judgement, contract, oddity, cause, violation)):
            findings.setdefault(cause.rule, ([], []))[violation is not cause].append(violation)
    judgement.findings.extend(Finding(*found) for found in findings.values())
    return judgement


def _accept(
    judgement: Judgement, contract: Contract, oddity: str | None, cause: Violation, violation: Violation
) -> bool:
    """Return whether a violation's cause is tolerated or explained by an oddity; if so, add it as that."""
    if cause.name in contract.tolerated:
        judgement.tolerated.append(violation)
    elif oddity:
        judgement.oddities.setdefault(oddity, []).append(violation)
    else:
        return False
    return True


def _explaining_oddity(contract: Contract, trace: Trace, violation: Violation) -> str | None:
    """Return the name of the oddity that explains a violation, None where none does.

    What is wrong with the whole trace is explained where any of its spans is as the oddity says.
    """
    spans = trace.spans if violation.span is None else (violation.span,)
    for name, oddity in contract.sections.get("oddities", {}).items():
        is_meant = any(fnmatchcase(violation.rule, rule) for rule in oddity["explains"])
        if is_meant and any(
            selects(oddity["spans"], span) and re.search(oddity.get("message", ""), span.status_message)
            for span in spans
        ):
            return str(name)
    return None
