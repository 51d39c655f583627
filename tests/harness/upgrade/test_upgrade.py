"""The previous release that is upgraded from, and what is told of a trace that an upgrade changed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from agent.client import Question
from harness import e2e
from harness.proofs.upgrade.kept_trace import KeptTrace
from harness.proofs.upgrade.upgrade import HERE, LOCK, PREVIOUS, current_image, previous_tag
from traces.model import Span, Trace

QUESTION = Question("What is the weather in Paris?", "a-context", "Fine.", "", 1.0, 2.0)
ROOT = Span(
    "a" * 32, "b" * 16, None, "invoke_agent", "AGENT", 1, 2, "OK", attributes={"session.id": "a-context"}
)
TRACE = Trace("a" * 32, (ROOT,), "mlflow", "OK", {"prompt": 1, "completion": 2, "total": 3})


def test_the_release_before_is_the_previous_minor_and_its_lock_holds_it() -> None:
    version = previous_tag().removeprefix("v").partition("-")[0]
    major, minor = map(int, version.split(".")[:2])
    assert [major, minor + 1] == [int(part) for part in current_image().version.split(".")[:2]]
    assert f"\nmlflow=={version}\n" in LOCK.read_text(encoding="utf-8")
    images = yaml.safe_load((PREVIOUS / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert {image["newTag"] for image in images} == {previous_tag()}


def test_an_unchanged_trace_passes(tmp_path: Path) -> None:
    KeptTrace().keep(tmp_path / "new" / "kept.json", QUESTION, "1", TRACE)
    kept = KeptTrace().read_what_was_kept(tmp_path / "new" / "kept.json")
    assert (kept["question"], kept["experiment_id"]) == (QUESTION, "1")
    KeptTrace().trace_should_be_as_it_was(TRACE, kept["trace"])


def test_a_changed_trace_is_told_with_the_value_before_and_now(tmp_path: Path) -> None:
    KeptTrace().keep(tmp_path / "kept.json", QUESTION, "1", TRACE)
    kept = KeptTrace().read_what_was_kept(tmp_path / "kept.json")
    changed = replace(TRACE, spans=(replace(ROOT, attributes={"session.id": "lost"}),))
    with pytest.raises(AssertionError, match="not as it was") as error:
        KeptTrace().trace_should_be_as_it_was(changed, kept["trace"])
    assert '-    "session.id": "a-context"' in str(error.value)
    assert '+    "session.id": "lost"' in str(error.value)
    with pytest.raises(AssertionError, match="lines differ"):
        KeptTrace().trace_should_be_as_it_was(replace(TRACE, spans=()), kept["trace"])


def test_nothing_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="No question was kept"):
        KeptTrace().read_what_was_kept(tmp_path / "kept.json")


def test_suites_are_complete_without_a_cluster(tmp_path: Path) -> None:
    suites = [str(HERE / f"{suite}.robot") for suite in ("before", "after")]
    options = ["--dryrun", "--pythonpath", str(e2e.ROOT / "libraries"), "--outputdir", str(tmp_path)]
    variables = ["--variable", f"KEPT:{tmp_path}", "--variable", "VERSION:3.16.1"]
    robot = [sys.executable, "-m", "robot", *options, *variables, *suites]
    result = subprocess.run(robot, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
