"""The second agent is what the proof says, and the proof fails where the suites do not say what they must."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from contracts.choice import recognise_agent
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError
from harness.proofs.second_agent import __main__ as proof

DEPLOYMENT: dict[str, Any] = next(
    thing
    for thing in yaml.safe_load_all((proof.MANIFESTS / "agent.yaml").read_text(encoding="utf-8"))
    if thing["kind"] == "Deployment"
)
CONTAINER = DEPLOYMENT["spec"]["template"]["spec"]["containers"][0]
VARIABLES = {each["name"]: each["value"] for each in CONTAINER["env"]}


def test_the_agent_runs_the_image_that_the_proof_builds() -> None:
    assert CONTAINER["image"] == proof.IMAGE.reference
    assert (proof.IMAGE.folder / "Dockerfile").is_file()


def test_the_suites_take_it_for_somebody_elses_agent() -> None:
    names = [DEPLOYMENT["metadata"]["name"], *DEPLOYMENT["metadata"]["labels"].values(), CONTAINER["image"]]
    assert recognise_agent(names, VARIABLES, {}).owner == "unknown"


def test_it_has_the_defect_that_the_agent_knows_and_the_test_that_must_find_it() -> None:
    program = (ROOT / "apps" / "climate-agent" / "climate_agent" / "__main__.py").read_text(encoding="utf-8")
    assert VARIABLES["DEFECT"] == ""
    assert f"DEFECT={proof.DEFECT}" in program
    tests = (ROOT / "robot" / "traces" / "weather_question.robot").read_text(encoding="utf-8")
    assert f"\n{proof.FINDING_TEST}\n" in tests


def result(monkeypatch: pytest.MonkeyPatch, status: str, message: str = "", **total: int) -> None:
    """Let the suites end so."""
    test = SimpleNamespace(status=status, message=message)
    found = SimpleNamespace(statistics=SimpleNamespace(**total), all_tests=[test])
    monkeypatch.setattr(proof, "judge", lambda *_: found)


def test_a_good_agent_must_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    result(monkeypatch, "PASS", passed=7, failed=0, skipped=2)
    assert proof.check_good([]) == "7 tests passed, 2 were skipped"
    for passed, failed in ((0, 0), (6, 1)):
        result(monkeypatch, "PASS", passed=passed, failed=failed, skipped=0)
        with pytest.raises(HarnessError, match=f"{failed} tests failed for the agent, {passed} passed"):
            proof.check_good([])


def test_the_defect_must_be_found_by_what_was_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    result(monkeypatch, "FAIL", f"Trace 1 has 2 violations:\n- {proof.FINDING} [1]: seen 80 ms\n- other")
    assert proof.check_defect([]) == f"- {proof.FINDING} [1]: seen 80 ms"
    for status, message in (("PASS", ""), ("FAIL", "No trace arrived."), ("SKIP", proof.FINDING)):
        result(monkeypatch, status, message)
        with pytest.raises(HarnessError, match=f"did not find root-ends-early: {status}"):
            proof.check_defect([])
