"""The rules of a trace contract, section by section.

A rule's id is `SECTION.NAME`:

- `spans.unique-id`, `spans.trace-id`: always; no span id twice, and every span is of this trace.
- `patterns.NAME`: many violations with one cause: `attributes-cut` (all long texts end at one length),
  `attributes-dropped` (a span has as many attributes as its SDK keeps, and lacks some), `same-times` (of all
  spans), `names-carry-question` (of spans), `tools-mixed-up` (a tool span has another call's input).
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
know more than the trace holds says so instead of judging. How violations are put together, and which of them
fail: see `contracts.judgement`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.contract import Contract
from contracts.evaluation import Evaluation, Expectation, Unjudged, Violation, Violations
from contracts.rules import causality, leaks, model, outcome, patterns, structure, timing, tokens, values
from contracts.search import TextSearch
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


def find_violations(contract: Contract, trace: Trace, expectation: Expectation) -> list[Violation | Unjudged]:
    """Return all violations of the contract, in the order of the sections, and what could not be judged.

    Where the expectation has no canaries, the rules about them say nothing of it.
    """
    evaluation = Evaluation(trace, expectation, TextSearch(contract.sections), contract.facts)
    found = list(structure.spans(evaluation))
    for name, section in SECTIONS.items():
        if name in contract.sections:
            found += section(evaluation, contract.sections[name])
    return found
