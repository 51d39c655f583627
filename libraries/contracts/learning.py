"""Learns a first contract of an agent from the traces of questions that it answered.

The contract extends `any-agent.yaml` and adds what all the traces have in common.
"""

from __future__ import annotations

import shlex
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from robot.api.deco import keyword, library

from agent.client import Question
from contracts.contract import Contract, load_contract
from contracts.contract_text import Section, write_contract
from contracts.evaluation import Violation, as_sent
from contracts.learned_sections import Seen, learn_sections
from contracts.privacy import Privacy
from contracts.samples import Sample, group_spans
from contracts.selectors import ContractError
from messages import counted
from traces.backends import BACKENDS
from traces.model import Trace

BASE = "any-agent.yaml"  # what every learned contract extends
LEARNED = ("roots.count", "orphans.allowed")  # what a learned contract says itself, in place of the base
HIDDEN = "(not shown)"


@dataclass(frozen=True)
class LearnedContract:
    """A contract's text, and in one sentence each what is doubtful of the traces that it was learned from."""

    text: str
    doubts: Sequence[str]


@library(scope="GLOBAL")
class Learning:
    """Learns contracts."""

    @keyword
    def get_settled_check(self, seconds: float) -> Callable[[Trace], bool]:
        """Return a function that says whether a trace has had as many spans as now for so many seconds."""
        seen: list[tuple[int, float]] = []

        def has_settled(trace: Trace) -> bool:
            if not seen or seen[-1][0] != len(trace.spans):
                seen.append((len(trace.spans), time.monotonic()))
            return time.monotonic() - seen[-1][1] >= seconds

        return has_settled

    @keyword
    def write_learned_contract(
        self,
        path: Path,
        service: str,
        question: str,
        answered: list[tuple[Question, Trace]],
        overwrite: bool = False,
    ) -> str:
        """Write what answered questions, each with a trace in a backend, teach of the agent behind a Service.

        `question` is the QUESTION of the settings with which the contract is to be used. Returns what a
        person must know of it. Raises ContractError for a file that is there, unless it may be overwritten.
        """
        samples = [Sample(question, as_sent(trace)) for question, trace in answered]
        learned = learn_contract(samples, service, question, path)
        try:
            with path.open("w" if overwrite else "x", encoding="utf-8") as file:
                file.write(learned.text)
        except OSError as error:
            raise ContractError(f"{path} cannot be written: {error.strerror}.") from error
        return "\n".join([f"{path} says what {_describe(samples)} have in common.", *learned.doubts])


def learn_contract(samples: Sequence[Sample], service: str, question: str, path: Path) -> LearnedContract:
    """Return the contract that samples teach, to be written to a file; it holds in each of them.

    A secret that leaks into them stays a violation, and is one of the doubts.
    """
    base = load_contract(BASE)
    privacy = Privacy(base.sections["secrets"])
    seen = Seen(samples, group_spans(samples, privacy), privacy)
    waived, doubts = _waive(seen, base)
    heading = _heading(seen, service, question, path)
    description = f"The agent behind Service {service}, as {_describe(samples)} showed it."
    text = write_contract(heading, description, BASE, [*waived, *learn_sections(seen)])
    unused = dict.fromkeys(f"No canary is followed. {why}" for each in samples if (why := each.unused_tool))
    return LearnedContract(text, [*doubts, *unused, *_find_leaks(list(seen.violations(_parse(text))))])


def _waive(seen: Seen, base: Contract) -> tuple[list[Section], list[str]]:
    """Return the section `without`, for the base's rules that the samples break, and a doubt of each."""
    broken: dict[str, list[Violation]] = {}
    for violation in seen.violations(base):
        if violation.rule not in LEARNED and not violation.rule.startswith("secrets."):
            broken.setdefault(violation.rule, []).append(violation)
    doubts = [
        f"{counted(len(found), 'violation')} of {base.name}, which the contract does without: {found[0]}"
        for found in broken.values()
    ]
    comment = "Rules for every agent that these traces break. Mend the agent, then take them out here."
    rules = list(dict.fromkeys(map(_name_to_waive, broken)))
    return ([Section("without", rules, comment)] if rules else []), doubts


def _name_to_waive(rule: str) -> str:
    """Return what `without` calls a rule; doubled tokens break the one that each call is counted once."""
    section, _, name = rule.partition(".")
    if section == "tokens":
        return f"tokens.{name.replace('doubled', 'counted-once').replace('-', '_')}"
    return section if rule == "time.duration" else rule


def _find_leaks(violations: Sequence[Violation]) -> list[str]:
    """Return a doubt for the secrets in the samples. Raises ContractError for any other violation."""
    for violation in violations:
        if not violation.rule.startswith("secrets."):
            raise ContractError(f"These traces contradict what was learned from them: {violation}.")
    places = sorted({f"{violation.path.partition(' [')[0]} ({violation.rule})" for violation in violations})
    return (
        [f"The contract fails until no secret leaks into the traces: {', '.join(places)}."] if places else []
    )


def _parse(text: str) -> Contract:
    """Read a contract's text as its file is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "learned.yaml"
        path.write_text(text, encoding="utf-8")
        return load_contract(path)


def _heading(seen: Seen, service: str, question: str, path: Path) -> list[str]:
    """Return the comments above a contract: what it was learned from, and how to use it."""
    asked = Counter({sample.question.context_id: sample.question.text for sample in seen.samples}.values())
    shown = {
        text: HIDDEN if seen.privacy.hides_text(text) else " ".join(text.split())
        for text in (*asked, question)
    }
    options = {"AGENT_SERVICE": service, "CONTRACT": str(path), "QUESTION": shown[question]}
    command = " \\\n      ".join(
        f"--variable {shlex.quote(f'{key}:{value}')}" for key, value in options.items()
    )
    return [
        f"A first contract of the agent behind Service {service}, learned from {_describe(seen.samples)}.",
        "\n".join(f"  {number} x {shown[text]}" for text, number in asked.items()),
        "Every rule below held in all these traces. Some hold by chance: read each, and delete what the "
        "agent does not promise. resources/contracts/schema.json says what each key means.",
        "Left open: where spans come from, as no backend keeps their scope; how long anything takes; what "
        "varied.",
        f"  robot {command} robot/",
    ]


def _describe(samples: Sequence[Sample]) -> str:
    contexts = {sample.question.context_id for sample in samples}
    titles = " and ".join(dict.fromkeys(BACKENDS[sample.trace.backend].title for sample in samples))
    return f"{counted(len(samples), 'trace')} in {titles} of {counted(len(contexts), 'answered question')}"
