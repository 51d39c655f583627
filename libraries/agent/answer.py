"""What an agent's messages add up to: an answer, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from a2a.types import StreamResponse, TaskState

LONGEST = 300  # characters of an answer that is a failure
RUNNING = (TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING)
# What a task ended with instead of an answer, or waits for (A2A 1.0, section 4.1.3).
REASONS = {
    TaskState.TASK_STATE_FAILED: "the agent failed",
    TaskState.TASK_STATE_CANCELED: "the agent canceled the task",
    TaskState.TASK_STATE_REJECTED: "the agent rejected the question",
    TaskState.TASK_STATE_INPUT_REQUIRED: "the agent asks back instead of answering (input-required)",
    TaskState.TASK_STATE_AUTH_REQUIRED: "the agent waits until somebody logs in for it (auth-required)",
}


class Answer:
    """The messages, tasks and events that came so far, in any form that A2A has for an answer.

    `context_id` and `task_id` are the agent's, empty where it named none. `events` counts what came.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.context_id = ""
        self.task_id = ""
        self.events = 0
        self.state: Any = None  # of TaskState, None of a message
        self._artifacts: dict[str, str] = {}  # texts, by artifact id
        self._message = ""

    def add(self, event: StreamResponse) -> None:
        """Take in an answer to a request, or one event of a stream."""
        self.events += 1
        if event.HasField("message"):
            self._name(event.message)
            self._message = _text(event.message.parts)
        elif event.HasField("task"):
            self.add_task(event.task)
        elif event.HasField("status_update"):
            self._name(event.status_update)
            self._take_status(event.status_update.status)
        elif event.HasField("artifact_update"):
            self._name(event.artifact_update)
            artifact = event.artifact_update.artifact
            earlier = self._artifacts.get(artifact.artifact_id, "") if event.artifact_update.append else ""
            self._artifacts[artifact.artifact_id] = earlier + _text(artifact.parts)

    def add_task(self, task: Any) -> None:  # noqa: ANN401 - a Task
        """Take in a task as it is now."""
        self._name(task)
        self.task_id = task.id
        self._artifacts = {each.artifact_id: _text(each.parts) for each in task.artifacts}
        self._take_status(task.status)

    @property
    def is_running(self) -> bool:
        """Whether the agent goes on with its task."""
        return self.state in RUNNING

    @property
    def state_name(self) -> str:
        """The task's state as A2A 0.3 writes it, as in `input-required`."""
        return str(TaskState.Name(self.state)).removeprefix("TASK_STATE_").lower().replace("_", "-")

    @property
    def text(self) -> str:
        """The text of the artifacts; without any, that of the last message."""
        return "\n".join(filter(None, self._artifacts.values())) or self._message

    @property
    def failure(self) -> str:
        """Why this is no answer, empty where it is one."""
        if not self.events:
            return "no event came"
        if self.state in (None, TaskState.TASK_STATE_COMPLETED):
            what = "a message" if self.state is None else "a completed task"
            return "" if self.text else f"{what} without any text"
        reason = REASONS.get(self.state, f"the agent ended with the task {self.state_name}")
        return f"{reason}: {self.text[:LONGEST]}" if self.text else f"{reason}, and does not say why"

    def _name(self, named: Any) -> None:  # noqa: ANN401 - whatever has a context id
        self.context_id = named.context_id or self.context_id

    def _take_status(self, status: Any) -> None:  # noqa: ANN401 - a TaskStatus
        self.state = status.state
        self._message = _text(status.message.parts)


def _text(parts: Iterable[Any]) -> str:
    return "\n".join(part.text for part in parts if part.text)
