"""What the collector is configured to do, and what it counted and logged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families
from robot.api.deco import keyword, library

from pipeline.effective import Configuration, type_of
from pipeline.endpoints import endpoint_of_exporter

# Names as collector 0.158 writes them, without the suffix _total.
ACCEPTED = "otelcol_receiver_accepted_spans"
REFUSED = "otelcol_receiver_refused_spans"
INCOMING, OUTGOING = "otelcol_processor_incoming_items", "otelcol_processor_outgoing_items"
FILTERED = "otelcol_processor_filter_spans_filtered"
SENT = "otelcol_exporter_sent_spans"
FAILED = "otelcol_exporter_send_failed_spans"
# Of memory_limiter, by its older name too.
SHORT_OF_MEMORY = ("otelcol_processor_memory_limiter_refused_spans", "otelcol_processor_refused_spans")
NOT_QUEUED = "otelcol_exporter_enqueue_failed_spans"
QUEUED = "otelcol_exporter_queue_size"
CAPACITY = "otelcol_exporter_queue_capacity"
UPTIME = "otelcol_process_uptime"
LOGIN_HEADERS = frozenset({"authorization", "api_key"})  # the second is Phoenix's
HOLDING = frozenset({"batch", "groupbytrace", "tail_sampling"})  # types of processors
POD = "pod"  # a label that is added here: which collector counted
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\S+")


@dataclass(frozen=True)
class Metrics:
    """The samples of the collectors' metrics at one moment, or how counters grew between two moments.

    Each collector counts for itself: its samples carry its pod's name as label `pod`. Sums are over all.
    """

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> int:
        """Return the sum of a metric over the series that carry the labels; 0 where there is none."""
        return round(sum(self.by("", name, **labels).values()))

    def by(self, label: str, name: str, **labels: str) -> dict[str, int]:
        """Return such sums by the value of one more label, without those that are 0."""
        sums: dict[str, int] = {}
        for (metric, pairs), value in self.samples.items():
            if metric == name and labels.items() <= pairs:
                key = dict(pairs).get(label, "")
                sums[key] = sums.get(key, 0) + round(value)
        return {key: value for key, value in sums.items() if value}

    def has(self, name: str, **labels: str) -> bool:
        """Return whether there is any series of that metric that carries the labels."""
        return any(metric == name and labels.items() <= pairs for metric, pairs in self.samples)

    def silent_exporters(self) -> list[str]:
        """Return the exporters that neither sent spans nor dropped any."""
        exporters = {name for metric in (CAPACITY, SENT) for name in self._values_of("exporter", metric)}
        return sorted(
            name
            for name in exporters
            if not any(self.total(metric, exporter=name) for metric in (SENT, FAILED, NOT_QUEUED))
        )

    def since(self, before: Metrics) -> Metrics:
        """Return how much each series grew; all of it where its collector restarted in between."""
        restarted = set(self.restarted_since(before))
        return Metrics(
            {
                (name, labels): value
                - (0 if dict(labels).get(POD, "") in restarted else before.samples.get((name, labels), 0))
                for (name, labels), value in self.samples.items()
            }
        )

    def _values_of(self, label: str, name: str) -> set[str]:
        return {
            dict(pairs)[label] for metric, pairs in self.samples if metric == name and label in dict(pairs)
        }

    def restarted_since(self, before: Metrics) -> list[str]:
        """Return the pods that restarted in between or are gone: what they had counted is lost."""
        earlier, now = before.by(POD, UPTIME), self.by(POD, UPTIME)
        return [pod for pod, uptime in sorted(earlier.items()) if now.get(pod, 0) < uptime]


@dataclass(frozen=True)
class Exporter:
    """How the collector is configured to send traces to one backend: to the URL `endpoint`.

    `filters` are the filters of its pipeline, each with the number of traces pipelines that have it: the
    collector counts what a filter drops in all of them together. `compression` and `encoding` say in which
    form a request is sent (README of otlphttpexporter). Without `has_queue` the sender of spans waits until
    they are sent. `receivers` and `processors` are its pipeline's; `connectors` are receivers that other
    pipelines send to. `unknown` has, by reference that stays in its settings, why that is not read.
    """

    name: str
    pipeline: str
    endpoint: str
    headers: Mapping[str, str]
    authenticator: str | None = None
    filters: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    compression: str = "gzip"
    encoding: str = "proto"
    has_queue: bool = True
    receivers: Sequence[str] = ()
    processors: Sequence[str] = ()
    connectors: Sequence[str] = ()

    @property
    def holding(self) -> list[str]:
        """What of its pipeline keeps spans back for a while, or passes some on, and does not count that."""
        return [*self.connectors, *(name for name in self.processors if type_of(name) in HOLDING)]

    def lost(self, grown: Metrics) -> dict[str, tuple[int, int]]:
        """Return its pipeline's processors, but filters, that passed on less than came: how much, of what.

        The collector counts a processor of several pipelines in all of them together.
        """
        passed = {
            name: (grown.total(OUTGOING, processor=name), grown.total(INCOMING, processor=name))
            for name in self.processors
            if type_of(name) != "filter"
        }
        return {
            name: (outgoing, incoming) for name, (outgoing, incoming) in passed.items() if outgoing < incoming
        }

    @property
    def login(self) -> str:
        """What the login of its requests comes from: an authenticator or a header; empty for none."""
        of_header = (f"header {name}" for name in self.headers if name.lower() in LOGIN_HEADERS)
        return self.authenticator or next(of_header, "")

    def filtered(self, grown: Metrics) -> dict[str, int]:
        """Return how many spans each filter of this pipeline dropped, without those that dropped none."""
        dropped = {name: grown.total(FILTERED, filter=name) // often for name, often in self.filters.items()}
        return {name: number for name, number in dropped.items() if number}

    def is_counted(self, metrics: Metrics) -> bool:
        """Return whether the collector counts for this exporter, as it does for each that it runs.

        One without a queue is not counted before its first spans: it is taken for one that runs.
        """
        names = (CAPACITY, SENT)
        return not self.has_queue or any(metrics.has(name, exporter=self.name) for name in names)


@library(scope="GLOBAL")
class Collector:
    """Reads the collector's metrics text, and what its configuration says of exporters."""

    @keyword
    def parse_metrics(self, text: str, pod: str = "") -> Metrics:
        """Return the samples of a Prometheus text, as those of that pod."""
        own = {POD: pod} if pod else {}
        return Metrics(
            {
                # The parser names a counter with the suffix that the collector leaves out.
                (sample.name.removesuffix("_total"), frozenset((sample.labels | own).items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    @keyword
    def merge_metrics(self, *metrics: Metrics) -> Metrics:
        """Return the samples of all, each still with its pod's name."""
        return Metrics({key: value for each in metrics for key, value in each.samples.items()})

    @keyword
    def merge_logs(self, *logs: list[str]) -> list[str]:
        """Return the lines of several collectors' logs as one, by the time that each begins with."""
        lines: list[tuple[str, str]] = []
        for log in logs:
            moment = ""
            for line in log:
                begins = _MOMENT.match(line)  # a line without is the rest of the one before it
                moment = begins[0] if begins else moment
                lines.append((moment, line))
        return [line for _, line in sorted(lines, key=lambda each: each[0])]

    @keyword
    def check_if_metrics_are_readable(self, configuration: Mapping[str, Any]) -> bool:
        """Return whether the collector's metrics can be read from outside of its pod.

        They listen on localhost unless service.telemetry.metrics says otherwise: a `pull` reader's host, or
        the `address` of older versions
        (https://opentelemetry.io/docs/collector/internal-telemetry/#configure-internal-metrics).
        """
        metrics = ((configuration.get("service") or {}).get("telemetry") or {}).get("metrics") or {}
        readers = [(each.get("pull") or {}).get("exporter") or {} for each in metrics.get("readers") or ()]
        hosts = [(reader.get("prometheus") or {}).get("host") for reader in readers]
        hosts.append(str(metrics.get("address") or "").rpartition(":")[0] or None)
        return any(host and host not in {"localhost", "127.0.0.1", "::1"} for host in hosts)

    @keyword
    def find_exporter(self, configuration: Mapping[str, Any], service: str) -> Exporter | None:
        """Return the exporter of traces to a backend's Service, None where no pipeline has one.

        It is the exporter in a traces pipeline whose name, or whose endpoint's host, is the Service's.
        """
        return find_exporter(configuration, service)

    @keyword
    def describe_trace_pipelines(self, configuration: Mapping[str, Any]) -> list[str]:
        """Return the pipelines for traces, each with what it exports to: `traces/mlflow (to debug)`."""
        return describe_trace_pipelines(configuration)


def find_exporter(configuration: Mapping[str, Any], service: str) -> Exporter | None:
    """Return the exporter that `Collector.find_exporter` describes."""
    exporters, connectors = configuration.get("exporters") or {}, configuration.get("connectors") or {}
    pipelines = trace_pipelines(configuration)
    for pipeline, content in pipelines.items():
        for name in content.get("exporters") or ():
            settings = exporters.get(name) or {}
            endpoint = endpoint_of_exporter(name, settings)
            if service in {name.partition("/")[2], (urlsplit(endpoint).hostname or "").split(".")[0]}:
                return Exporter(
                    name,
                    pipeline,
                    endpoint,
                    _headers(settings.get("headers")),
                    (settings.get("auth") or {}).get("authenticator"),
                    _filters(content, pipelines.values()),
                    _unknown(configuration, settings),
                    compression=str(settings.get("compression") or "gzip"),
                    encoding=str(settings.get("encoding") or "proto"),
                    has_queue=(settings.get("sending_queue") or {}).get("enabled") is not False,
                    receivers=tuple(content.get("receivers") or ()),
                    processors=tuple(content.get("processors") or ()),
                    connectors=tuple(name for name in content.get("receivers") or () if name in connectors),
                )
    return None


def trace_pipelines(configuration: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the pipelines for traces by name; an empty section is one that is not there."""
    pipelines = (configuration.get("service") or {}).get("pipelines") or {}
    return {
        name: {part: _listed(names) for part, names in (content or {}).items()}
        for name, content in pipelines.items()
        if type_of(name) == "traces"
    }


def describe_trace_pipelines(configuration: Mapping[str, Any]) -> list[str]:
    """Return what `Collector.describe_trace_pipelines` describes."""
    return [
        f"{name} (to {', '.join(content.get('exporters') or ()) or 'nothing'})"
        for name, content in trace_pipelines(configuration).items()
    ]


def log_level(configuration: Mapping[str, Any]) -> str:
    """Return the level from which on the collector logs; it logs at level info that it will send again."""
    logs = ((configuration.get("service") or {}).get("telemetry") or {}).get("logs") or {}
    return str(logs.get("level") or "info").lower()


def _headers(headers: object) -> dict[str, str]:
    """Return an exporter's headers by name; they can be a map, and in newer versions a list with names."""
    pairs = (
        headers.items()
        if isinstance(headers, Mapping)
        else [
            (each["name"], each.get("value"))
            for each in headers or ()  # type: ignore[attr-defined] # a list
        ]
    )
    return {name: "" if value is None else str(value) for name, value in pairs}


def _listed(names: object) -> list[str]:
    """Return the names of a pipeline's components: a reference that stays stands for all of a list."""
    return [names] if isinstance(names, str) else list(names or ())  # type: ignore[call-overload]


def _unknown(configuration: Mapping[str, Any], settings: object) -> dict[str, str]:
    """Return why references in a part of a configuration are not read, by reference."""
    unknown = configuration.unknown if isinstance(configuration, Configuration) else {}
    return {reference: why for reference, why in unknown.items() if reference in str(settings)}


def _filters(pipeline: Mapping[str, Any], pipelines: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    everywhere = Counter(name for each in pipelines for name in each.get("processors") or ())
    return {name: everywhere[name] for name in pipeline.get("processors") or () if type_of(name) == "filter"}
