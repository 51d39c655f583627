"""An agent on this machine, by the A2A SDK's server, that answers in the form that a question asks for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import uvicorn
from a2a.helpers import new_task, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    GetTaskRequest,
    Message,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskState,
)
from a2a.utils.errors import InvalidParamsError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

SLOW = 0.6  # seconds that the agent works on a slow question
ANSWER = ("It is sunny,", "station WX-1.")
Contexts = Literal["accepted", "ignored", "rejected"]
PREFIX = "agent-made-"  # of the context ids that the agent makes


class Executor(AgentExecutor):  # type: ignore[misc] # it has no types
    """Answers in the form that the question names, after saying what it does."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Answer one question."""
        form = context.get_user_input()
        if form == "message":
            await event_queue.enqueue_event(new_text_message(" ".join(ANSWER), context_id=context.context_id))
            return
        submitted = new_task(context.task_id, context.context_id, TaskState.TASK_STATE_SUBMITTED)
        await event_queue.enqueue_event(submitted)
        task = TaskUpdater(event_queue, context.task_id, context.context_id)
        await task.start_work(_said(task, "I look it up."))
        if form in {"slow", "endless"}:
            await asyncio.sleep(SLOW if form == "slow" else 60)
        if form in {"slow", "artifact"}:
            await task.add_artifact([new_text_part(ANSWER[0])], artifact_id="a")
            await task.add_artifact([new_text_part(f" {ANSWER[1]}")], artifact_id="a", append=True)
        end, text = {
            "status": (task.complete, " ".join(ANSWER)),
            "ask back": (task.requires_input, "Which Paris?"),
            "log in": (task.requires_auth, "Log in at the weather service."),
            "reject": (task.reject, "I know no weather."),
            "fail": (task.failed, "No station answers."),
            "fail in silence": (task.failed, ""),
            "cancel": (task.cancel, "Stopped."),
        }.get(form, (task.complete, ""))
        await end(_said(task, text) if text else None)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancel a task."""
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def _said(task: TaskUpdater, text: str) -> Message:
    return task.new_agent_message([new_text_part(text)])


class Handler(DefaultRequestHandler):  # type: ignore[misc] # it has no types
    """Accepts, ignores or rejects the client's context ids; without `waits` answers before it is done.

    With `hides` it rejects questions about its tasks.
    """

    def __init__(self, contexts: str, *, waits: bool, hides: bool) -> None:
        """Serve the executor above."""
        card = AgentCard(
            supported_interfaces=[AgentInterface(url="http://agent", protocol_binding="JSONRPC")],
            capabilities=AgentCapabilities(streaming=True),
        )
        super().__init__(Executor(), InMemoryTaskStore(), card)
        self._contexts, self._waits, self._hides = contexts, waits, hides

    def _prepare(self, params: SendMessageRequest) -> SendMessageRequest:
        given = params.message.context_id
        if self._contexts == "rejected" and given and not given.startswith(PREFIX):
            raise InvalidParamsError("This agent makes its context ids itself.")
        if self._contexts != "accepted" and not given.startswith(PREFIX):
            params.message.context_id = f"{PREFIX}{uuid.uuid4()}"
        if not self._waits:
            params.configuration.return_immediately = True
        return params

    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Message | Task:
        """Answer in one piece."""
        return await super().on_message_send(self._prepare(params), context)

    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        """Say how a task stands."""
        if self._hides:
            raise InvalidParamsError("This agent shows no task.")
        return await super().on_get_task(params, context)

    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncIterator[StreamResponse]:
        """Answer in events."""
        async for event in super().on_message_send_stream(self._prepare(params), context):
            yield event


@dataclass(frozen=True)
class Request:
    """A request that an agent got."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Served:
    """A server's address, as host:port, and the requests that it got."""

    address: str
    requests: list[Request] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """The paths of the requests but those for cards."""
        return [each.path for each in self.requests if "/.well-known/" not in each.path]


@contextmanager
def a2a_agent(
    cards: Mapping[str, object] | None = None,
    contexts: Contexts = "accepted",
    *,
    waits: bool = True,
    hides: bool = False,
) -> Iterator[Served]:
    """Run an agent that speaks A2A 1.0 and 0.3: JSON-RPC on `/` and `/below/`, HTTP+JSON below `/rest`.

    `cards` are the JSON documents that it serves, by path; without them none.
    """
    handler = Handler(contexts, waits=waits, hides=hides)
    routes = [
        *(Route(path, partial(_answer_json, card)) for path, card in (cards or {}).items()),
        *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
        *create_jsonrpc_routes(handler, "/below/", enable_v0_3_compat=True),
        Mount("/rest", routes=create_rest_routes(handler, enable_v0_3_compat=True)),
    ]
    with serving(Starlette(routes=routes)) as served:
        yield served


def _answer_json(content: object, _: object) -> JSONResponse:
    return JSONResponse(content)


@contextmanager
def serving(app: ASGIApp) -> Iterator[Served]:
    """Run an app by uvicorn on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = Served(f"127.0.0.1:{listening.getsockname()[1]}")

        async def noted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                served.requests.append(Request(scope["method"], scope["path"], headers))
            await app(scope, receive, send)

        server = uvicorn.Server(uvicorn.Config(noted, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + 10
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(10)
