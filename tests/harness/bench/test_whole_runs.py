"""What whole runs took is read from what they left, and shown where they left something."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from harness.bench.page import write_html, write_markdown
from harness.bench.whole_runs import read_whole_runs
from tests.harness.bench.test_bench import FIGURES

TIMES = [
    {"date": "2026-11-26", "stack": "embedded", "seconds": {"cluster": 440.4, "suites": 65.2}},
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
    (tmp_path / "pytest-unit.xml").write_text(TESTS, encoding="utf-8")
    found = read_whole_runs(tmp_path)
    assert list(found.values()) == [
        [
            ["stack", "cluster", "suites", "all"],
            ["embedded", "440 s", "65 s", "506 s"],
            ["embedded + mlflow-auth", "0 s", "66 s", "66 s"],
        ],
        [
            ["suites", "seconds", "share"],
            ["Traces", "6.0", "50%"],
            ["UI", "3.0", "25%"],
            ["set-up and teardown of the run", "3.0", "25%"],
            ["all", "12.0", ""],
        ],
        [
            ["tests", "seconds", "share"],
            ["tests.libraries", "2.0", "50%"],
            ["tests.harness.cluster", "2.0", "50%"],
            ["all 3, which took 2 s of the clock", "4.0", ""],
        ],
    ]
    page = write_markdown(replace(FIGURES, whole_runs=found), dict.fromkeys(FIGURES.measured, ""))
    assert "**the suites of the last `tox -e e2e`**" in page
    assert "| embedded | 440 s | 65 s | 506 s |" in page
    assert "<td>tests.libraries</td>" in write_html(replace(FIGURES, whole_runs=found))
