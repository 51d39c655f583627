"""What can be broken, from the ground up, and which tests cannot be judged then."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from robot.model import TagPatterns  # type: ignore[import-untyped] # it has no types

from certainty import CERTAIN

ANSWER = "answer"  # the subject of a cause: the agent gives none
TRACES = "traces"  # the subject of a cause: they arrive nowhere
TRACES_IN = "traces in "  # and the backend: they do not arrive there
# The subjects of causes from the ground up: a later one can follow from an earlier one. By subject: which
# tests cannot be judged while nothing of it works, as a tag pattern (Robot Framework's User Guide, "Tag
# patterns"). Tests of the deployment and of the components' flows judge the cause itself. Where traces do not
# arrive, the tests of arrival show why, the agent's answer is what it is, and conservation and the pipelines'
# probe still count.
COMPONENTS: Mapping[str, str] = {
    "postgres": "postgres NOT deployment OR flows",
    "mlflow": "mlflow NOT deployment OR flows",
    "phoenix": "phoenix NOT deployment OR flows",
    "otel-collector": "otel-collector OR traces OR ui NOT answer OR deployment OR flows",
    "model": "model OR ui OR weather-agent AND traces NOT deployment OR flows",
    "weather-tool": "weather-tool OR contract OR conversations OR conservation OR ui NOT deployment OR flows",
    "weather-agent": "weather-agent OR traces OR ui NOT deployment OR flows",
}
BLOCKED: Mapping[str, str] = {
    **COMPONENTS,
    ANSWER: "ui OR weather-agent AND traces NOT answer OR arrival OR deployment",
    TRACES: "weather-agent AND traces OR ui NOT answer OR arrival OR conservation OR pipelines",
    f"{TRACES_IN}mlflow": "mlflow AND traces OR mlflow AND ui NOT arrival OR conservation OR pipelines",
    f"{TRACES_IN}phoenix": "phoenix AND traces OR phoenix AND ui NOT arrival OR conservation OR pipelines",
}


@dataclass(frozen=True)
class Cause:
    """What is broken: the subject, a key of BLOCKED, and a sentence about it without the full stop.

    `blocks` is whether nothing of it works, so that other tests cannot be judged. `seconds` is when it was
    found, since the run's start. `hop` is where on a question's way traces stop, empty for a component.
    `certainty` is one of certainty.py.
    """

    subject: str
    sentence: str
    blocks: bool
    seconds: float
    hop: str = ""
    certainty: str = CERTAIN

    def is_shown_by(self, tags: Collection[str]) -> bool:
        """Return whether a test with these tags that failed shows the cause.

        These are tests of a component's deployment and flows, and what counts the spans that do not arrive.
        """
        counts = self.subject.startswith(TRACES) and bool({"conservation", "pipelines"} & set(tags))
        return counts or (self.subject in tags and bool({"deployment", "flows"} & set(tags)))

    def prevents(self, tags: Collection[str]) -> bool:
        """Return whether a test with these tags cannot be judged because of it."""
        return self.blocks and bool(TagPatterns(BLOCKED[self.subject]).match(tags))

    @property
    def verdict_of_test(self) -> str:
        """What a test says that cannot be judged because of it."""
        return f"Not judged: {self.sentence}."

    @property
    def reason(self) -> str:
        """What a verdict about one question has in common with the sentence."""
        return self.sentence.partition(": ")[2] if self.subject not in COMPONENTS else self.sentence


def in_order(causes: Iterable[Cause]) -> list[Cause]:
    """Return causes from the ground up."""
    subjects = list(BLOCKED)
    return sorted(causes, key=lambda cause: subjects.index(cause.subject))
