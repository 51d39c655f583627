"""Which tests of a run were skipped, and for the lack of what: a line for each absent capability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from robot.api.deco import keyword, library


@library(scope="GLOBAL")
class Skips:
    """Knows which capabilities a run required and lacked. As a listener it sums up the skipped tests.

    The summary is the message of the outermost suite, which the terminal shows last, and its metadata.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        """Start with nothing absent."""
        self._absences: dict[str, str] = {}  # what was looked for and not found, by the capability

    @keyword
    def read_required_capabilities(self, required: str | Sequence[str], known: Iterable[str]) -> list[str]:
        """Return the names in the setting REQUIRE: a list, or a text with commas.

        Raises AssertionError for a name that is not among those known.
        """
        names = required.split(",") if isinstance(required, str) else required
        found = [name.strip() for name in names if name.strip()]
        unknown = [name for name in found if name not in set(known)]
        if unknown:
            raise AssertionError(
                f"REQUIRE names {', '.join(unknown)}, which no test can lack; "
                f"choose from {', '.join(sorted(known))}."
            )
        return found

    @keyword
    def note_absence(self, capability: str, looked_for: str) -> str:
        """Note that a capability was looked for and not found; return the sentence that skips a test."""
        self._absences[capability] = f"looked for {looked_for} and found none"
        return _sentence(capability, self._absences[capability])

    def end_suite(self, _: object, result: Any) -> None:  # noqa: ANN401 - Robot's result has no types
        """Write into the outermost suite what was not judged, and why."""
        if result.parent is not None:
            return
        messages = [str(test.message) for test in result.all_tests if test.skipped]
        if not messages:
            return
        lines = summarize(messages, self._absences)
        for capability, line in lines.items():
            result.metadata[f"Not judged: {capability}"] = line
        title = f"Not judged, {len(messages)} of {result.statistics.total} tests:"
        listed = [title, *(f"{capability}: {line}" for capability, line in lines.items())]
        result.message = "\n".join([result.message, *listed] if result.message else listed)


def summarize(messages: Iterable[str], absences: Mapping[str, str]) -> dict[str, str]:
    """Return, by absent capability, how many of the skipped tests' messages name it, and what was looked for.

    The capability that most tests lack comes first. A message that names none stands for itself.
    """
    numbers: dict[tuple[str, str], int] = {}
    for message in messages:
        named = [pair for pair in absences.items() if _sentence(*pair) in message]
        for pair in named or [("for another reason", message.splitlines()[-1] if message else "no message")]:
            numbers[pair] = numbers.get(pair, 0) + 1
    lines: dict[str, str] = {}
    for (capability, why), number in sorted(numbers.items(), key=lambda item: -item[1]):
        line = f"{number} {'test' if number == 1 else 'tests'}, {why}"
        lines[capability] = f"{lines[capability]}; {line}" if capability in lines else line
    return lines


def _sentence(capability: str, absence: str) -> str:
    return f"no {capability}: {absence}"
