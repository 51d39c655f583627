"""The benchmark measures what suites do, and its pages say what was measured."""

import re
from pathlib import Path

import pytest

from harness.bench import __main__ as bench
from harness.bench.figures import Figures, Measurement, read, relative_cost, relative_time, write
from harness.bench.goals import DIRECT, IN_ALL, STEPS, THROUGH_COLLECTOR, find_goals
from harness.bench.measurements import Measurements
from harness.bench.page import plot, write_html, write_markdown
from harness.bench.sections import SHARES
from harness.bench.shares import CAUSES, OTHERS, READING, SEARCHING, find_part
from harness.common.errors import HarnessError
from tests.robot_process import run_robot

ROOT = Path(__file__).parents[3]
LOOK_UP = "Look-up in MLflow"


def measurement(size: int, *seconds: float, case: str = "good", message: int = 0) -> Measurement:
    return Measurement("Evaluation of a contract", case, "spans", size, seconds, message)


FIGURES = Figures(
    "2026-11-26",
    "2 cores",
    [
        measurement(1000, 1.0, 1.5, 1.2),
        measurement(10, 0.01, 0.01, 0.01),
        measurement(10, 0.02, case="bad", message=1234),
        Measurement(LOOK_UP, "by session", "stored traces", 1000, [0.05, 0.05, 0.06], 0),
        Measurement(LOOK_UP, "by session", "stored traces", 1_000_000, [0.07, 0.08, 0.06], 0),
    ],
    {LOOK_UP: "At the end <all> were stored."},
)


def test_a_measurement_has_median_spread_and_rate() -> None:
    measured = FIGURES.measurements[0]
    assert (measured.median, measured.spread) == (1.2, 1.5)
    assert measured.rate == pytest.approx(1000 / 1.2)


def test_the_cost_of_one_is_over_that_in_the_smallest_size() -> None:
    smallest, largest = FIGURES.cases("Evaluation of a contract")["good"]
    assert (smallest.size, largest.size) == (10, 1000)
    assert relative_cost(smallest, smallest) == 1
    assert relative_cost(largest, smallest) == pytest.approx(1.2)


def test_the_time_of_a_look_up_is_over_that_with_the_fewest_traces() -> None:
    smallest, largest = FIGURES.cases(LOOK_UP)["by session"]
    assert relative_time(largest, smallest) == pytest.approx(1.4)


def test_a_goal_that_was_missed_says_what_was_measured() -> None:
    (goal,) = find_goals(FIGURES)
    assert (goal.is_reached, goal.measured) == (False, "1.40")
    assert goal.text == "by session, with 1,000,000 stored: at most 1.3 times as long as with 1,000"
    assert goal.result == "missed: 70 ms against 50 ms"


def test_the_goal_of_the_longest_trace_is_asked_where_it_was_measured() -> None:
    judged = Figures("", "", [measurement(30_000, 1.5, case="good"), measurement(30_000, 3, case="bad")])
    assert [goal.result for goal in find_goals(judged)] == ["reached", "missed: one span takes 100 µs"]


def test_the_throughput_of_two_ways_is_compared_round_by_round() -> None:
    ways = {DIRECT: [10.0, 12.0, 10.0], THROUGH_COLLECTOR: [10.0, 10.0, 20.0]}
    measured = [Measurement("Throughput", way, "spans", 1000, taken, 0) for way, taken in ways.items()]
    (goal,) = find_goals(Figures("", "", measured))
    assert (goal.measured, goal.result) == ("1.00 (0.50 to 1.20)", "reached")
    page = write_markdown(Figures("", "", measured), {"Throughput": "plot.svg"})
    assert "| by way of the collector | 1,000 spans | 10 s | 2.00 | 100 |" in page
    assert "**" not in page.partition("## Throughput")[2], "its only table has no title"


def test_the_delays_of_the_batches_are_no_part_of_the_goal() -> None:
    taken = {step: [0.1, 0.125, 0.25] for step in STEPS} | {IN_ALL: [2.0, 2.0, 2.1]}
    way = [
        Measurement("From the answer to the verdict", step, "questions", 3, taken[step], 0) for step in STEPS
    ]
    (goal,) = find_goals(Figures("", "", way))
    assert (goal.measured, goal.is_reached) == ("0.38 s (0.30 to 0.75)", False)
    assert goal.result == "missed: most of it is that MLflow stores the trace: 0.12 s"
    page = write_markdown(Figures("", "", way), {"From the answer to the verdict": "plot.svg"})
    assert "| the agent's batch | 0.125 s | 0.100 s | 0.250 s | 6% |" in page
    assert "in all" in plot("From the answer to the verdict", Figures("", "", way).cases(way[0].what))


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(FIGURES, tmp_path / "made" / "figures.json")
    again = read(tmp_path / "made" / "figures.json")
    assert again.cases("Evaluation of a contract")["good"][1].median == 1.2
    plots = dict.fromkeys(FIGURES.measured, "plot.svg")
    assert write_markdown(again, plots) == write_markdown(FIGURES, plots)


