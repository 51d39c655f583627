"""What the pages say and draw of each thing that is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.bench.figures import Measurement, Rows, relative_cost, relative_time

EVALUATION, LOOK_UP, THROUGHPUT = "Evaluation of a contract", "Look-up in MLflow", "Throughput"
WAY = "From the answer to the verdict"
SHARES = ("Where the time goes with no violation", "Where the time goes with a violation on each span")
Cases = Mapping[str, Sequence[Measurement]]  # the measurements of each, the smallest size first


@dataclass(frozen=True)
class Section:
    """A text, tables by their titles, and plots."""

    text: str
    tables: Callable[[Cases], Mapping[str, Rows]]
    draw: Callable[[Drawing, Cases], None]


def _evaluation_tables(cases: Cases) -> Mapping[str, Rows]:
    head = ("size", "median", "slowest / fastest", "a second", "cost of one", "message")
    return {
        case: [head]
        + [
            (
                *_size_and_time(each),
                f"{each.rate:,.0f}",
                f"{relative_cost(each, measured[0]):.2f}",
                f"{each.message:,}" if each.message else "none",
            )
            for each in measured
        ]
        for case, measured in cases.items()
    }


def _draw_evaluation(drawing: Drawing, cases: Cases) -> None:
    times, costs = drawing.subplots(1, 2)
    _draw_times(times, cases)
    times.set(yscale="log")
    for case, measured in cases.items():
        sizes = [each.size for each in measured]
        costs.plot(sizes, [relative_cost(each, measured[0]) for each in measured], marker="o", label=case)
    costs.set(xscale="log", xlabel=_unit(cases), ylabel="cost of one, of the smallest size", ylim=(0, None))


def _share_tables(cases: Cases) -> Mapping[str, Rows]:
    whole = sum(each.median for (each,) in cases.values())
    rows = [
        (part, f"{each.median / whole:.0%}", f"{each.median / each.size * 1e6:.0f} µs")
        for part, (each,) in cases.items()
    ]
    return {"": [("part", "share", "for a span"), *rows]}


def _draw_shares(drawing: Drawing, cases: Cases) -> None:
    axes = drawing.subplots()
    axes.barh(list(cases), [each.median / each.size * 1e6 for (each,) in cases.values()])
    axes.invert_yaxis()
    axes.set(xlabel="microseconds for a span")


def _look_up_tables(cases: Cases) -> Mapping[str, Rows]:
    head = ("size", "median", "slowest / fastest", "of the smallest size")
    return {
        case: [head]
        + [(*_size_and_time(each), f"{relative_time(each, measured[0]):.2f}") for each in measured]
        for case, measured in cases.items()
    }


def _draw_look_up(drawing: Drawing, cases: Cases) -> None:
    times, ratios = drawing.subplots(1, 2)
    _draw_times(times, cases)
    times.set(ylim=(0, None))
    for case, measured in cases.items():
        sizes = [each.size for each in measured]
        ratios.plot(sizes, [relative_time(each, measured[0]) for each in measured], marker="o", label=case)
    ratios.set(xscale="log", xlabel=_unit(cases), ylabel="time, of the smallest size", ylim=(0, None))


def _throughput_tables(cases: Cases) -> Mapping[str, Rows]:
    head = ("way", "size", "median", "slowest / fastest", "a second")
    rows = [(case, *_size_and_time(each), f"{each.rate:,.0f}") for case, (each,) in cases.items()]
    return {"": [head, *rows]}


def _draw_throughput(drawing: Drawing, cases: Cases) -> None:
    axes = drawing.subplots()
    for case, (each,) in cases.items():
        rates = [each.size / seconds for seconds in each.seconds]
        axes.plot(range(1, len(rates) + 1), rates, marker="o", label=case)
    axes.set(xlabel="round", ylabel=f"{_unit(cases)} a second", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _way_tables(cases: Cases) -> Mapping[str, Rows]:
    head = ("step", "median", "fastest", "slowest", "share")
    whole = list(cases.values())[-1][0]
    rows = [
        (
            step,
            *(f"{seconds:.3f} s" for seconds in (each.median, min(each.seconds), max(each.seconds))),
            f"{each.median / whole.median:.0%}",
        )
        for step, (each,) in cases.items()
    ]
    return {"": [head, *rows]}


def _draw_way(drawing: Drawing, cases: Cases) -> None:
    axes = drawing.subplots()
    axes.boxplot(
        [each.seconds for (each,) in cases.values()], orientation="horizontal", tick_labels=list(cases)
    )
    axes.invert_yaxis()
    axes.set(xlabel="seconds", xlim=(0, None))


def _draw_times(axes: Axes, cases: Cases) -> None:
    """Draw the median of each size, from the fastest to the slowest run."""
    for case, measured in cases.items():
        spread = (
            [each.median - min(each.seconds) for each in measured],
            [max(each.seconds) - each.median for each in measured],
        )
        sizes, medians = [each.size for each in measured], [each.median for each in measured]
        axes.errorbar(sizes, medians, yerr=spread, marker="o", capsize=3, label=case)
    axes.set(xscale="log", xlabel=_unit(cases), ylabel="seconds")
    axes.legend()


def _size_and_time(each: Measurement) -> tuple[str, str, str]:
    return f"{each.size:,} {each.unit}", f"{each.median:.3g} s", f"{each.spread:.2f}"


def _unit(cases: Cases) -> str:
    return next(iter(cases.values()))[0].unit


SECTIONS: Mapping[str, Section] = {
    EVALUATION: Section(
        "One trace is judged by one contract, with all that a suite does for it. "
        "The trace is a recorded one of the weather agent, in which the agent calls its tool again and "
        "again. A span of it has nearly 4 KB of text on average. Two fifths of it are in no span before, for "
        "each round has its own tool call, canary, step and checkpoint. Times are seconds of the processor. "
        "*Cost of one* is the time for one span, over that in the smallest size. Where it does not grow, the "
        "work is linear. *Message* is how many characters a person reads in the report.",
        _evaluation_tables,
        _draw_evaluation,
    ),
    **dict.fromkeys(
        SHARES,
        Section(
            "Judging the longest trace is interrupted again and again, to see which part is at work. *Rules* "
            "are sections of a contract, by their module in `libraries/contracts/rules`. All JSON is read, "
            "for a secret or its name may be inside. The search is for plain texts first: a pattern is tried "
            "only where a text that it needs is there. Times are those of the processor.",
            _share_tables,
            _draw_shares,
        ),
    ),
    LOOK_UP: Section(
        "The keywords by which the suites find traces look once into a real MLflow. It runs with the "
        "settings of the overlays, on a PostgreSQL of the same machine. The traces that are looked for were "
        "just sent. All others are copies, made by SQL, of one that MLflow stored. *Of the smallest size* is "
        "the time, over that with the fewest stored traces. Times are seconds of the clock.",
        _look_up_tables,
        _draw_look_up,
    ),
    WAY: Section(
        "A recorded question's spans wait in the SDK's batch processor, with the delay of the deployed "
        "agent. They go by way of the collector, with the configuration of the overlays, to MLflow. "
        "Meanwhile the suites' keyword waits for the trace, and then another judges it. The answers are "
        "spread evenly over the agent's delay. The agent itself does not run: its answer is the end of a "
        "span. A relay before MLflow notes when requests come. Times are seconds of the clock.",
        _way_tables,
        _draw_way,
    ),
    THROUGHPUT: Section(
        "The same export requests, each with a recorded trace of a question, go to MLflow on two ways by "
        "turns: directly, and by way of the collector with the configuration of the overlays. Two requests "
        "are under way at any time, as the collector has it. A time begins with the first request and ends "
        "when PostgreSQL has all spans. Times are seconds of the clock, and all servers share one machine.",
        _throughput_tables,
        _draw_throughput,
    ),
}
