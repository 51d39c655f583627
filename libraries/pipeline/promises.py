"""What each of the collector's pipelines promises a backend: which spans arrive there.

It follows from the configuration: no filter means every span; a filter drops what meets its conditions; a
sampler passes a share. What cannot be read from the configuration is unknown, and a probe shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robot.api.deco import keyword, library

from pipeline.collector import Exporter, find_exporter, trace_pipelines
from pipeline.conditions import ProbedSpan, is_met
from pipeline.effective import type_of
from pipeline.probe import Probe
from traces.backends import BACKENDS

# The OTTL statement that copies one attribute of a span to another.
_ATTRIBUTE = r'(?:span\.)?attributes\["([^"]+)"\]'
_COPY = re.compile(rf"set\(\s*{_ATTRIBUTE}\s*,\s*{_ATTRIBUTE}\s*\)")
SAMPLERS = ("probabilistic_sampler", "tail_sampling")
RELAYED = ("mlflow", "phoenix")  # the backends whose pipelines make promises


@dataclass(frozen=True)
class PipelinePromise:
    """What one pipeline promises one backend.

    `conditions` are those of its filters, of which a dropped span meets one; `unread` names the filters that
    have other forms of conditions. `transforms` and `samplers` are its processors of these kinds.
    """

    pipeline: str
    backend: str
    exporter: Exporter
    receivers: Sequence[str]
    processors: Sequence[str]
    conditions: Sequence[str]
    unread: Sequence[str]

    @property
    def samplers(self) -> list[str]:
        """Its processors that pass a share of the traces only."""
        return [name for name in self.processors if type_of(name) in SAMPLERS]

    @property
    def transforms(self) -> list[str]:
        """Its processors that may change spans."""
        return [name for name in self.processors if type_of(name) == "transform"]

    @property
    def is_rewritten_before_filters(self) -> bool:
        """Whether a transform comes before a filter, which then does not judge the span as it was sent."""
        kinds = [type_of(name) for name in self.processors]
        return "filter" in kinds and "transform" in kinds[: kinds.index("filter")]

    def keeps(self, span: ProbedSpan) -> bool | None:
        """Return whether such a span arrives, None where that is not known."""
        answers = [is_met(condition, span) for condition in self.conditions]
        if self.is_rewritten_before_filters and self.conditions:
            return None
        if True in answers:
            return False
        return None if None in answers or self.unread or self.samplers else True

    def __str__(self) -> str:
        """Return the promise as a line of the report."""
        title = BACKENDS[self.backend].title
        way = " > ".join([", ".join(self.receivers), *self.processors, self.exporter.name])
        return f"{way}: {title} gets {self.spans}"

    @property
    def spans(self) -> str:
        """Which spans its backend gets, in words."""
        spans = "every span"
        if self.conditions:
            spans = f"the spans that meet none of: {'; '.join(self.conditions)}"
        if self.is_rewritten_before_filters:
            spans += f", as {', '.join(self.transforms)} rewrites them"
        if self.unread:
            spans += f", as far as {', '.join(self.unread)} keeps them (its conditions were not read)"
        if self.samplers:
            spans += f", of a share of the traces ({', '.join(self.samplers)})"
        return spans


@library(scope="GLOBAL")
class Promises:
    """Reads what the pipelines promise, and compares a probe with it."""

    @keyword
    def get_pipeline_promises(
        self, configuration: Mapping[str, Any], services: Mapping[str, str]
    ) -> dict[str, PipelinePromise]:
        """Return what the pipelines promise, by backend; nothing for one that they do not export to.

        `services` has the name of each backend's Service.
        """
        return {promise.backend: promise for promise in read_promises(configuration, services)}

    @keyword
    def get_copied_attributes(
        self, configuration: Mapping[str, Any], promises: Mapping[str, PipelinePromise]
    ) -> dict[str, dict[str, list[str]]]:
        """Return, by backend, each attribute that its pipeline's transforms copy from others, with those."""
        return {
            backend: copied_attributes(configuration, promise.transforms)
            for backend, promise in promises.items()
        }

    @keyword
    def check_if_scope_is_kept(self, promise: PipelinePromise | None, scope: str) -> bool | None:
        """Return whether a pipeline keeps spans of a scope, None where that is not known."""
        return promise.keeps(ProbedSpan(scope)) if promise else None

    @keyword
    def get_kept_probe_spans(self, probe: Probe, promise: PipelinePromise) -> dict[str, bool | None]:
        """Return for each span of a probe, by its id, whether it is promised; None where that is unknown."""
        return {span_id: promise.keeps(span) for span_id, span in probe.spans.items()}

    @keyword
    def promised_spans_should_be_stored(
        self, probe: Probe, promise: PipelinePromise, stored: Iterable[str]
    ) -> str:
        """Fail unless a backend stores exactly the promised spans of the probe; return what it stores.

        `stored` are span ids. Of a span about which the promise is unknown, either is right.
        """
        title, there = BACKENDS[promise.backend].title, set(stored)
        keeps = {span_id: promise.keeps(span) for span_id, span in probe.spans.items()}
        extra = [probe.spans[each].name for each, kept in keeps.items() if kept is False and each in there]
        missing = [probe.spans[each].name for each, kept in keeps.items() if kept and each not in there]
        promised = sum(kept is True for kept in keeps.values())
        if extra or missing:
            raise AssertionError(
                f"{title} stored {len(there)} spans of the probe, promised {promised} of {len(keeps)}; "
                f"extra: {', '.join(extra) or 'none'}; missing: {', '.join(missing) or 'none'}. "
                f"Promise of {promise.pipeline}: {promise}."
            )
        unknown = [probe.spans[each].name for each, kept in keeps.items() if kept is None]
        seen = f" What the promise leaves open: {', '.join(unknown)}." if unknown else ""
        return f"{title} stored {len(there)} of {len(keeps)} spans of the probe, as promised.{seen}"


def read_promises(configuration: Mapping[str, Any], services: Mapping[str, str]) -> list[PipelinePromise]:
    """Return what each pipeline with an exporter to a backend promises."""
    found = []
    pipelines, processors = trace_pipelines(configuration), configuration.get("processors") or {}
    for backend in RELAYED:
        exporter = find_exporter(configuration, services[backend])
        if exporter is None:
            continue
        content = pipelines[exporter.pipeline]
        names = list(content.get("processors") or ())
        filters = {name: processors.get(name) or {} for name in names if type_of(name) == "filter"}
        conditions = {name: _conditions(settings) for name, settings in filters.items()}
        found.append(
            PipelinePromise(
                exporter.pipeline,
                backend,
                exporter,
                list(content.get("receivers") or ()),
                names,
                [each for listed in conditions.values() for each in listed or ()],
                [name for name, listed in conditions.items() if listed is None],
            )
        )
    return found


def copied_attributes(configuration: Mapping[str, Any], transforms: Iterable[str]) -> dict[str, list[str]]:
    """Return each attribute of a span that one of the transforms copies from others, with those."""
    copied: dict[str, list[str]] = {}
    for name in transforms:
        for text in _texts((configuration.get("processors") or {}).get(name)):
            for target, source in _COPY.findall(text):
                copied.setdefault(target, []).append(source)
    return copied


def _texts(value: object) -> Iterator[str]:
    """Yield all texts in a part of the configuration: a statement stands at several depths of it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _conditions(settings: Mapping[str, Any]) -> list[str] | None:
    """Return the conditions of a filter's spans, None where it has other ones too."""
    traces = settings.get("traces") or {}
    others = set(settings) - {"traces", "error_mode"} or set(traces) - {"span", "spanevent"}
    return None if others else list(traces.get("span") or ())
