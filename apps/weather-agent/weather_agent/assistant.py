"""The assistant: a LangGraph loop of a chat model and the tools of one MCP server.

It has no memory: each question is answered from its own text, whatever conversation it belongs to.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool, ToolException
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.interceptors import MCPToolCallRequest, MCPToolCallResult
from langchain_mcp_adapters.sessions import StreamableHttpConnection
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from mcp.types import CallToolResult, TextContent
from openai import OpenAIError
from pydantic import SecretStr

from weather_agent import telemetry
from weather_agent.settings import Settings

INSTRUCTIONS = (
    "You are a weather assistant. Look up the weather of every city the user names with the tool, and answer"
    " with what the tool said, including the station. If the tool fails, say so and give its message."
)
TOOL_TIMEOUT = timedelta(seconds=30)
# Made once: reading the certificates anew for each connection took most of a question's CPU time.
_TLS = ssl.create_default_context()


class AnswerError(Exception):
    """No answer could be given; the message says why, for the user."""


class Assistant:
    """Answers questions; any number at the same time."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the model; nothing is contacted before the first question."""
        self._settings = settings
        self._model = ChatOpenAI(
            model=settings.llm_model,
            base_url=settings.llm_api_base,
            api_key=SecretStr(settings.llm_api_key),
            max_retries=settings.llm_max_retries,
            timeout=settings.llm_timeout_seconds,
            temperature=0,
        )

    async def answer(self, question: str) -> AsyncIterator[BaseMessage]:
        """Answer a question; gives each message as it is made, the last of them being the answer.

        Raises AnswerError when the tool server or the model cannot be reached or refuses.
        """
        graph = self._graph(await self._tools())
        try:
            async for update in graph.astream({"messages": [HumanMessage(question)]}, stream_mode="updates"):
                for change in update.values():
                    for message in change["messages"]:
                        yield message
        except OpenAIError as error:
            raise AnswerError(f"The model at {self._settings.llm_api_base} failed: {cause(error)}") from error

    async def _tools(self) -> list[BaseTool]:
        server = StreamableHttpConnection(
            transport="streamable_http",
            url=self._settings.mcp_url,
            headers=telemetry.outgoing_headers(),
            timeout=TOOL_TIMEOUT,
            sse_read_timeout=TOOL_TIMEOUT,
            httpx_client_factory=_http_client,
        )
        # A failing tool raises, so that its span says ERROR; the tool node then reports it to the model.
        public = self._settings.public_telemetry
        client = MultiServerMCPClient(
            {"weather": server}, tool_interceptors=[_call], handle_tool_errors=public
        )
        try:
            if public:
                await client.get_tools()  # the public agent asks once to see that the server is there
            return await client.get_tools()
        except Exception as error:
            raise AnswerError(
                f"The weather tool at {self._settings.mcp_url} failed: {cause(error)}"
            ) from error

    def _graph(self, tools: list[BaseTool]) -> CompiledStateGraph[Any, Any, Any, Any]:
        model = self._model.bind_tools(tools)

        async def assistant(state: MessagesState) -> dict[str, list[BaseMessage]]:
            return {"messages": [await model.ainvoke([SystemMessage(INSTRUCTIONS), *state["messages"]])]}

        graph = StateGraph(MessagesState)
        graph.add_node("assistant", assistant)
        graph.add_node("tools", ToolNode(tools, handle_tool_errors=_failure_for_model))
        graph.add_edge(START, "assistant")
        graph.add_conditional_edges("assistant", tools_condition)
        graph.add_edge("tools", "assistant")
        return graph.compile()


def describe(message: BaseMessage) -> str:
    """Say in one line what a message means for the one who waits."""
    if isinstance(message, AIMessage) and message.tool_calls:
        return "Calling " + ", ".join(
            f"{call['name']}({', '.join(map(str, call['args'].values()))})" for call in message.tool_calls
        )
    return f"{message.name or 'The assistant'} answered"


def cause(error: BaseException) -> str:
    """Give the text of the error at the bottom of an exception group, or of the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _http_client(
    headers: dict[str, str] | None = None,
    timeout: httpx.Timeout | None = None,
    auth: httpx.Auth | None = None,
) -> httpx.AsyncClient:
    return httpx.AsyncClient(headers=headers, timeout=timeout, auth=auth, verify=_TLS)


async def _call(
    request: MCPToolCallRequest, handler: Callable[[MCPToolCallRequest], Awaitable[MCPToolCallResult]]
) -> MCPToolCallResult:
    """Call the tool below its own span, and name the real cause when it cannot be reached."""
    with telemetry.tool_call(request.name, request.args) as call:
        try:
            result = await handler(request.override(headers=telemetry.outgoing_headers()))
        except ExceptionGroup as error:
            raise ToolException(cause(error)) from error
        if isinstance(result, CallToolResult):
            text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
            call.answered(text, failed=result.isError)
        return result


def _failure_for_model(error: Exception) -> str:
    return f"Error: the tool failed: {cause(error)}"
