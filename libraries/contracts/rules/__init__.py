"""The rules of a trace contract, section by section.

A rule's id is `SECTION.NAME`:

- `spans.unique-id`, `spans.trace-id`: always; no span id twice, and every span is of this trace.
- `roots.count`, `roots.span`: how many spans have no parent, and what they are.
- `orphans.allowed`: no span's parent is missing, and every span's ancestors lead to a root.
- `counts.SELECTOR`: how many such spans there are; `counts.other` is for all spans that are not named.
- `tree.NAME`: which spans are below which.
- `time.duration`, `time.outside-parent`, `time.outside-root`: no span ends before it starts, or lies outside
  its parent or the root.
- `order.NAME`: which spans start only after others have ended.
- `attributes.SELECTOR.ATTRIBUTE`, `attributes.SELECTOR.forbidden`: what a span carries, and what not.
- `scopes.allowed`: which instrumentations the spans may come from.
- `identity.NAME`: one session, one user, one service in the whole trace.
- `causality.NAME`: the text of one span is contained in another's: the question in the model's input, the
  tool's output in the next model call's input, the model's last output in the agent's.
- `canaries.foreign`: no canary of another question anywhere.
- `tokens.counted-by`, `tokens.add-up`, `tokens.counted-once`, `tokens.trace-total`: token arithmetic.
- `status.SELECTOR`, `events.NAME`: which spans failed, and that failures say why.
- `state.trace`: MLflow's word for the whole trace.
- `secrets.NAME`, `secrets.keys`: no API key, bearer token or password anywhere; never shown in a violation.

What a backend does not keep is not asked for there: `traces.backends` says what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.contract import Contract
from contracts.evaluation import Evaluation, Expectation, Violation, Violations
from contracts.rules import causality, leaks, outcome, structure, timing, tokens, values
from traces.model import Trace

# In the order in which violations are listed: the first are the likeliest causes of the others.
SECTIONS: Mapping[str, Callable[[Evaluation, Any], Violations]] = {
    "roots": structure.roots,
    "orphans": structure.orphans,
    "counts": structure.counts,
    "tree": structure.tree,
    "time": timing.time,
    "order": timing.order,
    "attributes": values.attributes,
    "scopes": values.scopes,
    "identity": values.identity,
    "causality": causality.causality,
    "canaries": causality.canaries,
    "tokens": tokens.tokens,
    "status": outcome.status,
    "events": outcome.events,
    "state": outcome.state,
    "secrets": leaks.secrets,
}


def evaluate(contract: Contract, trace: Trace, expectation: Expectation) -> list[Violation]:
    """Return all violations of the contract, in the order of the sections; empty for a good trace.

    Raises ContractError where the contract asks for canaries and the expectation has none.
    """
    secrets = contract.sections.get("secrets", {}).get("texts", {})
    evaluation = Evaluation(trace, expectation, secrets)
    violations = list(structure.spans(evaluation))
    for name, section in SECTIONS.items():
        if name in contract.sections:
            violations += section(evaluation, contract.sections[name])
    return violations
