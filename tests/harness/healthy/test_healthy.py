"""A run on a healthy stack is counted with its failures, and what surrounds it ends with it."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from harness import deployment
from harness.cluster import lifecycle
from harness.common.errors import HarnessError
from harness.deployment import Deployment
from harness.faults.reference import Reference
from harness.faults.stack import Stack
from harness.healthy import __main__ as healthy
from harness.healthy import conditions, page, runs
from harness.healthy.conditions import CONDITIONS, Condition, Place
from harness.load import measuring

DEPLOYED = Deployment("kind", ["mlflow-auth"])
GREEN = "*** Test Cases ***\nIt Arrives\n    Log    yes\nIt Is Not There\n    Skip    no tenants\n"
RED = "*** Test Cases ***\nIt Arrives\n    Fail    MLflow has no trace.\\nAnd more.\n"
RUN = runs.Run("quiet", "", "kind", "2026-11-26", 50.0, 1.5, 57, 53, {})


class Components(Stack):
    """A stack with two components, in which nothing changes."""

    @property
    def components(self) -> list[str]:
        """Name both."""
        return ["mlflow", "phoenix"]

    def workload_of(self, component: str) -> Reference:
        """Return a Deployment of its name."""
        return Reference("deployment", component, "system")

    def wait_until_seen(self, reference: Reference) -> None:
        """Find it seen."""

    def wait_until_well(self) -> None:
        """Find it well."""


PLACE = Place(Components(), DEPLOYED)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file that is run in place of the suites; results lie beside it."""
    file = tmp_path / "suite.robot"
    file.write_text(GREEN)
    monkeypatch.setattr(healthy, "SUITES", file)
    monkeypatch.setattr(healthy, "RESULTS", tmp_path / "results")
    return file


def run_quietly(count: int = 1) -> list[runs.Run]:
    return list(healthy.run_all([CONDITIONS["quiet"]], count, PLACE))


def test_green_run_is_counted_and_leaves_no_folder(suite: Path) -> None:
    first, second = run_quietly(2)
    assert (first.passed, first.skipped, first.failures, first.is_green) == (1, 1, {}, True)
    assert (first.stack, second.condition) == ("kind + mlflow-auth", "quiet")
    assert list((suite.parent / "results").iterdir()) == []


def test_run_with_a_failure_keeps_its_results_and_the_first_line_of_the_message(suite: Path) -> None:
    suite.write_text(RED)
    (run,) = run_quietly()
    assert run.failures == {"Suite.It Arrives": "MLflow has no trace."}
    assert not run.is_green
    assert (suite.parent / "results" / "quiet-1" / "log.html").exists()
    assert healthy.describe(run).endswith("\n  - Suite.It Arrives: MLflow has no trace.")


def test_run_in_which_nothing_passed_is_not_green(suite: Path) -> None:
    suite.write_text("*** Test Cases ***\nIt Is Not There\n    Skip    no tenants\n")
    (run,) = run_quietly()
    assert not run.is_green
    assert "no test passed" in page_of(run)


@pytest.mark.usefixtures("suite")
def test_what_surrounds_a_run_ends_with_it() -> None:
    happened: list[str] = []

    @contextmanager
    def surround() -> Iterator[None]:
        happened.append("begins")
        yield
        happened.append("ends")

    condition = Condition("special", "something happens", 2, lambda _: {"mlflow": surround})
    found = list(healthy.run_all([condition], None, PLACE))
    assert happened == ["begins", "ends"] * 2
    assert [run.special for run in found] == ["mlflow"] * 2


def test_busy_cores_are_free_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    with conditions.busy_cores():
        assert [loop.poll() for loop in started] == [None] * (os.cpu_count() or 1)
    assert all(loop.returncode for loop in started)


def test_traffic_goes_to_the_collectors_until_the_run_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[list[str]] = []
    enough, before = threading.Event(), threading.active_count()

    def send(urls: list[str], *_: object) -> None:
        sent.append(urls)
        enough.set()

    monkeypatch.setattr(measuring, "forwarded_collectors", lambda: nullcontext(["http://127.0.0.1:1"]))
    monkeypatch.setattr(conditions, "send", send)
    with conditions.traffic():
        assert enough.wait(30)
    assert sent[0] == ["http://127.0.0.1:1/v1/traces"]
    assert threading.active_count() == before, "its thread has ended"


