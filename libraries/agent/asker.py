"""Asks an agent through the A2A SDK's client."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import requests
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.types import GetTaskRequest, Message, Part, Role, SendMessageRequest
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP, A2AError, InvalidParamsError
from google.protobuf.json_format import ParseError

from agent.answer import LONGEST, Answer
from agent.card import BINDINGS, Interface
from connection_failures import describe_failure
from entry.entry_point import EntryPoint
from entry.http_requests import RequestError, send_request

POLL = 0.5  # seconds between two looks at a task that is not done
# Headers that requests sets by itself.
OF_THE_CONNECTION = {"accept-encoding", "connection", "content-length", "host", "user-agent"}
# What the SDK's client raises where an answer does not have A2A's form.
FORM_ERRORS = (ParseError, AttributeError, KeyError, TypeError, ValueError)


class NoAnswerError(Exception):
    """A question got no answer; the message says what came instead."""


class RejectedError(NoAnswerError):
    """The agent did not accept what the request says, and has done nothing."""


@dataclass(frozen=True)
class Asker:
    """Asks an agent questions in the way that its card offers, for `limit` seconds at most each.

    With `stream` it asks for the answers in events, and waits for the last one. Otherwise it waits for the
    answer, and where the agent goes on with its task after that, it looks at the task until it is done.
    """

    agent: EntryPoint
    interface: Interface
    limit: float
    stream: bool = False

    def ask(self, text: str, context_id: str) -> Answer:
        """Return the answer to a question, in a context of ours or, where the agent rejects that, in its own.

        An agent that makes its context ids itself must reject others (A2A 1.0, section 3.4.1). Raises
        NoAnswerError where there is no answer.
        """
        if self.interface.problem:
            raise NoAnswerError(self.interface.problem)
        if self.stream and not self.interface.streaming:
            raise NoAnswerError(f"the agent offers no streaming; it is asked by {self.interface}")
        try:
            return self._ask(text, context_id)
        except RejectedError as rejected:
            try:
                answer = self._ask(text, "")
            except NoAnswerError:
                raise rejected from None
            if not answer.context_id:
                raise NoAnswerError(
                    f"the agent names no context id, and rejects one that it gets: {rejected}"
                ) from rejected
            return answer

    def _ask(self, text: str, context_id: str) -> Answer:
        message = Message(
            role=Role.ROLE_USER, message_id=str(uuid.uuid4()), context_id=context_id, parts=[Part(text=text)]
        )
        transport, answer = Transport(self.agent, self.limit), Answer()
        try:
            asyncio.run(self._converse(message, transport, answer))
        except RequestError as error:
            raise NoAnswerError(f"the request failed: {error.why}") from error
        except RejectedError as error:
            if answer.events:  # it rejected a look at the task
                raise NoAnswerError(str(error)) from error
            raise
        except (A2AError, *FORM_ERRORS) as error:
            if isinstance(error, FORM_ERRORS) or isinstance(error.__cause__, FORM_ERRORS):
                seen = transport.seen or "nothing"
                raise NoAnswerError(f"an answer that is not A2A {self.interface.version}: {seen}") from error
            code = JSON_RPC_ERROR_CODE_MAP.get(type(error))
            named = f"A2A error {code}" if code else "an A2A error"
            what = f"{named}: {error.message[:LONGEST]}; the agent was asked by {self.interface}"
            rejected = isinstance(error, InvalidParamsError) and not answer.events
            raise (RejectedError if rejected else NoAnswerError)(what) from error
        return answer

    async def _converse(self, message: Message, transport: Transport, answer: Answer) -> None:
        # Without trust_env the SDK's requests would go to the environment's proxy, not to the transport.
        async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
            config = ClientConfig(
                streaming=self.stream, httpx_client=http, supported_protocol_bindings=list(BINDINGS)
            )
            client: Client = ClientFactory(config).create(self.interface.as_card(self.agent.url))
            async for event in client.send_message(SendMessageRequest(message=message)):
                answer.add(event)
            if self.stream and answer.is_running:
                raise NoAnswerError(
                    f"the stream ended, and the task is still {answer.state_name} (events: {answer.events})"
                )
            while answer.is_running:
                if transport.seconds_left < POLL:
                    raise NoAnswerError(f"the task is still {answer.state_name} after {self.limit:g} s")
                await asyncio.sleep(POLL)
                answer.add_task(await client.get_task(GetTaskRequest(id=answer.task_id)))


class Transport(httpx.AsyncBaseTransport):  # type: ignore[misc] # it has no types
    """Sends the SDK's requests as all others are sent: to the entry point, with its login, by requests.

    `seen` is how the last answer began.
    """

    def __init__(self, agent: EntryPoint, limit: float) -> None:
        """Send to the agent from now on, for `limit` seconds at most."""
        self._agent, self._limit = agent, limit
        self._end = time.monotonic() + limit
        self.seen = ""

    @property
    def seconds_left(self) -> float:
        """The seconds until the limit."""
        return self._end - time.monotonic()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. The body of its answer is read as it comes.

        Raises RequestError where there is no answer, and NoAnswerError where its status is an error's.
        """
        answer = send_request(
            self._agent,
            request.method,
            request.url.raw_path.decode().removeprefix(urlsplit(self._agent.url).path.rstrip("/")),
            max(self.seconds_left, POLL),
            data=await request.aread(),
            headers={name: value for name, value in request.headers.items() if name not in OF_THE_CONNECTION},
            stream=True,
        )
        self.seen = ""
        if not answer.ok:
            rejected = answer.status_code == requests.codes.bad_request
            raise (RejectedError if rejected else NoAnswerError)(
                f"HTTP status {answer.status_code}: {answer.text[:LONGEST].strip()}"
            )
        form = {"Content-Type": answer.headers.get("Content-Type", "")}
        return httpx.Response(answer.status_code, headers=form, content=self._read(answer))

    async def _read(self, answer: requests.Response) -> AsyncIterator[bytes]:
        """Yield the parts of a body as they come, each whole event of a stream in one of them."""
        with answer:
            try:
                for part in answer.iter_content(chunk_size=None):
                    if self.seen and self.seconds_left < 0:
                        raise NoAnswerError(f"no end of the answer after {self._limit:g} s: {self.seen}")
                    self.seen = (self.seen + part.decode(errors="replace"))[:LONGEST].strip()
                    yield part
            except OSError as error:  # requests' own errors are such too
                raise RequestError(self._agent, describe_failure(error)) from error
