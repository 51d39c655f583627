"""Collects what the run's traces showed that is reported and does not fail: oddities, what is tolerated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from robot.api import logger
from robot.api.deco import keyword, library

from contracts.contract import Contract
from contracts.rules import Judgement
from traces.backends import BACKENDS
from traces.messages import counted
from traces.model import Trace

# What may be tolerated, and why an installation can be healthy though it is found.
TOLERABLE: Mapping[str, str] = {
    "tokens-doubled": "no filter drops the second instrumentation's spans: halve what MLflow shows",
}


@library(scope="GLOBAL")
class Findings:
    """Keeps, over all suites of a run, in which traces a named finding was seen."""

    def __init__(self) -> None:
        """Start without any."""
        self._traces: dict[str, set[str]] = {}
        self._reasons: dict[str, str] = {}

    def note(self, contract: Contract, trace: Trace, judgement: Judgement) -> None:
        """Keep and log the oddities of a trace and what is tolerated in it; warn of the first of a name."""
        title = BACKENDS[trace.backend].title
        for name, violations in judgement.oddities.items():
            because = str(contract.sections["oddities"][name]["because"])
            self._keep(name, trace, because)
            logger.info(f"Oddity {name} in {title}: {because} Seen: {violations[0]}")
        for violation in judgement.tolerated:
            reason = contract.tolerated[violation.name]
            level: Literal["INFO", "WARN"] = "INFO" if violation.name in self._traces else "WARN"
            logger.write(f"Tolerated {violation.name} ({reason}): {violation}", level)
            self._keep(violation.name, trace, reason)

    @keyword
    def describe_oddities(self) -> dict[str, str]:
        """Return for each oddity that was seen, by its name, in how many traces, and why it is so."""
        return {
            name: f"{counted(len(traces), 'trace')}. {self._reasons[name]}"
            for name, traces in sorted(self._traces.items())
            if name not in TOLERABLE
        }

    @keyword
    def describe_tolerances(self, tolerate: object) -> dict[str, str]:
        """Return for each tolerance, by its name, its reason, and in how many traces it was used."""
        described = {}
        for name, reason in read_tolerances(tolerate).items():
            traces = self._traces.get(name, ())
            used = f"used by {counted(len(traces), 'trace')}" if traces else "unused: remove it from TOLERATE"
            described[name] = f"{reason}; {used}"
        return described

    def _keep(self, name: str, trace: Trace, reason: str) -> None:
        self._traces.setdefault(name, set()).add(trace.trace_id)
        self._reasons[name] = reason


def read_tolerances(tolerate: object) -> dict[str, str]:
    """Return the reason of each tolerance by its name.

    `tolerate` is TOLERATE of the settings: names as a list or as a text with commas, or a map of names and
    reasons. Raises ValueError where a name is none that may be tolerated.
    """
    names = tolerate.split(",") if isinstance(tolerate, str) else tolerate
    if not isinstance(names, list | tuple | Mapping):
        raise TypeError(f"TOLERATE is {tolerate!r}: give names as a list, or names with reasons as a map.")
    given = dict(names) if isinstance(names, Mapping) else {str(name).strip(): "" for name in names}
    given.pop("", None)
    for name in given:
        if name not in TOLERABLE:
            raise ValueError(f"TOLERATE names {name}, which is none of: {', '.join(TOLERABLE)}.")
    return {name: str(reason or TOLERABLE[name]) for name, reason in given.items()}
