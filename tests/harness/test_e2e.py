"""What `tox -e e2e` does in which order, what it prints at its end, and when it fails."""

import argparse
import contextlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import deployment, e2e
from harness.cluster import lifecycle
from harness.common.combinations import KUSTOMIZE
from harness.common.errors import HarnessError
from harness.common.robot_results import Counts
from harness.common.step_times import MOST_RUNS, StepTimes
from harness.common.waiting import wait_for
from harness.deployment import Deployment
from harness.stand_ins.stand_in import StandIn
from harness.suite_options import required_capabilities


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Let a test say how the suites end and what a second apply changes; return what the steps were given."""
    state: dict[str, Any] = {
        "counts": Counts(51, 0, 34), "changes": [], "new": {"localhost/model:1"}, "result": "healthy",
    }  # fmt: skip
    stand_in = StandIn("openshift", lambda: None, lambda: None, lambda: {"ROUTER_ADDRESS": "a:1"})

    def run_suites(options: list[str], environment: dict[str, str]) -> Counts:
        state["options"], state["environment"] = options, environment
        state["kubeconfig"] = os.environ["KUBECONFIG"]
        counts: Counts = state["counts"]
        diagnosis = {"result": state["result"], "diagnoses": []}
        (tmp_path / "diagnosis.json").write_text(json.dumps(diagnosis), encoding="utf-8")
        return counts

    monkeypatch.setenv("KUBECONFIG", "of somebody else")
    monkeypatch.setattr(e2e, "RESULTS", tmp_path)
    monkeypatch.setattr(e2e, "install_browser", lambda: None)
    monkeypatch.setattr(e2e, "run_suites", run_suites)
    monkeypatch.setattr(e2e, "build_and_load", lambda _: state["new"])
    monkeypatch.setattr(lifecycle, "provider", lambda _: "embedded")
    monkeypatch.setattr(lifecycle, "up", lambda *_: None)
    monkeypatch.setattr(lifecycle, "environment", lambda _: {"KUBECONFIG": "of the cluster"})
    monkeypatch.setattr(deployment, "stand_ins_for", lambda overlay, _: [stand_in] * (overlay == "openshift"))
    monkeypatch.setattr(deployment, "restart_users_of", lambda images: state.update(restarted=images))
    monkeypatch.setattr(deployment, "deploy", lambda wanted, _: state.update(deployed=wanted) or wanted)
    monkeypatch.setattr(deployment, "wait_for_rollouts", lambda _: None)
    monkeypatch.setattr(deployment, "find_changes_of_a_second_apply", lambda _: state["changes"])
    return state


def run(
    overlay: str | None = None,
    *options: str,
    components: Sequence[str] = ("mlflow-auth",),
    disruptive: bool = False,
) -> int:
    arguments = argparse.Namespace(
        overlay=overlay,
        components=list(components),
        node_image="",
        nodes=0,
        robot_options=list(options),
        disruptive=disruptive,
    )
    return e2e.run(arguments, StepTimes())


def test_the_overlay_of_the_cluster_s_provider_is_deployed_and_the_counts_come_last(
    seen: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert seen["deployed"] == Deployment("embedded", ["mlflow-auth"])
    assert seen["restarted"] == {"localhost/model:1"}
    assert seen["kubeconfig"] == "of the cluster"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "51 passed, 0 failed, 34 skipped"
    assert lines[-2] == "The cluster stays up for the next run; remove it with: tox -e cluster -- down"
    table = [line.split("  ")[-1] for line in lines if line.endswith((" cluster", " suites", " all"))]
    assert table[-3:] == ["cluster", "suites", "all"]
    assert "=== overlay embedded + mlflow-auth" in lines


def test_the_times_of_the_latest_runs_are_kept(seen: dict[str, Any]) -> None:
    assert seen["result"] == "healthy"
    for _ in range(MOST_RUNS):
        run(components=[])
    run()
    runs = json.loads((e2e.RESULTS / "times.json").read_text(encoding="utf-8"))
    stacks = [each["stack"] for each in runs]
    assert stacks == ["embedded"] * (MOST_RUNS - 1) + ["embedded + mlflow-auth"]
    steps = ["cluster", "images", "overlay", "browser and rollouts", "second apply, in a dry run", "suites"]
    assert [list(each["seconds"]) for each in runs] == [steps] * MOST_RUNS
    assert [list(each["cpu"]) for each in runs] == [steps] * MOST_RUNS


def test_times_that_cannot_be_read_begin_anew(seen: dict[str, Any]) -> None:
    assert seen["result"] == "healthy"
    (e2e.RESULTS / "times.json").parent.mkdir(parents=True, exist_ok=True)
    (e2e.RESULTS / "times.json").write_text('[{"stack": "em')
    assert run() == 0
    assert len(json.loads((e2e.RESULTS / "times.json").read_text(encoding="utf-8"))) == 1


def test_the_browser_is_installed_while_the_stack_is_rolled_out(
    seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling_out, installed = threading.Event(), threading.Event()

    def install() -> None:
        if rolling_out.wait(5):
            installed.set()

    monkeypatch.setattr(e2e, "install_browser", install)
    monkeypatch.setattr(deployment, "wait_for_rollouts", lambda _: rolling_out.set())
    monkeypatch.setattr(e2e, "run_suites", lambda *_: seen.update(ready=installed.is_set()) or seen["counts"])
    run()
    assert seen["ready"]


@pytest.mark.parametrize("ends", ["by itself", "with the error"])
def test_the_images_are_built_while_the_cluster_compiles_and_never_longer_than_the_step(
    seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str
) -> None:
    begun = tmp_path / "begun"
    python = tmp_path / "python"
    python.write_text(f"""#!/bin/sh
