"""What a pipeline's transform copies is read from its statements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.promises import copied_attributes
from tests.contracts.mutations import attribute
from tests.contracts.recordings import recorded
from traces.comparison import compare, differences

STATEMENT = 'set(span.attributes["llm.token_count.prompt"], span.attributes["gen_ai.usage.input_tokens"])'
SHORT = 'set(attributes["llm.model_name"], attributes["gen_ai.request.model"]) where attributes["x"] != nil'
COMPUTED = 'set(span.attributes["a"], Int(span.attributes["b"]))'


@pytest.mark.parametrize(
    "settings",
    [
        {"trace_statements": [STATEMENT, SHORT, COMPUTED]},
        {"trace_statements": [{"context": "span", "statements": [STATEMENT, SHORT, COMPUTED]}]},
    ],
)
def test_the_copies_of_a_transform(settings: object) -> None:
    configuration = {"processors": {"transform/x": settings, "transform/other": {}}}
    assert copied_attributes(configuration, ["transform/x", "transform/other"]) == {
        "llm.token_count.prompt": ["gen_ai.usage.input_tokens"],
        "llm.model_name": ["gen_ai.request.model"],
    }
    assert copied_attributes(configuration, []) == {}


def test_what_a_pipeline_copies_is_no_difference() -> None:
    one, other = (recording.trace for recording in recorded("one-tool"))
    assert (one.backend, other.backend) == ("mlflow", "phoenix")
    one = attribute("TOOL", "gen_ai.usage.x", 7)(one)
    other = attribute("TOOL", "gen_ai.usage.x", 7)(other)
    copied = attribute("TOOL", "llm.x", 7)(other)
    wrong = attribute("TOOL", "llm.x", 8)(other)
    rules = {"phoenix": {"llm.x": ["gen_ai.usage.x"]}}
    assert differences(compare(one, replace(other), rules), one, other) == []
    assert differences(compare(one, copied, rules), one, copied) == []
    assert len(differences(compare(one, copied), one, copied)) == 1
    assert len(differences(compare(one, wrong, rules), one, wrong)) == 1
