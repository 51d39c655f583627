"""Writes docs/capacity.md: what runs of the load measured, and what follows for a bigger installation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from harness.common.markdown import table
from harness.load.figures import Figures, Step, SuiteRun

QUESTIONS = (1, 10, 100)  # a second
TRACES = (1, 10, 100)  # million that are kept
QUEUE = 100_000  # spans for each exporter: `queue_size` in the collector's configuration
OUTAGE = 60  # seconds
GIB, MIB = 2**30, 2**20
BACKENDS = {"mlflow": "MLflow", "phoenix": "Phoenix"}
ENOUGH = 1_000  # spans in a queue, one batch of its exporter, to say how fast a backend takes them
_HEAD = """# Capacity

`tox -e load -- --context NAME --overload 40 --outage 60` measures this.
`tox -e load -- --docs` writes this page from the figures of all runs.
A trace is a question of the public weather agent with one tool call. Requests are prepared protobuf.

The cluster, the sender and other work shared the machine's cores, as the load average says.
So rates are too low, and times too high.
"""
_FULL = """## When a queue is full

A queue holds 100,000 spans for each exporter. Two full queues of these traces took 640 MB of the volume's
2 GiB, and the collector 213 MB of its 512 MiB. `python -m harness.proofs.lossless_collector` fills a smaller
one, with the stack's own configuration and without a cluster:

- The collector gives an agent no answer while MLflow's queue is full. It keeps all that it accepted.
- Phoenix gets the spans of the waiting requests meanwhile.
- When MLflow is back, the waiting requests are answered 200, and MLflow has each span once.

