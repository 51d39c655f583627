"""Which release is upgraded from, and what is reported of a trace that an upgrade changed."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from harness.proofs.upgrade.__main__ import LOCK, PREVIOUS, current_image, previous_tag
from harness.proofs.upgrade.kept_trace import KeptTrace
from traces.model import Span, Trace

QUESTION = {"text": "What is the weather in Paris?", "context_id": "a-context"}
ROOT = Span(
    "a" * 32, "b" * 16, None, "invoke_agent", "AGENT", 1, 2, "OK", attributes={"session.id": "a-context"}
)
TRACE = Trace("a" * 32, (ROOT,), "mlflow", "OK", {"total": 3}, release_lacks=frozenset({"tokens", "state"}))


def test_the_release_before_is_the_previous_minor_and_its_lock_holds_it() -> None:
    version = previous_tag().removeprefix("v").partition("-")[0]
    major, minor = map(int, version.split(".")[:2])
    assert [major, minor + 1] == [int(part) for part in current_image().version.split(".")[:2]]
    assert f"mlflow=={version}" in LOCK.read_text(encoding="utf-8").split()
    images = yaml.safe_load((PREVIOUS / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert {image["newTag"] for image in images} == {previous_tag()}


def test_an_unchanged_trace_passes(tmp_path: Path) -> None:
    KeptTrace().keep_trace(tmp_path / "new" / "kept.json", QUESTION, "1", asdict(TRACE))
    kept = KeptTrace().read_kept_trace(tmp_path / "new" / "kept.json")
    assert (kept["question"], kept["experiment_id"]) == (QUESTION, "1")
    KeptTrace().trace_should_be_unchanged(asdict(TRACE), kept["trace"])


def test_a_changed_trace_is_reported_with_the_value_before_and_now(tmp_path: Path) -> None:
    KeptTrace().keep_trace(tmp_path / "kept.json", QUESTION, "1", asdict(TRACE))
    kept = KeptTrace().read_kept_trace(tmp_path / "kept.json")
    changed = replace(TRACE, spans=(replace(ROOT, attributes={"session.id": "lost"}),))
    with pytest.raises(AssertionError, match=r"Trace a+ changed, 2 lines differ") as error:
        KeptTrace().trace_should_be_unchanged(asdict(changed), kept["trace"])
    assert '-    "session.id": "a-context"' in str(error.value)
    assert '+    "session.id": "lost"' in str(error.value)
    with pytest.raises(AssertionError, match="lines differ"):
        KeptTrace().trace_should_be_unchanged(asdict(replace(TRACE, spans=())), kept["trace"])


def test_nothing_kept_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="No trace was kept before the upgrade"):
        KeptTrace().read_kept_trace(tmp_path / "kept.json")
