"""The rules of a trace contract, section by section.

A rule's id is `SECTION.NAME`:

- `spans.unique-id`, `spans.trace-id`: always; no span id twice, and every span is of this trace.
- `patterns.NAME`: many violations with one cause: `attributes-cut` (all long texts end at one length),
  `attributes-dropped` (a span has as many attributes as its SDK keeps, without its oldest), `same-times` (of
  all spans), `names-carry-question` (of spans), `tools-mixed-up` (a tool span has another call's input).
- `roots.count`, `roots.span`: how many spans have no parent, and what they are.
- `orphans.allowed`: no span's parent is missing, and every span's ancestors lead to a root.
- `counts.SELECTOR`: how many such spans there are; `counts.other` is for all spans that are not named.
- `tree.NAME`: which spans are below which.
- `time.duration`, `time.outside-parent`, `time.outside-root`: no span ends before it starts, or lies outside
  its parent or the root. `time.now`: all are of the question's time, by the cluster's clock.
- `order.NAME`: which spans start only after others have ended.
- `attributes.SELECTOR.ATTRIBUTE`, `attributes.SELECTOR.forbidden`: what a span carries, and what not.
- `scopes.allowed`: which instrumentations the spans may come from.
- `identity.NAME`: one session, one user, one service in the whole trace.
- `model.named`, `model.configured`: a model call names the model that it asked or that answered, and that is
  the one that the agent is configured to use.
- `causality.NAME`: the text of one span is contained in another's: the question in the model's input, the
  tool's output in the next model call's input, the model's last output in the agent's.
- `canaries.foreign`: no canary of another question anywhere.
- `tokens.counted-by`, `tokens.add-up`, `tokens.counted-once`, `tokens.trace-total`: token arithmetic;
  `tokens.billed`: the counts are what the model's own answer says; `tokens.doubled`: two instrumentations
  count each call, which is one violation instead of many.
- `status.SELECTOR`, `events.NAME`: which spans failed, and that failures say why.
- `state.trace`: MLflow's word for the whole trace.
- `secrets.NAME`, `secrets.keys`: no API key, bearer token or password anywhere; never shown in a violation.

What a backend does not keep is not asked for there: `traces.backends` says what that is. A rule that needs to
know more than the trace holds says so instead of judging. A violation that an
oddity of the contract explains is reported by the oddity's name; one that is tolerated is a warning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from contracts.contract import Contract
from contracts.evaluation import Evaluation, Expectation, Unjudged, Violation, Violations, as_sent
from contracts.rules import causality, leaks, model, outcome, patterns, structure, timing, tokens, values
from contracts.rules.consequences import find_causes
from contracts.selectors import selects
from traces.messages import counted
from traces.model import Trace

# In the order in which violations are listed: the first are the likeliest causes of the others.
SECTIONS: Mapping[str, Callable[[Evaluation, Any], Violations]] = {
    "patterns": patterns.patterns,
    "roots": structure.roots,
    "orphans": structure.orphans,
    "counts": structure.counts,
    "tree": structure.tree,
    "time": timing.time,
    "order": timing.order,
    "attributes": values.attributes,
    "scopes": values.scopes,
    "identity": values.identity,
    "model": model.model,
    "causality": causality.causality,
    "canaries": causality.canaries,
    "tokens": tokens.tokens,
    "status": outcome.status,
    "events": outcome.events,
    "state": outcome.state,
    "secrets": leaks.secrets,
}


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

    What follows from an oddity, or from what is tolerated, is a part of that. Raises ContractError where the
    contract asks for canaries and the expectation has none.
    """
    judgement, trace = Judgement(), as_sent(trace)
    failing: list[Violation] = []
    for found in _violations(contract, trace, expectation):
        if isinstance(found, Unjudged):
            judgement.unjudged.append(found)
        elif found.rule.startswith("patterns.") or not _accepts(judgement, contract, trace, found):
            failing.append(found)
    findings: dict[str, tuple[list[Violation], list[Violation]]] = {}
    causes = find_causes(contract, trace, failing)
    for violation, cause in zip(failing, (failing[number] for number in causes), strict=True):
        if not (
            cause.rule.startswith("patterns.") and _accepts(judgement, contract, trace, cause, violation)
        ):
            findings.setdefault(cause.rule, ([], []))[violation is not cause].append(violation)
    judgement.findings.extend(Finding(*found) for found in findings.values())
    return judgement


def _accepts(
    judgement: Judgement,
    contract: Contract,
    trace: Trace,
    cause: Violation,
    violation: Violation | None = None,
) -> bool:
    """Report a violation, or one that follows from it, as tolerated or odd; return whether it is that."""
    oddity = _explaining_oddity(contract, trace, cause)
    if cause.name in contract.tolerated:
        judgement.tolerated.append(violation or cause)
    elif oddity:
        judgement.oddities.setdefault(oddity, []).append(violation or cause)
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


def _violations(contract: Contract, trace: Trace, expectation: Expectation) -> list[Violation | Unjudged]:
    secrets = contract.sections.get("secrets", {}).get("texts", {})
    evaluation = Evaluation(trace, expectation, secrets, contract.facts)
    violations = list(structure.spans(evaluation))
    for name, section in SECTIONS.items():
        if name in contract.sections:
            violations += section(evaluation, contract.sections[name])
    return violations
