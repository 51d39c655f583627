"""Whether roll-outs still make progress, as the states of their pods show it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from kube.model import Object, is_ready, statuses_of


@dataclass
class Progress:
    """Roll-outs that are looked at again and again; `limit` is how many seconds nothing of them may change.

    A pod that comes or goes is progress, and so is a container that starts, ends or becomes Ready. Why one
    waits is none: the kubelet changes that while it tries the same again.
    """

    limit: float
    _seen: object = None
    _since: float = field(default_factory=time.monotonic)

    def goes_on(self, pods: Iterable[Object]) -> bool:
        """Return whether something has changed within the limit; `pods` are those of the roll-outs now."""
        states = sorted((pod["metadata"]["name"], is_ready(pod), _containers(pod)) for pod in pods)
        if states != self._seen:
            self._seen, self._since = states, time.monotonic()
        return time.monotonic() - self._since < self.limit


def _containers(pod: Object) -> list[tuple[str, bool, list[str]]]:
    """Return for each container its name, whether it is Ready, and in which state it is since when."""
    return [
        (
            entry["name"],
            bool(entry.get("ready")),
            [f"{state} {about.get('startedAt', '')}" for state, about in entry.get("state", {}).items()],
        )
        for entry in statuses_of(pod)
    ]
