"""What was seen about a question whose trace did not arrive, and what could not be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agent.client import Question
from pipeline.collector import (
    FAILED,
    QUEUED,
    SENT,
    Exporter,
    Metrics,
    describe_trace_pipelines,
    find_exporter,
    log_level,
)
from traces.backends import BACKENDS
from traces.model import Trace

LONGEST_LINE = 600  # characters of a log line
NO_QUEUE = "Try enabling sending_queue"  # what the collector logs where an exporter without a queue fails
# What SDKs of OpenTelemetry log where spans are not sent, as "Failed to export span batch code: 404", or
# `traces export: failed to send to` of Go, OTLPExporterError of JavaScript, `Queue full, dropping Span`.
EXPORT_ERROR = re.compile(
    r"(?=.*export).*(fail|error|exception|unable|refused|time.?out)|queue (is )?full|dropping span",
    re.IGNORECASE,
)
DROPPED = re.compile(r"queue (is )?full|dropping span", re.IGNORECASE)
# A database's error as a backend logs it: `(psycopg2.errors.X) text` of SQLAlchemy, also with the class of
# the driver's exception, SQLAlchemy's own of a pool without a free connection, or the line of
# kustomize/base/mlflow/lossless_store.py.
DATABASE_ERROR = re.compile(
    r"(?:\([\w.]*(?:psycopg|asyncpg|sqlite|mysql)[\w.]*\)|sqlalchemy\.exc\.TimeoutError:|"
    r"database cannot store spans now:)\s(?:<class '[^']*'>:\s)?(?P<said>\S.*)",
    re.IGNORECASE,
)
# An error of PostgreSQL's own log. What is FATAL concerns one connection: the client logs that itself.
OF_POSTGRES = re.compile(r"\b(?:ERROR|PANIC):\s+(?P<said>\S.*)")
# A line of a backend's log that says what went wrong: by its level, an exception, or an answer to spans.
GONE_WRONG = re.compile(r"\b(ERROR|CRITICAL|WARNING)\b|^[\w.]+(Error|Exception)\b|/v1/traces\b.*\s[45]\d\d\b")
# The URL in a line about spans that were not sent: `request to URL responded`, or `Post "URL": dial tcp`.
_SENT_TO = re.compile(r"(?:request to |Post \\*\")(https?://[^\s\"\\]+)")


@dataclass(frozen=True)
class Evidence:
    """All that was seen about a question and one backend (`mlflow` or `phoenix`).

    - `waited`: seconds since the agent's answer.
    - `before`, `after`: the collector's metrics around the question. Without `before` the counters' growth is
      all that they counted since the collector's start.
    - `problems`: the roll-out problems of each component that has some; `stopped`: those of each that has no
      Ready pod, also of an older generation.
    - `obstacles`: what keeps the agent from its tool and model, where it did not answer.
    - `exporter`, `pipelines`: the collector's exporter to the backend; its pipelines for traces, in words.
      `log_level`: from which level on it logs.
    - `sent_to`: the experiment id that the collector sends to.
    - `experiment`: the experiment found in MLflow by `experiment_name`, with `id` and `lifecycle`.
    - `trace`: what the backend has, and `expected_spans` how many were waited for; `backend_error`: why it
      could not be asked.
    - `elsewhere`: where else the backend has the question's trace, in words; `senders`: whose traces it got
      since the question, None where it does not say.
    - `agent_endpoint`: the URL that the agent sends its spans to; `unsent`: why they do not leave its pod;
      `held_back`: why its SDK may not export this trace, or not yet; `not_taken`: why the collector's
      receiver does not take what is sent to it.
    - `proxy_of_agent`, `proxy_of_collector`: the proxy between the agent and the collector, and between the
      collector and the backend, as their environment has it.
    - `other_backend`: that the exporter's URL leads to another namespace's backend.
    - `log`, `agent_log`, `backend_log`, `database_log`: the lines that the collector, the agent, the backend
      and PostgreSQL logged since the question.
    - `denied_to_collector`, `denied_to_backend`: which network policies deny the agent's connection to the
      collector, and the collector's to the backend.
    - `unread`: by field, why it could not be read. `configuration` stands for `exporter`, `pipelines` and
      `log_level`.
    """

    backend: str
    question: Question
    waited: float
    before: Metrics | None = None
    after: Metrics | None = None
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stopped: Mapping[str, Sequence[str]] = field(default_factory=dict)
    obstacles: str = ""
    exporter: Exporter | None = None
    pipelines: Sequence[str] = ()
    log_level: str = "info"
    sent_to: str | None = None
    experiment_name: str = ""
    experiment: Mapping[str, str] | None = None
    backend_error: str = ""
    trace: Trace | None = None
    expected_spans: int = 1
    elsewhere: str = ""
    senders: Sequence[str] | None = None
    agent_endpoint: str | None = None
    unsent: str = ""
    held_back: str = ""
    not_taken: str = ""
    proxy_of_agent: str = ""
    proxy_of_collector: str = ""
    other_backend: str = ""
    log: Sequence[str] = ()
    agent_log: Sequence[str] = ()
    backend_log: Sequence[str] = ()
    database_log: Sequence[str] = ()
    denied_to_collector: str = ""
    denied_to_backend: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The backend's name as people write it."""
        return BACKENDS[self.backend].title

    @property
    def grown(self) -> Metrics:
        """How the collector's counters grew since the question was asked."""
        return (self.after or Metrics()).since(self.before or Metrics())

    @property
    def exporter_lines(self) -> list[str]:
        """The lines that the collector logged about this backend's exporter, oldest first."""
        return [line for line in self.log if self.exporter and f'"{self.exporter.name}"' in line]

    @property
    def dropping_lines(self) -> list[str]:
        """The lines that the collector logged about spans of this backend that it dropped, oldest first.

        An exporter without a queue drops none: it rejects them, and their sender may try again.
        """
        return [line for line in self.exporter_lines if "Dropping" in line or NO_QUEUE in line]

    @property
    def queued(self) -> int:
        """How many spans wait in the exporter's queue; 0 without the collector's metrics."""
        return (self.after or Metrics()).total(QUEUED, exporter=self.exporter.name) if self.exporter else 0

    def sending(self, counter: str) -> int:
        """Return how much a counter of this backend's exporter grew since the question was asked."""
        return self.grown.total(counter, exporter=self.exporter.name) if self.exporter else 0

    @property
    def running_target(self) -> str:
        """Where the running collector sends to, if that is not where its configuration says; empty otherwise.

        The log has the URL of each failure; collector 0.158 also counts by `server_address`, `server_port`
        and `url_path`. A URL of another scheme may be where the backend redirects to, and says nothing.
        """
        if self.exporter is None or "${" in self.exporter.endpoint:
            return ""
        counted = [
            dict(pairs)
            for (name, pairs), value in self.grown.samples.items()
            if name in {SENT, FAILED} and value and ("exporter", self.exporter.name) in pairs
        ]
        targets = [
            f"//{_host(labels['server_address'])}:{labels['server_port']}{labels['url_path']}"
            for labels in counted
            if {"server_address", "server_port", "url_path"} <= labels.keys()
        ]
        # A line about the identity provider has its URL.
        lines = [line for line in self.exporter_lines if "security token" not in line]
        targets += [match[1] for line in lines for match in _SENT_TO.finditer(line)]
        scheme, own = self.exporter.endpoint.partition(":")[0], _place(self.exporter.endpoint)
        others = [url for url in targets if url.startswith(("//", f"{scheme}:")) and _place(url) != own]
        return others[-1].lstrip("/") if others else ""

    @property
    def export_errors(self) -> list[str]:
        """The lines that the agent logged about spans that it could not export, oldest first."""
        return [line.strip() for line in self.agent_log if EXPORT_ERROR.search(line)]

    @property
    def dropped_by_agent(self) -> str:
        """The last line in which the agent logged that its SDK dropped spans, empty for none."""
        return next((line for line in reversed(self.export_errors) if DROPPED.search(line)), "")

    @property
    def backend_log_errors(self) -> list[str]:
        """The lines in which the backend logged what went wrong, oldest first."""
        return [
            line.strip()
            for line in self.backend_log
            if GONE_WRONG.search(line) or DATABASE_ERROR.search(line)
        ]

    @property
    def database_error(self) -> str:
        """The last error of the database, as the backend logged it, or else PostgreSQL; empty for none."""
        for pattern, log in ((DATABASE_ERROR, self.backend_log), (OF_POSTGRES, self.database_log)):
            found = [match["said"].strip() for match in map(pattern.search, log) if match]
            if found:
                return found[-1][:LONGEST_LINE]
        return ""


def _host(address: str) -> str:
    """Return a host as URLs have it: an IPv6 address in brackets."""
    return f"[{address}]" if ":" in address else address


def _place(url: str) -> tuple[str | None, int, str]:
    """Return host, port and path of a URL; of what is none, itself as the host."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return url, 0, ""
    return parts.hostname, port, parts.path.rstrip("/")


def collect(
    backend: str,
    question: Question,
    waited: float,
    read: Mapping[str, tuple[str, Any]],
    *,
    service: str,
    **known: Any,  # noqa: ANN401
) -> Evidence:
    """Return the evidence: the `known` fields, and those that were `read`.

    `service` is the name of the backend's Service. Each field that was read is PASS and a value, or FAIL and
    a reason. One that could not be read takes nothing away from the others.
    """
    values = {name: value for name, (status, value) in read.items() if status == "PASS"}
    unread = {name: str(value) for name, (status, value) in read.items() if status != "PASS"}
    configuration = values.pop("configuration", {})
    return Evidence(
        backend,
        question,
        waited,
        exporter=find_exporter(configuration, service),
        pipelines=describe_trace_pipelines(configuration),
        log_level=log_level(configuration),
        unread=unread,
        **values,
        **known,
    )
