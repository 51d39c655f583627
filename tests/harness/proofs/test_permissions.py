"""The proof of the suites' permissions: what it compares, and that it leaves nothing behind."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.common.errors import HarnessError
from harness.common.suites import run_robot
from harness.proofs import permissions

ADMINISTRATOR = {"S.Reads": ("PASS", ""), "S.Is Skipped": ("SKIP", "no such Component")}


def test_equal_results_are_no_difference() -> None:
    assert permissions.differences(ADMINISTRATOR, {**ADMINISTRATOR, "S.Reads": ("PASS", "other")}) == []


def test_another_result_and_a_missing_test_are_reported() -> None:
    account = {"S.Reads": ("FAIL", "Cannot read pods: 403 forbidden.\nmore")}
    assert permissions.differences(ADMINISTRATOR, account) == [
        "S.Reads: PASS as administrator, FAIL as the ServiceAccount: Cannot read pods: 403 forbidden.",
        "S.Is Skipped: SKIP as administrator, MISSING as the ServiceAccount: ",
    ]


def test_results_are_compared_only_where_the_administrator_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(permissions, "find_program", lambda *_: "kubectl")
    monkeypatch.setattr(permissions, "run_suites", lambda *_: {"S.Reads": ("FAIL", "no stack")})
    monkeypatch.setattr("sys.argv", ["permissions"])
    assert permissions.main() == 1
    assert "1 of 1 tests fail as administrator" in capsys.readouterr().err


def test_an_earlier_run_as_administrator_is_read_instead_of_made(tmp_path: Path) -> None:
    robot = tmp_path / "s.robot"
    robot.write_text("*** Test Cases ***\nReads\n    No Operation\n", encoding="utf-8")
    run_robot("--console", "none", "--outputdir", str(tmp_path), str(robot))
    assert permissions.results_as_administrator(tmp_path / "output.xml", []) == {"S.Reads": ("PASS", "")}
    with pytest.raises(HarnessError, match=r"There is no .*/none\.xml: name the output\.xml of a run"):
        permissions.results_as_administrator(tmp_path / "none.xml", [])


def test_the_kubeconfig_has_the_token_and_no_other_login() -> None:
    config = {
        "contexts": [{"context": {"user": "admin", "cluster": "c"}}],
        "users": [{"name": "admin", "user": {"client-key-data": "secret"}}],
        "clusters": [{"name": "c"}],
    }
    assert permissions.kubeconfig_with_token(config, "token") == {
        **config,
        "users": [{"name": "admin", "user": {"token": "token"}}],
    }


def test_the_account_is_the_manifests() -> None:
    manifest = permissions.MANIFEST.read_text(encoding="utf-8")
    assert permissions.account_of(manifest) == ("kagenti-system", "acceptance")


def test_the_roles_are_removed_also_when_the_suites_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def printed(command: Sequence[str | Path], _: str) -> str:
        commands.append(command[1])
        return '{"contexts": [{"context": {"user": "admin"}}]}'

    def no_output(*_: object) -> None:
        raise HarnessError("no output.xml")

    monkeypatch.setattr(permissions, "read_output", printed)
    monkeypatch.setattr(permissions, "run_suites", no_output)
    with pytest.raises(HarnessError, match=r"no output\.xml"):
        permissions.run_as_account("kubectl", [])
    assert commands == ["apply", "create", "config", "delete"]