echo $$ "$@" > {begun}.new; mv {begun}.new {begun}
[ "{ends}" = "by itself" ] || sleep 60
""")
    python.chmod(0o755)

    def compile_cluster(*arguments: Callable[[], None]) -> None:
        arguments[-1]()
        wait_for(begun.exists, 5, "The images were not begun")
        if ends == "with the error":
            raise HarnessError("Kubernetes did not compile.")

    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.setattr(lifecycle, "up", compile_cluster)
    with pytest.raises(HarnessError) if ends == "with the error" else contextlib.nullcontext():
        run()
    process, *arguments = begun.read_text().split()
    assert arguments == ["-m", "harness.images", "--no-load"]
    assert not Path("/proc", process).exists()
    assert ("options" in seen) is (ends == "by itself")


def test_suites_find_a_stand_in_by_its_variables(seen: dict[str, Any]) -> None:
    assert run("openshift", "--variable", "CITY:Rome") == 0
    assert seen["environment"] == {"ROUTER_ADDRESS": "a:1"}
    required = ",".join(required_capabilities("openshift", ["mlflow-auth"]))
    assert "login" in required
    assert seen["options"] == ["--variable", f"REQUIRE:{required}", "--variable", "CITY:Rome"]


def test_disruptive_suites_get_the_context_of_the_cluster_of_its_own(
    seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e2e, "current_context", lambda: f"that {os.environ['KUBECONFIG']}")
    assert run("openshift", disruptive=True) == 0
    assert seen["options"][-2:] == ["--variable", "DISRUPTIVE:that of the cluster"]


def test_suites_get_the_settings_of_an_overlay_before_what_the_command_line_says(
    seen: dict[str, Any],
) -> None:
    assert run("kagenti", "--variable", "CITY:Rome", components=()) == 0
    settings = str(KUSTOMIZE / "overlays" / "kagenti" / "settings.yaml")
    assert (seen["options"][:2], seen["options"][-1]) == (["--variablefile", settings], "CITY:Rome")


@pytest.mark.parametrize(
    ("counts", "result", "changes", "code"),
    [
        (Counts(51, 1, 34), "broken", [], 1),
        (Counts(0, 0, 85), "not judged", [], 2),
        (Counts(51, 0, 34), "healthy", ["v1.Service.team1.model"], 1),
    ],
)
def test_a_failed_test_or_an_unstable_overlay_or_no_test_at_all_fails(  # noqa: PLR0913, PLR0917
    seen: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    counts: Counts,
    result: str,
    changes: list[str],
    code: int,
) -> None:
    seen |= {"counts": counts, "result": result, "changes": changes}
    assert run() == code
    said = "a second `kubectl apply -k` would change v1.Service.team1.model."
    assert (said in capsys.readouterr().out) is bool(changes)


def test_a_step_that_fails_is_one_sentence_after_the_times_of_those_before(
    seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise HarnessError("The images could not be built.")

    assert seen
    monkeypatch.setattr(e2e, "build_and_load", fail)
    monkeypatch.setattr("sys.argv", ["e2e"])
    assert e2e.main() == 2
    printed = capsys.readouterr()
    assert printed.err == "Error: The images could not be built.\n"
    assert [line.split()[-1] for line in printed.out.splitlines()[-2:]] == ["cluster", "all"]


def test_an_unknown_component_is_named_before_anything_is_made(
    seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["e2e", "--component", "mlflow-aut"])
    assert e2e.main() == 2
    assert "deployed" not in seen


@pytest.mark.parametrize("works", [True, False])
def test_tests_are_counted_from_robot_framework_s_own_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, works: bool
) -> None:
    monkeypatch.setattr(e2e, "SUITES", tmp_path / "robot")
    monkeypatch.setattr(e2e, "RESULTS", tmp_path / "results")
    (tmp_path / "robot").mkdir()
    suite = "*** Test Cases ***\nPasses\n    Should Be Equal    %{WHO}    me\nSkips\n    Skip\n"
    (tmp_path / "robot" / "suite.robot").write_text(suite)
    options = ["--console=none", "--log=NONE", "--report=NONE", *([] if works else ["--no-such-option"])]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "output.xml").write_text("of an earlier run")
    expected = (
        contextlib.nullcontext() if works else pytest.raises(HarnessError, match=r"wrote no .*output\.xml")
    )
    with expected:
        assert e2e.run_suites(options, {"WHO": "me"}) == Counts(1, 0, 1)
