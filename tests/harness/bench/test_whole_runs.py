"""What whole runs took is read from what they left, and shown where they left something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.bench import __main__ as bench
from harness.bench.figures import Figures, write
from harness.bench.page import write_html, write_markdown
from harness.bench.whole_runs import CACHES, NOTHING, begins_with, read_whole_runs
from tests.harness.bench.test_bench import FIGURES

TIMES = [
    {
        "date": "2026-11-26",
        "stack": "embedded",
        "seconds": {"cluster": 500.4, "suites": 65.2},
        "cpu": {"cluster": 803.2, "suites": 98.0},
    },
    {"date": "2026-11-26", "stack": "embedded", "seconds": {"cluster": 0.4, "suites": 80.0}},
    {"date": "2026-11-26", "stack": "embedded", "seconds": {"cluster": 0.3, "suites": 60.0}},
    {"date": "2026-11-26", "stack": "embedded + mlflow-auth", "seconds": {"cluster": 0.3, "suites": 66.0}},
]
OUTPUT = """<robot generated="2026-11-26T18:00:00" schemaversion="5">
<suite name="All">
<suite name="Traces"><test name="One"><status status="PASS" start="2026-11-26T18:00:01" elapsed="6"/></test>
<status status="PASS" start="2026-11-26T18:00:01" elapsed="6"/></suite>
<suite name="UI"><test name="Two"><status status="PASS" start="2026-11-26T18:00:07" elapsed="3"/></test>
<status status="PASS" start="2026-11-26T18:00:07" elapsed="3"/></suite>
<status status="PASS" start="2026-11-26T18:00:00" elapsed="12"/>
</suite>
</robot>
"""
TOX = {
    "testenvs": {
        "lint": {"result": {"duration": 20.0}},
        "unit": {"result": {"duration": 60.04}},
        ".pkg": {},
    }
}
TESTS = """<testsuites><testsuite name="pytest" tests="3" time="2.5">
<testcase classname="tests.libraries.test_a" name="one" time="1"/>
<testcase classname="tests.harness.cluster.test_b.TestC" name="two" time="2"/>
<testcase classname="tests.libraries.test_d" name="three" time="1"/>
</testsuite></testsuites>
"""


def test_runs_that_left_nothing_are_not_shown(tmp_path: Path) -> None:
    assert read_whole_runs(tmp_path) == {}
    assert "Whole runs" not in write_markdown(FIGURES, dict.fromkeys(FIGURES.measured, ""))


def test_steps_suites_and_tests_are_tables(tmp_path: Path) -> None:
    (tmp_path / "times.json").write_text(json.dumps(TIMES), encoding="utf-8")
    (tmp_path / "output.xml").write_text(OUTPUT, encoding="utf-8")
    (tmp_path / "tox.json").write_text(json.dumps(TOX), encoding="utf-8")
    (tmp_path / "pytest-unit.xml").write_text(TESTS, encoding="utf-8")
    found = read_whole_runs(tmp_path)
    assert list(found.values()) == [
        [
            ("goal", "measured", "result"),
            (
                "`tox -e e2e` from an empty machine: 540 s",
                "566 s",
                "missed: cluster 500 s, suites 65 s; 901 s of CPU",
            ),
            ("`tox -e e2e` again, with caches: 75 s", "60 s, the quickest of 2 runs", "reached"),
            ("the suites of the last `tox -e e2e`: 25 s", "12 s", "reached"),
            ("`tox`: 75 s", "80 s", "missed: unit 60 s, lint 20 s"),
        ],
        [
            ["stack", "begins with", "cluster", "suites", "all"],
            ["embedded", "an empty machine", "500 s (803 s)", "65 s (98 s)", "566 s (901 s)"],
            ["embedded", "caches", "0 s", "80 s", "80 s"],
            ["embedded", "caches", "0 s", "60 s", "60 s"],
            ["embedded + mlflow-auth", "caches", "0 s", "66 s", "66 s"],
        ],
        [
            ["suites", "seconds", "share"],
            ["Traces", "6.0", "50%"],
            ["UI", "3.0", "25%"],
            ["set-up and teardown of the run", "3.0", "25%"],
            ["all", "12.0", ""],
        ],
        [
            ["environment", "seconds", "share"],
            ["lint", "20.0", "25%"],
            ["unit", "60.0", "75%"],
            ["all", "80.0", ""],
        ],
        [
            ["tests", "seconds", "share"],
            ["tests.libraries", "2.0", "50%"],
            ["tests.harness.cluster", "2.0", "50%"],
            ["all 3, which took 2 s of the clock", "4.0", ""],
        ],
    ]
    figures = Figures("2026-11-26", "2 cores", [], whole_runs=found)
    page = write_markdown(figures, {})
    assert "**the suites of the last `tox -e e2e`**" in page
    assert "| embedded | an empty machine | 500 s (803 s) | 65 s (98 s) | 566 s (901 s) |" in page
    assert "| `tox`: 75 s | 80 s | missed: unit 60 s, lint 20 s |" in page
    assert "<td>tests.libraries</td>" in write_html(figures)


@pytest.mark.parametrize(
    ("seconds", "beginning"),
    [
        ({"cluster": 547.7, "images": 286.4, "suites": 94.0}, NOTHING),
        ({"cluster": 0.4, "images": 121.0}, NOTHING),
        ({"cluster": 71.0, "images": 42.0, "overlay": 119.0}, CACHES),
        ({"suites": 60.0}, CACHES),
    ],
)
def test_a_run_that_compiles_or_builds_images_begins_with_an_empty_machine(
    seconds: dict[str, float], beginning: str
) -> None:
    assert begins_with(seconds) == beginning


def test_docs_have_the_whole_runs_since_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "FIGURES", tmp_path / "figures.json")
    for folder in ("DOCS", "WHOLE_RUNS"):
        monkeypatch.setattr(bench, folder, tmp_path)
    write(Figures("2026-11-26", "2 cores", [], whole_runs={"kept": [["a"], ["of before"]]}), bench.FIGURES)
    assert "of before" in bench.write_docs().read_text(encoding="utf-8")
    (tmp_path / "times.json").write_text(json.dumps(TIMES), encoding="utf-8")
    page = bench.write_docs().read_text(encoding="utf-8")
    assert "of before" not in page
    assert "quickest of 2 runs" in page
