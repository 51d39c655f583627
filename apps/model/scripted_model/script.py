"""What the scripted model says: a pure function from a chat-completion request to a completion.

The script, for the last user message of a request:

1. A question about the weather that names cities is answered with one ``get_weather`` tool call for each
   city, in the order they stand in the question, all in one assistant message.
2. Once every call has its tool message, the answer is one sentence for each tool result; it repeats what
   the tool said (city, conditions, temperature, humidity, station), or the error if the tool failed.
3. Any other message is answered directly, without a tool.

Reserved words in the last user message make the model misbehave on purpose, for tests of failure:

- ``model-fails-with-500`` (any status 400..599): the request is answered with that HTTP status;
- ``model-fails-after-tool-with-500``: the same, but only once tool results are there;
- ``model-waits-3-seconds`` (0..60): every request of that question is answered that much later.

Token counts are the number of words and punctuation marks in the texts, plus three for each message.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

TOOL_NAME = "get_weather"
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
TOKENS_PER_MESSAGE = 3
SERVER_ERROR = 500

_WEATHER = re.compile(
    r"\b(?:weather|temperatures?|forecast|climate|degrees|warm|cold|hot|chilly|humid\w*"
    r"|rain\w*|snow\w*|sun|sunny|cloud\w*|fog\w*|storm\w*|wind\w*)\b",
    re.IGNORECASE,
)
_PREPOSITIONS = (r"in", r"(?:for|at|of)")
# The list of cities ends with the sentence; the full stop of "St. Louis" ends none.
_END = re.compile(r"[?!;:\n]|(?<!\bSt)(?<!\bMt)(?<!\bFt)\.(?:\s|$)")
_SEPARATOR = re.compile(r"\s*,\s*(?:and|or|&)\s+|\s*,\s*|\s+(?:and|or|&|with|versus|vs\.?)\s+", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:(?:and|or|in|for|at|of|also|then|the city of)\s+)+", re.IGNORECASE)
_SUFFIX = re.compile(
    r"(?:\s+(?:today|tonight|tomorrow|now|right now|at the moment|currently|please|like|be))+$", re.IGNORECASE
)
_FAIL = re.compile(r"\bmodel-fails(?P<late>-after-tool)?-with-(?P<status>[45]\d\d)\b")
_WAIT = re.compile(r"\bmodel-waits-(?P<seconds>[0-5]?\d|60)-seconds\b")
_RESERVED = re.compile(r"\bmodel-(?:fails|waits)-[\w-]+")
_TOKEN = re.compile(r"\w+|[^\w\s]")


class RequestError(Exception):
    """A request the endpoint refuses, in the terms of OpenAI's error format.

    Attributes: status (HTTP), message, type, param, code.
    """

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        """Keep what the error body needs; the type follows from the status."""
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code

    def body(self) -> Json:
        """Give the error as OpenAI writes it."""
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = kinds.get(
            self.status, "server_error" if self.status >= SERVER_ERROR else "invalid_request_error"
        )
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class Completion:
    """One answer of the model: the assistant's message and what it cost."""

    id: str
    model: str
    message: Json
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    delay_seconds: int

    @property
    def usage(self) -> Json:
        """Give the token counts as OpenAI's ``usage`` object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


def complete(request: object) -> Completion:
    """Answer a chat-completion request (its parsed JSON body).

    Raises RequestError when the request is malformed or its question asks for a failure.
    """
    body = _validated(request)
    messages: list[Json] = body["messages"]
    asked = max((n for n, message in enumerate(messages) if message["role"] == "user"), default=-1)
    question = text_of(messages[asked]) if asked >= 0 else ""
    results = [message for message in messages[asked + 1 :] if message["role"] in ("tool", "function")]
    _fail_on_request(question, late=bool(results))

    named = cities(question)
    if results:
        message: Json = {"role": "assistant", "content": _report(messages[asked + 1 :], results)}
    elif named and _offers_tool(body):
        message = {"role": "assistant", "content": None, "tool_calls": _calls(question, named)}
    elif named:
        message = {
            "role": "assistant",
            "content": "I cannot look up the weather: I was given no tool for it.",
        }
    else:
        message = {"role": "assistant", "content": "Ask me about the weather: What is the weather in Paris?"}
    waits = _WAIT.search(question)
    return Completion(
        id="chatcmpl-" + _digest(body),
        model=body["model"],
        message=message,
        finish_reason="tool_calls" if "tool_calls" in message else "stop",
        prompt_tokens=sum(map(_tokens_of, messages))
        + sum(count_tokens(_dump(t)) for t in body.get("tools") or []),
        completion_tokens=_tokens_of(message),
        delay_seconds=int(waits["seconds"]) if waits else 0,
    )


def cities(question: str) -> list[str]:
    """Find the cities a weather question asks about, each once, in the order they are named.

    A comma, "and", "or", "with" or "versus" separates two cities, so a name that has one inside
    ("Trinidad and Tobago") counts as two. A text without a word about the weather names none.
    """
    text = _RESERVED.sub(" ", question).strip()
    if not _WEATHER.search(text):
        return []
    for preposition in _PREPOSITIONS:
        found = re.search(rf"\b{preposition}\s+(?P<rest>\S.*)", text, re.IGNORECASE | re.DOTALL)
        if found:
            listed = _END.split(found["rest"], maxsplit=1)[0]
            names = (_SUFFIX.sub("", _PREFIX.sub("", name)) for name in _SEPARATOR.split(listed))
            return list(dict.fromkeys(name for name in (n.strip(" \t\"'.“”„«»") for n in names) if name))
    return []


def text_of(message: Json) -> str:
    """Give a message's text, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def count_tokens(text: str) -> int:
    """Count the words and punctuation marks of a text."""
    return len(_TOKEN.findall(text))


