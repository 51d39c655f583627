"""Answers A2A requests: the A2A task on one side, the assistant and its trace on the other."""

import asyncio
import logging
import time

from a2a.helpers import new_task, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import TaskState

from weather_agent import telemetry
from weather_agent.assistant import AnswerError, Assistant, cause, describe
from weather_agent.settings import Settings

_log = logging.getLogger(__name__)


class WeatherExecutor(AgentExecutor):
    """Runs one question per A2A request, each below a root span of its own.

    A request that is not an A2A message never comes here, so it makes no span.
    """

    def __init__(self, assistant: Assistant, settings: Settings) -> None:
        """Answer with the assistant; the root span has the settings' model."""
        self._assistant = assistant
        self._model = settings.llm_model
        self._public = settings.public_telemetry
        self._running: dict[asyncio.Future[None], asyncio.Task[object] | None] = {}

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Answer the request's question; the task ends completed, or failed with the reason as its text."""
        if not (context.task_id and context.context_id and context.message):
            raise ValueError("The server must name the task, its context and its message.")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[done] = asyncio.current_task()
        try:
            if context.current_task is None:
                await event_queue.enqueue_event(
                    new_task(
                        context.task_id,
                        context.context_id,
                        TaskState.TASK_STATE_SUBMITTED,
                        history=[context.message],
                    )
                )
            question = context.get_user_input()
            headers = context.call_context.state.get("headers", {})
            updater = TaskUpdater(event_queue, context.task_id, context.context_id)
            with telemetry.request(context.context_id, question, self._model, headers) as request:
                await self._answer(question, updater, request)
        finally:
            del self._running[done]
            done.set_result(None)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancel a task; the server then stops its `execute`."""
        if context.task_id and context.context_id:
            await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def drain(self, seconds: float) -> None:
        """Wait until the running requests are answered, also those whose client has gone.

        After so many seconds the rest are cancelled, which ends their root spans with ERROR.
        """
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        if self._running:
            for task in filter(None, self._running.values()):
                task.cancel()
            await asyncio.wait(self._running, timeout=1)

    async def _answer(self, question: str, updater: TaskUpdater, request: telemetry.Request) -> None:
        started = time.monotonic()
        try:
            text = await self._ask(question, updater)
        except asyncio.CancelledError as error:
            request.failed("The request was cancelled.", error)
            raise
        except Exception as error:  # noqa: BLE001 - whatever breaks, the task must end and say why
            text = str(error) if isinstance(error, AnswerError) else f"The agent failed: {cause(error)}"
            request.failed(text, error)
            _log.error("trace %s failed: %s", request.trace_id, text)
            await updater.add_artifact([new_text_part(text)])
            await updater.failed(updater.new_agent_message([new_text_part(text)]))
        else:
            request.answered(text)
            _log.info("trace %s answered in %.2f s", request.trace_id, time.monotonic() - started)
            await updater.add_artifact([new_text_part(text)])
            await updater.complete()

    async def _ask(self, question: str, updater: TaskUpdater) -> str:
        if not question.strip():
            raise AnswerError("The message has no text: send the question as a text part.")
        if not self._public:  # the public agent sends no event before its first step
            await updater.start_work()
        text = ""
        async for message in self._assistant.answer(question):
            text = str(message.text)
            await updater.start_work(updater.new_agent_message([new_text_part(describe(message))]))
        return text
