"""Finds in which parts of the libraries the time of a judgement goes, by looking which one is at work."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

INTERVAL = 0.004  # seconds of the processor between two looks: Linux counts no shorter ones
READING = "reading the texts inside JSON"
SEARCHING = "searching texts for secrets and canaries"
CAUSES = "finding which violation follows from which"
OTHERS = "all else"
_SEARCH, _RULES = "contracts.search", "contracts.rules."


def find_shares(function: Callable[[], object], enough: int) -> Mapping[str, float]:
    """Call a function until there are `enough` looks; return the seconds that each part takes in one call.

    Seconds are of the processor. The largest part comes first.
    """
    looks, calls = Counter[str](), 0

    def look(_: int, frame: FrameType | None) -> None:
        looks[find_part(_modules(frame))] += 1

    before, begin = signal.signal(signal.SIGPROF, look), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        while looks.total() < enough:
            function()
            calls += 1
        seconds = (time.process_time() - begin) / calls
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return {part: seconds * number / looks.total() for part, number in looks.most_common()}


def find_part(modules: Sequence[str]) -> str:
    """Return the part that works where these modules call each other, the innermost first."""
    if _SEARCH in modules:
        return READING if "traces.text" in modules[: modules.index(_SEARCH)] else SEARCHING
    for module in modules:
        if module.startswith(_RULES):
            return f"rules: {module.removeprefix(_RULES)}"
    return CAUSES if "contracts.consequences" in modules else OTHERS


def _modules(frame: FrameType | None) -> list[str]:
    found = []
    while frame is not None:
        found.append(str(frame.f_globals.get("__name__")))
        frame = frame.f_back
    return found