def test_each_component_is_restarted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(conditions, "kubectl", lambda *arguments: commands.append(arguments))
    planned = CONDITIONS["after-rollout"].plan(PLACE)
    for _, around in planned:
        with around():
            pass
    assert [name for name, _ in planned] == ["mlflow", "phoenix"]
    assert commands[0] == ("rollout", "restart", "deployment", "mlflow", "--namespace=system")
    assert len(commands) == 2


def test_stack_is_removed_and_applied_before_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[object] = []
    monkeypatch.setattr(deployment, "remove_deployed", lambda: happened.append("removed"))
    monkeypatch.setattr(lifecycle, "provider", lambda _: "kind")
    monkeypatch.setattr(deployment, "deploy", lambda wanted, _: happened.append(wanted))
    monkeypatch.setattr(deployment, "write_overlay", lambda *_: Path("overlay"))
    ((_, around),) = CONDITIONS["after-apply"].plan(PLACE, 1)
    with around():
        assert happened == ["removed", DEPLOYED]


def test_condition_that_there_is_not_is_named() -> None:
    with pytest.raises(HarnessError, match="No condition is named 'noisy'; choose from quiet, busy-cores"):
        healthy.choose(["noisy"])
    assert [each.name for each in healthy.choose(["traffic"])] == ["traffic"]
    assert healthy.choose([]) == list(CONDITIONS.values())


def page_of(*of_runs: runs.Run) -> str:
    """Return the page that these runs make."""
    return page.write_page(page.describe(of_runs))


def test_page_counts_by_stack_and_condition_and_shows_each_failure(tmp_path: Path) -> None:
    busy = replace(RUN, condition="busy-cores", seconds=90.0, failures={"Traces.It": "MLflow has no trace."})
    runs.write([busy], tmp_path / "one.json")
    runs.write([RUN, replace(RUN, seconds=60.0, date="2026-11-27")], tmp_path / "two.json")
    text = page_of(*runs.read(tmp_path / "one.json"), *runs.read(tmp_path / "two.json"))
    quiet = "| kind | quiet | nothing else happens | 2026-11-27 | 2 | 0 | 55 | 60 | 1.5 |"
    assert f"{quiet}\n| kind | busy-cores | an endless loop runs on each core | 2026-11-26 | 1 | 1 |" in text
    assert "kind, busy-cores, 2026-11-26:\n\n```text\nTraces.It: MLflow has no trace.\n```\n" in text


def test_condition_without_new_runs_stays_as_the_page_has_it() -> None:
    red = replace(RUN, condition="after-rollout", special="mlflow", failures={"A": "No trace."})
    other = replace(RUN, condition="busy-cores", failures={"B": "No route."})
    text = page_of(RUN, red, replace(red, special="phoenix"), other)
    assert page.write_page(page.read_page(text)) == text
    mended = page.write_page({**page.read_page(text), **page.describe([replace(red, failures={})])})
    assert "No trace." not in mended
    assert "kind, busy-cores, 2026-11-26:\n\n```text\nB: No route.\n```\n" in mended
    assert "| kind | after-rollout | a component's pods were just restarted | 2026-11-26 | 1 | 0 |" in mended


def test_page_of_the_repository_is_read() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.write_page(page.read_page(text)) == text


def test_tests_that_fail_for_one_reason_are_one_line() -> None:
    failures = {"Traces.A": "Not judged: no MLflow.", "UI.B": "Not judged: no MLflow.", "C": "No route."}
    text = page_of(replace(RUN, failures=failures))
    assert "\nTraces.A (and 1 more): Not judged: no MLflow.\nC: No route.\n" in text


def test_a_run_under_a_condition_that_went_is_one_sentence() -> None:
    with pytest.raises(HarnessError, match="No condition is named 'idle'; choose from quiet, "):
        page_of(replace(RUN, condition="idle"))
