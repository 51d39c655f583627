"""Writes docs/capacity.md: what a run of the load measured, and what follows for a bigger installation."""

from __future__ import annotations

import math

from harness.load.figures import Figures, Step

QUESTIONS = (1, 10, 100)  # a second
TRACES = (1, 10, 100)  # million that are kept
GIB = 2**30
_HEAD = """# Capacity

`tox -e load -- --context NAME` measures this, and `tox -e load -- --docs` writes this page from its figures.
A trace is a question of the public weather agent with one tool call. Requests are prepared protobuf.
"""
_LIMITS = """## Where the next limit is

| limit | sign | what answers it |
|---|---|---|
| MLflow's workers | the queue of `otlp_http/mlflow` grows | more servers: `high-availability`, `scale` |
| PostgreSQL | it uses all of its limit, or its connections | `managed-postgres`, `scale` |
| Phoenix | it uses a whole core | `scale`: more room for its memory; it stays one pod |
| the collector | it answers 503, or its queue is full | `high-availability`, `scale`: more collectors |
| the database's disk | its claim is full | `retention`, and a bigger claim |

A queue holds 100,000 spans for each exporter. At a rate that is too high it grows by what is not stored.
"""


def write_markdown(figures: Figures) -> str:
    """Return the page."""
    return "\n".join(
        [
            _HEAD,
            f"Measured {figures.date}: {figures.machine}; pods: {figures.deployed}. "
            f"{figures.agents} agents sent. "
            f"A trace has {figures.spans_sent} spans; the collector's filter keeps {figures.spans_kept}.\n",
            "The cluster, the sender and other work shared these cores, as the load average says. "
            "So rates are too low, and times too high.\n",
            _table(_STEPS, [_step(each) for each in figures.steps]),
            f"Meanwhile the suite `weather_question.robot` ran: {_suite(figures)}.\n",
            "## What a trace costs\n",
            _table(("component", "CPU s per 1,000 spans", "memory at the end"), _costs(figures)),
            f"A trace takes {_size(figures, 'mlflow')} in MLflow's database and "
            f"{_size(figures, 'phoenix')} in Phoenix's, indexes included. "
            f"That is the growth by {_accepted(figures):,} traces, and a sample as small is rough.\n",
            "## What a bigger installation needs\n",
            "This is computed from the figures above, and was not measured. "
            "The cost of a span is taken to stay the same. Half of each core is left free. "
            "Several pods, an outage and millions of stored traces were not measured.\n",
            _table(("questions a second", "cores in all", *_components(figures)), _cores(figures)),
            "Phoenix is one process of Python, so it uses about one core: "
            f"{1 / _cpu(figures, 'phoenix'):.0f} questions a second. "
            "Beyond that the queue of `otlp_http/phoenix` grows.\n",
            _table(("traces kept", "MLflow's database", "Phoenix's database"), _disks(figures)),
            _LIMITS,
        ]
    )


_STEPS = (
    "asked for",
    "sent",
    "accepted",
    "in MLflow",
    "in Phoenix",
    "queued",
    "drain",
    "stored a second",
    "load average",
)


def _step(step: Step) -> tuple[str, ...]:
    return (
        f"{step.rate:g} a second",
        f"{step.sent:,} in {step.seconds:.0f} s",
        f"{step.accepted:,}",
        f"{step.stored['mlflow']:,}",
        f"{step.stored['phoenix']:,}",
        f"{max(step.queued.values()):,} spans",
        f"{step.drain:.0f} s",
        f"{step.stored_rate:.1f}",
        f"{step.load:.1f}",
    )


def _components(figures: Figures) -> tuple[str, ...]:
    return tuple(figures.steps[-1].cpu)


def _cpu(figures: Figures, component: str) -> float:
    """Return seconds of a processor for one trace, of all steps together."""
    return sum(step.cpu[component] for step in figures.steps) / _accepted(figures)


def _accepted(figures: Figures) -> int:
    return sum(step.accepted for step in figures.steps)


def _bytes(figures: Figures, backend: str) -> float:
    return sum(step.grown[backend] for step in figures.steps) / _accepted(figures)


def _size(figures: Figures, backend: str) -> str:
    return f"{_bytes(figures, backend) / 1024:.0f} KiB"


def _costs(figures: Figures) -> list[tuple[str, ...]]:
    last = figures.steps[-1]
    return [
        (
            name,
            f"{_cpu(figures, name) / figures.spans_kept * 1000:.1f}",
            f"{last.memory[name] / 2**20:.0f} MiB",
        )
        for name in _components(figures)
    ]


def _cores(figures: Figures) -> list[tuple[str, ...]]:
    rows = []
    for rate in QUESTIONS:
        cores = [2 * rate * _cpu(figures, name) for name in _components(figures)]
        rows.append((f"{rate}", f"{math.ceil(sum(cores))}", *(f"{each:.1f}" for each in cores)))
    return rows


def _disks(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (
            f"{count} million",
            *(f"{count * 1e6 * _bytes(figures, name) / GIB:,.0f} GiB" for name in ("mlflow", "phoenix")),
        )
        for count in TRACES
    ]


def _suite(figures: Figures) -> str:
    return ", ".join(f"{count} {what}" for what, count in figures.suite.items()) or "not at all"


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
