"""The scripted model: what it reads in a question and how it answers, turn by turn."""

import json
from typing import Any

import pytest

from scripted_model.script import RequestError, chunks, cities, complete, count_tokens, whole
from weather_tool.weather import as_json, weather

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def request(question: str, *later: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "model": "m",
        "tools": [TOOL],
        "messages": [{"role": "user", "content": question}, *later],
        **more,
    }


def after_tools(question: str, *results: str) -> dict[str, Any]:
    """Give the request that follows the tool calls of a question, with these results."""
    calling = complete(request(question)).message
    answered = [
        {"role": "tool", "tool_call_id": call["id"], "content": result}
        for call, result in zip(calling["tool_calls"], results, strict=True)
    ]
    return request(question, calling, *answered)


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What is the weather in Paris?", ["Paris"]),
        ("what's the weather in paris", ["paris"]),
        ("What is the weather in Paris and Rome?", ["Paris", "Rome"]),
        ("What is the weather in Paris, Rome and Łódź?", ["Paris", "Rome", "Łódź"]),
        ("What is the weather in Paris, in Rome, and in Oslo today?", ["Paris", "Rome", "Oslo"]),
        ("What is the weather in 東京 and São Paulo right now?", ["東京", "São Paulo"]),
        ("Compare the temperature in New York with Rio de Janeiro.", ["New York", "Rio de Janeiro"]),
        ("Weather for Testville-4f2a please", ["Testville-4f2a"]),
        ("What is the weather in St. Louis? Thanks.", ["St. Louis"]),
        ("Tell me the weather in Oslo. Thanks!", ["Oslo"]),
        ("Is it raining in Andorra or in Frankfurt am Main tomorrow?", ["Andorra", "Frankfurt am Main"]),
        ("What is the weather in Paris, Paris and Paris?", ["Paris"]),
        ("What is the weather in Paris? model-fails-after-tool-with-500", ["Paris"]),
        ("What is the weather in Paris model-waits-3-seconds", ["Paris"]),
        ("What is the weather?", []),
        ("Who lives in Paris?", []),
        ("", []),
    ],
)
def test_cities_of_a_question(question: str, named: list[str]) -> None:
    assert cities(question) == named


def test_first_turn_calls_the_tool_once_for_each_city() -> None:
    completion = complete(request("What is the weather in Paris and Łódź?"))
    calls = completion.message["tool_calls"]
    assert completion.finish_reason == "tool_calls"
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [
        {"city": "Paris"},
        {"city": "Łódź"},
    ]
    assert len({call["id"] for call in calls}) == 2


def test_last_turn_repeats_what_every_tool_said() -> None:
    answers = [weather(city, "s1") for city in ("Paris", "Łódź")]
    completion = complete(after_tools("What is the weather in Paris and Łódź?", *map(as_json, answers)))
    assert completion.finish_reason == "stop"
    for answer in answers:
        for value in answer.values():
            assert str(value) in completion.message["content"]


def test_tool_result_may_be_a_list_of_parts() -> None:
    body = after_tools("What is the weather in Paris?", as_json(weather("Paris", "s1")))
    plain = complete(body).message
    body["messages"][-1]["content"] = [{"type": "text", "text": body["messages"][-1]["content"]}]
    assert complete(body).message == plain


def test_failed_tool_is_reported_with_its_city() -> None:
    completion = complete(
        after_tools("What is the weather in Atlantis?", "Error: the tool failed: no station")
    )
    assert completion.message["content"] == "The tool said about Atlantis: Error: the tool failed: no station"


def test_results_of_an_earlier_turn_do_not_count() -> None:
    body = after_tools("What is the weather in Paris?", "{}")
    body["messages"] += [
        {"role": "assistant", "content": "…"},
        {"role": "user", "content": "And the weather in Rome?"},
    ]
    assert json.loads(complete(body).message["tool_calls"][0]["function"]["arguments"]) == {"city": "Rome"}


def test_no_city_or_no_tool_means_no_call() -> None:
    assert "tool_calls" not in complete(request("Who are you?")).message
    assert "tool_calls" not in complete(request("What is the weather in Paris?", tools=None)).message
    assert "tool_calls" not in complete(request("What is the weather in Paris?", tool_choice="none")).message


def test_same_request_same_answer() -> None:
    first, second = (whole(complete(request("What is the weather in Paris?"))) for _ in range(2))
    assert first == second
    assert first["id"] != whole(complete(request("What is the weather in Rome?")))["id"]


def test_usage_counts_words_and_marks() -> None:
    completion = complete({"model": "m", "messages": [{"role": "user", "content": "Hello, you!"}]})
    assert completion.prompt_tokens == 3 + 4
    assert completion.completion_tokens == 3 + count_tokens(completion.message["content"])
    assert completion.usage["total_tokens"] == completion.prompt_tokens + completion.completion_tokens


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("question", ["Who are you?", "What is the weather in Paris and Rome?"])
def test_stream_adds_up_to_the_whole_message(question: str, include_usage: bool) -> None:
    completion = complete(request(question))
    message: dict[str, Any] = {"role": "", "content": "", "calls": {}}
    events = list(chunks(completion, include_usage=include_usage))
    for event in events:
        for choice in event["choices"]:
            message["role"] += choice["delta"].get("role", "")
            message["content"] += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls", []):
                seen = message["calls"].setdefault(call["index"], {"id": call.get("id"), "arguments": ""})
                seen["arguments"] += call["function"]["arguments"]
    assert message["role"] == "assistant"
    assert message["content"] == (completion.message["content"] or "")
    assert list(message["calls"].values()) == [
        {"id": call["id"], "arguments": call["function"]["arguments"]}
        for call in completion.message.get("tool_calls", [])
    ]
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"]]
    assert [reason for reason in reasons if reason] == [completion.finish_reason]
    assert (events[-1].get("usage") == completion.usage) is include_usage


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"messages": [{"role": "user", "content": "x"}]}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": [{"role": "robot", "content": "x"}]}, "messages[0]"),
        ({"model": "m", "messages": ["x"]}, "messages[0]"),
        (request("x", n=2), "n"),
        (request("x", tools="get_weather"), "tools"),
    ],
)
def test_bad_input_is_refused_in_openai_form(body: object, param: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        complete(body)
    error = refused.value.body()["error"]
    assert refused.value.status == 400
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, "server_error"), (503, "server_error"), (401, "authentication_error"), (429, "rate_limit_error")],
)
def test_reserved_word_makes_the_model_fail(status: int, kind: str) -> None:
    with pytest.raises(RequestError) as refused:
        complete(request(f"What is the weather in Paris? model-fails-with-{status}"))
    assert refused.value.status == status
    assert refused.value.body()["error"]["type"] == kind


def test_failure_after_the_tool_leaves_the_first_turn_alone() -> None:
    question = "What is the weather in Paris? model-fails-after-tool-with-500"
    with pytest.raises(RequestError) as refused:
        complete(after_tools(question, "{}"))
    assert refused.value.status == 500


def test_reserved_word_makes_the_model_wait() -> None:
    assert complete(request("Who are you? model-waits-3-seconds")).delay_seconds == 3
    assert complete(request("Who are you?")).delay_seconds == 0
