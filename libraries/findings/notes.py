"""Notes, over all suites of a run, where a named finding was seen, and sums them up at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from robot.api import logger
from robot.api.deco import keyword, library

from findings.tolerances import TOLERABLE, read_tolerances
from messages import counted


@library(scope="GLOBAL")
class Notes:
    """Keeps what was seen of each finding. As a listener it sums up the tolerances in the outermost suite."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        """Start without any."""
        self._oddities: dict[str, set[str]] = {}  # the traces of each
        self._reasons: dict[str, str] = {}  # of each oddity
        self._unjudged: dict[tuple[str, str], set[str]] = {}  # the traces of each rule and reason
        self._tolerated: dict[str, dict[str, str]] = {}  # of each, what was seen, by its place
        self._failed: set[str] = set()
        self._looked_for: set[str] = set()
        self._summary: list[str] = []

    def note_oddity(self, name: str, trace: str, reason: str) -> None:
        """Keep that a trace has an oddity."""
        self._oddities.setdefault(name, set()).add(trace)
        self._reasons[name] = reason

    def note_unjudged(self, rule: str, trace: str, reason: str) -> None:
        """Keep that a rule says nothing of a trace, because what it needs to know cannot be seen."""
        self._unjudged.setdefault((rule, reason), set()).add(trace)

    def note_search(self, name: str) -> None:
        """Keep that a finding was looked for: a tolerance of one that nobody looked for is not unused."""
        self._looked_for.add(name)

    def note_tolerated(self, name: str, place: str, reason: str, seen: object) -> None:
        """Keep where a tolerated finding was seen, such as a trace; warn of a name's first one."""
        level: Literal["INFO", "WARN"] = "INFO" if name in self._tolerated else "WARN"
        logger.write(f"Tolerated {name} ({reason}): {seen}", level)
        self._tolerated.setdefault(name, {}).setdefault(place, str(seen))

    def note_failed(self, name: str) -> None:
        """Keep that a test fails because of a finding that could be tolerated."""
        if name in TOLERABLE:
            self._failed.add(name)

    @property
    def failed_before(self) -> dict[str, str]:
        """The findings that a test fails for already, each with that as the reason to fail no other test."""
        return dict.fromkeys(sorted(self._failed), "another test of this run fails because of it")

    @keyword
    def findings_should_be_tolerated(self, name: str, found: Sequence[str], tolerate: object) -> str:
        """Fail with what was found unless TOLERATE names it; return what was tolerated as a sentence.

        `name` is one of `tolerances.TOLERABLE`. Where nothing was found it passes and returns an empty text.
        """
        self.note_search(name)
        if not found:
            return ""
        seen = "; ".join(found)
        reason = read_tolerances(tolerate).get(name)
        if reason is None:
            raise AssertionError(f"{seen}. TOLERATE:{name} makes this a warning.")
        for each in found:
            self.note_tolerated(name, each, reason, each)
        return f"Tolerated {name}: {seen}."

    @keyword
    def describe_oddities(self) -> dict[str, str]:
        """Return for each oddity that was seen, by its name, in how many traces, and why it is so."""
        return {
            name: f"{counted(len(traces), 'trace')}. {self._reasons[name]}"
            for name, traces in sorted(self._oddities.items())
        }

    @keyword
    def describe_unjudged_rules(self) -> dict[str, str]:
        """Return for each rule that said nothing of some traces, by its id, of how many, and why."""
        described: dict[str, list[str]] = {}
        for (rule, reason), traces in sorted(self._unjudged.items()):
            described.setdefault(rule, []).append(f"{counted(len(traces), 'trace')}: {reason}")
        return {rule: "; ".join(reasons) for rule, reasons in described.items()}

    @keyword
    def describe_tolerances(self, tolerate: object) -> dict[str, str]:
        """Return for each tolerance, by its name, its reason, what was seen first, and in how many places.

        The terminal shows the same at the run's end.
        """
        described = {}
        for name, reason in read_tolerances(tolerate).items():
            places = self._tolerated.get(name)
            if places:
                used = f"seen in {counted(len(places), 'place')}, first: {next(iter(places.values()))}"
            elif name in self._looked_for:
                used = "unused: remove it from TOLERATE"
            else:
                used = "not looked for in this run"
            described[name] = f"{used}. Tolerated because {reason}"
        self._summary = [f"{name}: {use}" for name, use in described.items()]
        return described

    def end_suite(self, _: object, result: Any) -> None:  # noqa: ANN401 - Robot's result has no types
        """Write into the outermost suite's message what was tolerated."""
        if result.parent is None and self._summary:
            listed = ["Tolerated:", *self._summary]
            result.message = "\n".join([result.message, *listed] if result.message else listed)


NOTES = Notes()  # of this run: several rooms write into them
