"""Answers A2A requests, each below a root span that says session, question and answer."""

from a2a.helpers import new_task, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import TaskState
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode
from pydantic_ai import Agent

from climate_agent.agent import VERSION


class ClimateExecutor(AgentExecutor):
    """Runs the agent once for each request."""

    def __init__(
        self,
        agent: Agent[None, str],
        provider: TracerProvider,
        *,
        root_kind: str | None,
        root_ends_early: bool,
    ) -> None:
        """Answer with the agent.

        `root_kind` is the root span's OpenInference kind. `root_ends_early` is a defect: the root span ends
        before the agent runs.
        """
        self._agent = agent
        self._root_attributes = {"openinference.span.kind": root_kind} if root_kind else {}
        self._root_ends_early = root_ends_early
        self._tracer = provider.get_tracer("climate_agent", VERSION)

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Answer a question; the task ends completed, or failed with the reason as its text."""
        if not (context.task_id and context.context_id and context.message):
            raise ValueError("The server must name the task, its context and its message.")
        if context.current_task is None:
            submitted = TaskState.TASK_STATE_SUBMITTED
            await event_queue.enqueue_event(
                new_task(context.task_id, context.context_id, submitted, history=[context.message])
            )
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        text, failed = await self._answer(context.get_user_input(), context.context_id)
        await updater.add_artifact([new_text_part(text)])
        if failed:
            await updater.failed(updater.new_agent_message([new_text_part(text)]))
        else:
            await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancel a task; the server then stops its `execute`."""
        if context.task_id and context.context_id:
            await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def _answer(self, question: str, session: str) -> tuple[str, bool]:
        """Return the answer, or why there is none, and whether it failed."""
        asked = {
            **self._root_attributes,
            "session.id": session,
            "gen_ai.conversation.id": session,
            "input.value": question,
        }
        with self._tracer.start_as_current_span(
            "answer question",
            context=Context(),
            record_exception=False,
            set_status_on_exception=False,
            attributes=asked,
        ) as span:
            if self._root_ends_early:
                span.end()
            try:
                text = (await self._agent.run(question, conversation_id=session)).output
            except Exception as error:  # noqa: BLE001 - whatever breaks, the task must end and say why
                text = f"The agent failed: {error}"
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, text))
                span.set_attribute("output.value", text)
                return text, True
            span.set_attribute("output.value", text)
            span.set_status(StatusCode.OK)
            return text, False