def test_pages_have_a_row_for_each_size() -> None:
    page = write_markdown(FIGURES, {"Evaluation of a contract": "plot.svg", LOOK_UP: "other.svg"})
    assert "| 1,000 spans | 1.2 s | 1.50 | 833 | 1.20 | none |" in page
    assert "| 10 spans | 0.02 s | 1.00 | 500 | 1.00 | 1,234 |" in page
    assert "| 1,000,000 stored traces | 0.07 s | 1.33 | 1.40 |" in page
    assert "missed: 70 ms against 50 ms" in page
    assert "At the end <all> were stored." in page
    assert "(plot.svg)" in page
    alone = write_html(FIGURES)
    assert "<td>1,000 spans</td>" in alone
    assert "At the end &lt;all&gt; were stored." in alone
    assert alone.count("<svg") == 2


def test_the_docs_need_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(bench, "DOCS", tmp_path)
    monkeypatch.setattr(bench, "WHOLE_RUNS", tmp_path)
    with pytest.raises(HarnessError, match="run `tox -e bench` first"):
        bench.write_docs()
    write(FIGURES, tmp_path / "figures.json")
    assert "1,000 spans" in bench.write_docs().read_text(encoding="utf-8")
    assert (tmp_path / "benchmark-evaluation-of-a-contract.svg").exists()
    assert (tmp_path / "benchmark-look-up-in-mlflow.svg").exists()


def test_a_run_that_fails_leaves_the_figures_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(bench, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(bench, "MEASURED", tmp_path / "measured.json")
    monkeypatch.setattr(bench, "run_robot", lambda *_, **__: 1)
    write(FIGURES, tmp_path / "figures.json")
    with pytest.raises(HarnessError, match=r"A task failed; .*log\.html, or else the message above, says"):
        bench.measure([bench.EVALUATION], bench.LEAST_SPANS, bench.LEAST_STORED)
    assert read(tmp_path / "figures.json").date == FIGURES.date


def test_the_least_that_is_measured_is_the_smallest_size_of_the_tasks() -> None:
    for part, least in ((bench.EVALUATION, bench.LEAST_SPANS), ("look-up", bench.LEAST_STORED)):
        text = (bench.TASKS / bench.PARTS[part]).read_text(encoding="utf-8")
        assert re.search(rf"^@\{{SIZES\}} +\$\{{{least}\}} ", text, re.MULTILINE)


def test_the_tasks_measure_the_keyword_of_the_suites(tmp_path: Path) -> None:
    options = ["--outputdir", str(tmp_path), "--variable", "LONGEST:10", "--variable", "LOOKS:100"]
    done = run_robot([*options, str(bench.TASKS / bench.PARTS["evaluation"])], ROOT)
    assert done.returncode == 0, done.stdout
    figures = read(tmp_path / "figures.json")
    for what in SHARES:
        parts = figures.cases(what)
        assert READING in parts
        assert all(each.seconds[0] > 0 for (each,) in parts.values())
    page = write_markdown(figures, dict.fromkeys(figures.measured, "plot.svg"))
    assert f"| {READING} |" in page
    assert READING in plot(SHARES[0], figures.cases(SHARES[0]))
    good, bad = (each for each in figures.measurements if each.what not in SHARES)
    assert (good.case, good.size, good.message) == ("no violation", 10, 0)
    assert (bad.case, bad.size) == ("a violation on each span", 10)
    assert bad.message > 100


@pytest.mark.parametrize(
    ("modules", "part"),
    [
        (["json.decoder", "traces.text", "contracts.search", "contracts.rules.leaks"], READING),
        (["contracts.needed_texts", "contracts.search", "contracts.rules.leaks"], SEARCHING),
        (["traces.text", "contracts.rules.causality", "contracts.rules"], "rules: causality"),
        (["contracts.consequences", "contracts.judgement"], CAUSES),
        (["contracts.report"], OTHERS),
    ],
)
def test_a_part_is_named_by_what_calls_what(modules: list[str], part: str) -> None:
    assert find_part(modules) == part


@pytest.mark.parametrize("answer", [None, [1]])
def test_a_call_that_does_not_find_what_it_should_is_no_measurement(answer: object) -> None:
    with pytest.raises(AssertionError, match="expected 2"):
        Measurements().measure_calls("Look-up", "case", "unit", 1, lambda _: answer, [["session"]], 2)
