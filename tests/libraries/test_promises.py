"""What pipelines promise follows from their filters; what cannot be read from these is unknown, not false."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.conditions import ProbedSpan, is_met
from pipeline.probe import ProbeTrace
from pipeline.promises import PipelinePromise, Promises, read_promises

PYTHON = ProbedSpan(
    "openinference.instrumentation.langchain", "LangGraph", {"openinference.span.kind": "CHAIN"}
)
HTTP = ProbedSpan("opentelemetry.instrumentation.httpx", "POST")


@pytest.mark.parametrize(
    ("condition", "of_python", "of_http"),
    [
        (r'not IsMatch(instrumentation_scope.name, "^openinference\\.")', False, True),
        (r'IsMatch(instrumentation_scope.name, "^openinference\\.instrumentation\\..*")', True, False),
        ('instrumentation_scope.name == "opentelemetry.instrumentation.httpx"', False, True),
        ('attributes["openinference.span.kind"] == nil', False, True),
        ('span.attributes["openinference.span.kind"] != nil and name == "LangGraph"', True, False),
        ('(name == "POST" or name == "GET") and not (name == "GET")', False, True),
        ("true", True, True),
        ('duration_ms > 5 or name == "POST"', None, None),
        ('kind == SPAN_KIND_CLIENT or name == "POST"', None, True),
        ('kind == SPAN_KIND_CLIENT and name == "POST"', False, None),
        ('not HasPrefix(name, "P")', None, None),
        ('IsMatch(name, "(")', None, None),
        ('resource.attributes["service.name"] == "x"', None, None),
        ("name ==", None, None),
        ('name == "${env:NAME}"', None, None),
    ],
)
def test_a_condition_is_met_not_met_or_unknown(
    condition: str, of_python: bool | None, of_http: bool | None
) -> None:
    assert is_met(condition, PYTHON) is of_python
    assert is_met(condition, HTTP) is of_http


SERVICES = {"mlflow": "mlflow", "phoenix": "phoenix"}


def configuration(**processors: Any) -> dict[str, Any]:  # noqa: ANN401 - a processor's settings
    named = {name.replace("__", "/"): settings for name, settings in processors.items()}
    pipeline = {"receivers": ["otlp"], "processors": list(named), "exporters": ["otlphttp/mlflow"]}
    return {
        "processors": named,
        "exporters": {"otlphttp/mlflow": {"traces_endpoint": "http://mlflow:5000/v1/traces"}},
        "service": {"pipelines": {"traces/mlflow": pipeline}},
    }


def promise(**processors: Any) -> PipelinePromise:  # noqa: ANN401
    (found,) = read_promises(configuration(**processors), SERVICES)
    return found


def test_no_filter_promises_every_span() -> None:
    found = promise(memory_limiter={}, batch={})
    assert found.keeps(PYTHON) is found.keeps(HTTP) is True
    assert str(found) == "otlp > memory_limiter > batch > otlphttp/mlflow: MLflow gets every span"


def test_a_filter_promises_what_it_does_not_drop() -> None:
    condition = 'not IsMatch(instrumentation_scope.name, "^openinference")'
    found = promise(filter__x={"error_mode": "ignore", "traces": {"span": [condition]}})
    assert (found.keeps(PYTHON), found.keeps(HTTP)) == (True, False)
    assert str(found).endswith(f"MLflow gets the spans that meet none of: {condition}")


@pytest.mark.parametrize("settings", [{"spans": {"include": {}}}, {"traces": {"resource": ["true"]}}])
def test_a_filter_of_another_form_leaves_the_promise_open(settings: dict[str, Any]) -> None:
    found = promise(filter__old=settings)
    assert found.keeps(PYTHON) is None
    assert "as far as filter/old keeps them (its conditions were not read)" in str(found)


def test_a_transform_before_the_filter_leaves_the_promise_open() -> None:
    condition = 'not IsMatch(instrumentation_scope.name, "^openinference")'
    found = promise(transform__genai={}, filter__x={"traces": {"span": [condition]}})
    assert found.keeps(HTTP) is None
    assert str(found).endswith(", as transform/genai rewrites them")


def test_a_sampler_promises_a_share() -> None:
    found = promise(probabilistic_sampler={"sampling_percentage": 10})
    assert found.keeps(PYTHON) is None
    assert str(found).endswith("gets every span, of a share of the traces (probabilistic_sampler)")


def test_a_pipeline_to_no_backend_promises_nothing() -> None:
    assert Promises().get_pipeline_promises({"service": {"pipelines": {"traces": None}}}, SERVICES) == {}


@pytest.fixture
def filtered() -> PipelinePromise:
    return promise(filter__x={"traces": {"span": ['not IsMatch(instrumentation_scope.name, "^openinf")']}})


def test_a_backend_with_what_is_promised_passes(filtered: PipelinePromise) -> None:
    probe = ProbeTrace().make_probe("s")
    kept = [each for each, keeps in Promises().get_kept_probe_spans(probe, filtered).items() if keeps]
    said = Promises().promised_spans_should_be_stored(probe, filtered, kept)
    assert said == "MLflow stored 2 of 5 spans of the probe, as promised."


def test_extra_and_missing_spans_are_named_with_the_promise(filtered: PipelinePromise) -> None:
    probe = ProbeTrace().make_probe("s")
    stored = [each for each, span in probe.spans.items() if span.name in {"acceptance probe", "other scope"}]
    with pytest.raises(AssertionError) as failure:
        Promises().promised_spans_should_be_stored(probe, filtered, stored)
    assert str(failure.value).startswith(
        "MLflow stored 2 spans of the probe, promised 2 of 5; extra: other scope; missing: acceptance probe "
        "child. Promise of traces/mlflow: otlp > filter/x > otlphttp/mlflow: MLflow gets the spans"
    )


def test_what_the_promise_leaves_open_is_said_and_not_judged() -> None:
    probe = ProbeTrace().make_probe("s")
    open_promise = promise(filter__x={"traces": {"span": ["duration_ms > 5"]}})
    said = Promises().promised_spans_should_be_stored(probe, open_promise, [])
    assert "What the promise leaves open: acceptance probe, acceptance probe child" in said