def chunks(completion: Completion, *, include_usage: bool) -> Iterator[Json]:
    """Give the completion as the events of a stream, in OpenAI's ``chat.completion.chunk`` form."""
    message = completion.message
    deltas: list[Json] = [{"role": "assistant", "content": "" if message["content"] is not None else None}]
    deltas += [{"content": piece} for piece in re.findall(r"\S+\s*", message["content"] or "")]
    for index, call in enumerate(message.get("tool_calls", [])):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": name, "arguments": ""}}]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
    head = {"id": completion.id, "object": "chat.completion.chunk", "created": 0, "model": completion.model}
    usage: Json = {"usage": None} if include_usage else {}
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **usage}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": completion.finish_reason}], **usage}
    if include_usage:
        yield {**head, "choices": [], "usage": completion.usage}


def whole(completion: Completion) -> Json:
    """Give the completion as one ``chat.completion`` object. ``created`` is 0: a script has no clock."""
    choice = {"index": 0, "message": completion.message, "finish_reason": completion.finish_reason}
    return {
        "id": completion.id,
        "object": "chat.completion",
        "created": 0,
        "model": completion.model,
        "choices": [choice],
        "usage": completion.usage,
    }


def _validated(request: object) -> Json:
    if not isinstance(request, dict):
        raise RequestError(400, "The request body must be a JSON object.")
    if not isinstance(request.get("model"), str) or not request["model"]:
        raise RequestError(400, "You must provide a model parameter: any name will do.", param="model")
    if request.get("n") not in (None, 1):
        raise RequestError(400, "Only one choice can be asked for: leave out n or set it to 1.", param="n")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError(400, "messages must be a list of at least one message.", param="messages")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise RequestError(
                400, f"A message's role must be one of {', '.join(ROLES)}.", param=f"messages[{number}]"
            )
    tools = request.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise RequestError(400, "tools must be a list of tool definitions.", param="tools")
    return request


def _fail_on_request(question: str, *, late: bool) -> None:
    wanted = _FAIL.search(question)
    if wanted and (late or not wanted["late"]):
        raise RequestError(
            int(wanted["status"]), f"The question asked for this: {wanted[0]}.", code="scripted_failure"
        )


def _offers_tool(body: Json) -> bool:
    names = [(tool.get("function") or {}).get("name") for tool in body.get("tools") or []]
    return TOOL_NAME in names and body.get("tool_choice") != "none"


def _calls(question: str, names: list[str]) -> list[Json]:
    return [
        {
            "id": "call_" + _digest([question, number, name]),
            "type": "function",
            "function": {"name": TOOL_NAME, "arguments": json.dumps({"city": name}, ensure_ascii=False)},
        }
        for number, name in enumerate(names)
    ]


def _report(turn: list[Json], results: list[Json]) -> str:
    """Say what each tool result holds; a failed one is reported with the city of its call."""
    asked = {
        call.get("id"): (call.get("function") or {}).get("arguments", "")
        for message in turn
        for call in message.get("tool_calls") or []
    }
    return " ".join(
        _sentence(text_of(result), asked.get(result.get("tool_call_id"), "")) for result in results
    )


def _sentence(result: str, arguments: str) -> str:
    weather = _object(result)
    if {"city", "conditions", "temperature_celsius", "humidity_percent", "station"} <= weather.keys():
        return (
            f"The weather in {weather['city']} is {weather['conditions']}"
            f" at {weather['temperature_celsius']} °C with {weather['humidity_percent']} % humidity"
            f" (station {weather['station']})."
        )
    city = _object(arguments).get("city")
    return f"The tool said about {city}: {result}" if city else f"The tool said: {result}"


def _object(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _tokens_of(message: Json) -> int:
    calls = message.get("tool_calls")
    return TOKENS_PER_MESSAGE + count_tokens(text_of(message)) + (count_tokens(_dump(calls)) if calls else 0)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _digest(value: object) -> str:
    return hashlib.sha256(_dump(value).encode(errors="surrogatepass")).hexdigest()[:24]