An agent waits only as long as its exporter tries, and sends nothing else meanwhile
([what can still be lost](traces.md#what-can-still-be-lost)). An agent with OpenTelemetry's SDK for Python and
20 spans a second met a queue that was full for 20 s. With `OTEL_EXPORTER_OTLP_TIMEOUT=60`, as the weather
agent has it, 0 of 460 spans were lost. With the default of 10, MLflow lost 20 of 500, and Phoenix none.
A backend that is too slow for good must leave the collector's pipelines, or the rate must fall.
"""
LIMITS = (
    (
        "MLflow's workers",
        "the queue of `otlp_http/mlflow` grows",
        "`high-availability`: 2 servers with 2 workers each; "
        "`scale`: 3 to 6 servers by load, with 4 workers and 4 CPUs each",
    ),
    (
        "PostgreSQL",
        "it uses all of its CPUs, or its connections",
        "`scale`: 4 CPUs, 4 GiB and 400 connections; `managed-postgres`",
    ),
    (
        "Phoenix",
        "the queue of `otlp_http/phoenix` grows",
        "nothing: it is one process in one pod. `scale` gives it more memory: 4 GiB",
    ),
    (
        "the collector",
        "it answers 503, or does not answer for its queue is full",
        "`high-availability`: 2 collectors; `scale`: 3 with 2 CPUs each. Each has a queue of its own",
    ),
    ("the database's disk", "its claim is full", "`retention`, and a bigger claim"),
)


def write_markdown(runs: Sequence[Figures]) -> str:
    """Return the page."""
    return "\n".join([_HEAD, *map(_measured, runs), *_costs(runs), _FULL, *_bigger(runs), *_limits()])


def _measured(run: Figures) -> str:
    """Return what one run measured."""
    return "\n".join(
        [
            f"## Measured: {run.name}\n",
            f"{run.date}, {run.machine}; pods: {run.deployed.replace('), ', '); ')}.\n",
            f"{run.agents} agents sent. "
            f"A trace has {run.spans_sent} spans; the collector's filter keeps {run.spans_kept}.\n",
            table(_STEPS, [_step(each) for each in run.steps]),
            *_suites([(step.rate, step.suite) for step in run.steps if step.suite]),
        ]
    )


_STEPS = (
    "sent",
    "accepted",
    "in MLflow",
    "in Phoenix",
    "queued",
    "drain",
    "spans a second from the queue",
    "load average",
)


def _step(step: Step) -> tuple[str, ...]:
    away = f", MLflow away for {step.away:.0f} s" if step.away else ""
    return (
        f"{step.sent:,} in {step.seconds:.0f} s ({step.rate:g} a second{away})",
        f"{step.accepted:,}",
        *(f"{step.stored[name]:,}, {step.spans[name]:,} spans" for name in BACKENDS),
        _by_backend(f"{_queued(step, name):,}" for name in BACKENDS),
        _by_backend(f"{_drain(step, name):.0f} s" for name in BACKENDS),
        _by_backend(f"{rate:.0f}" if (rate := _drain_rate(step, name)) else "-" for name in BACKENDS),
        f"{step.load:.1f}",
    )


def _by_backend(values: Iterable[str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in zip(BACKENDS.values(), values, strict=True))


def _queued(step: Step, backend: str) -> int:
    return step.queued.get(f"otlp_http/{backend}", 0)


def _drain(step: Step, backend: str) -> float:
    return step.drained.get(f"otlp_http/{backend}", 0.0)


def _drain_rate(step: Step, backend: str) -> float:
    """Return the spans a second that a backend took from its queue; 0 where too little was queued to say."""
    if _queued(step, backend) < ENOUGH or (step.away and backend != "mlflow"):
        return 0.0  # while MLflow comes back, the other queue drains already
    return _queued(step, backend) / _drain(step, backend)


def _suites(suites: list[tuple[float, SuiteRun]]) -> list[str]:
    """Return what became of each test, and of the suite's own trace, beside each rate where it ran."""
    names = list(dict.fromkeys(name for _, suite in suites for name in suite.tests))
    rows = [(name, *(suite.tests.get(name, "-") for _, suite in suites)) for name in names]
    own = ("its own trace", *(suite.arrival or "-" for _, suite in suites))
    columns = ("the suite beside it", *(f"{rate:g} a second" for rate, _ in suites))
    failures = [
        f"The first failure beside {rate:g} a second:\n\n    {suite.failure}\n"
        for rate, suite in suites
        if suite.failure
    ]
    return [table(columns, [*rows, own]), *failures] if suites else []


def _costs(runs: Sequence[Figures]) -> list[str]:
    """Return what a trace costs, run by run."""
    names = [run.name for run in runs]
    costs = [
        (
            component,
            *(f"{_cpu([run], component) / run.spans_kept * 1000:.1f}" for run in runs),
            *(_memory(run, component) for run in runs),
        )
        for component in runs[0].steps[0].cpu
    ]
    sizes = [
        (f"{backend}'s database", *(f"{_bytes([run], name) / 1024:.1f} KiB" for run in runs))
        for name, backend in BACKENDS.items()
    ]
    traces = ", ".join(f"{_accepted([run]):,} traces ({run.name})" for run in runs)
    return [
        "## What a trace costs\n",
        table(
            (
                "component",
                *(f"CPU s per 1,000 spans, {name}" for name in names),
                *(f"memory at the end, {name}" for name in names),
            ),
            costs,
        ),
        "The rows without an outage count: a pod that went takes its figures with it. "
        "Memory is that of all pods of the component together, after the last of these rows, "
        "and what it grew by since the first one.\n",
        table(("bytes of a trace in", *names), sizes),
        f"That is the growth by {traces}, indexes included.\n",
    ]


def _memory(run: Figures, component: str) -> str:
    """Return a component's memory after the last step, and its growth since the first."""
    first, *later = _whole([run])
    last = later[-1] if later else first
    spans = sum(step.accepted for step in later) * run.spans_kept
    growth = (last.memory[component] - first.memory[component]) / MIB / spans * 1000 if spans else 0.0
    return f"{last.memory[component] / MIB:.0f} MiB ({growth:+.1f} MiB per 1,000 spans)"


def _bigger(runs: Sequence[Figures]) -> list[str]:
    """Return what a bigger installation needs."""
    components = tuple(runs[0].steps[0].cpu)
    cores = [
        (
            f"{rate}",
            f"{math.ceil(2 * rate * sum(_cpu(runs, name) for name in components))}",
            *(f"{2 * rate * _cpu(runs, name):.1f}" for name in components),
        )
        for rate in QUESTIONS
    ]
    disks = [
        (
            f"{count} million",
            *(f"{count * 1e6 * _bytes(runs, name) / GIB:,.0f} GiB" for name in BACKENDS),
        )
        for count in TRACES
    ]
    return [
        "## What a bigger installation needs\n",
        "This is computed from the figures of all runs above, and was not measured. "
        "The cost of a span is taken to stay the same. Half of each core is left free. "
        "Millions of stored traces were not measured.\n",
        table(("questions a second", "cores in all", *components), cores),
        "Phoenix is one process of Python, so it uses about one core: "
        f"{1 / _cpu(runs, 'phoenix'):.0f} questions a second. "
        "Beyond that the queue of `otlp_http/phoenix` grows.\n",
        table(
            ("questions a second", "a backend may be away until its queue is full", "queued in a minute"),
            [_queue(rate, runs[0].spans_kept) for rate in QUESTIONS],
        ),
        table(("traces kept", *(f"{name}'s database" for name in BACKENDS.values())), disks),
    ]


def _limits() -> list[str]:
    return ["## Where the next limit is\n", table(("limit", "sign", "what answers it"), list(LIMITS))]


def _queue(rate: int, kept: int) -> tuple[str, ...]:
    return (f"{rate}", f"{QUEUE / kept / rate / 60:,.1f} min", f"{rate * kept * OUTAGE:,} spans")


def _whole(runs: Sequence[Figures]) -> list[Step]:
    """Return the steps without an outage."""
    return [step for run in runs for step in run.steps if not step.away]


def _cpu(runs: Sequence[Figures], component: str) -> float:
    """Return seconds of a processor for one trace, of all steps without an outage together."""
    steps = _whole(runs)
    return sum(step.cpu[component] for step in steps) / sum(step.accepted for step in steps)


def _accepted(runs: Sequence[Figures]) -> int:
    return sum(step.accepted for run in runs for step in run.steps)


def _bytes(runs: Sequence[Figures], backend: str) -> float:
    """Return bytes of a backend's database for one trace, of all steps together."""
    return sum(step.grown[backend] for run in runs for step in run.steps) / _accepted(runs)
