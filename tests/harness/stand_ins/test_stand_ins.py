"""Which stand-in an overlay or a Component gets, and the command line that all of them have."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness import stand_ins
from harness.common.errors import HarnessError
from harness.stand_ins.stand_in import StandIn, run_command_line

ROOT = Path(__file__).parents[3]
NAMES = sorted(path.parent.name for path in (ROOT / "harness" / "stand_ins").glob("*/stand_in.py"))


@pytest.mark.parametrize(
    ("table", "folder"), [(stand_ins.OVERLAYS, "overlays"), (stand_ins.COMPONENTS, "components")]
)
def test_every_folder_of_kustomize_is_in_the_table(table: Mapping[str, StandIn | None], folder: str) -> None:
    there = (ROOT / "kustomize" / folder).glob("*/kustomization.yaml")
    assert sorted(table) == sorted(path.parent.name for path in there)


def test_every_stand_in_is_needed_by_somebody() -> None:
    tables = (stand_ins.OVERLAYS, stand_ins.INSTALLATIONS, stand_ins.COMPONENTS)
    needed = {each.name for table in tables for each in table.values() if each}
    assert sorted(needed) == NAMES


def test_a_stand_in_comes_once_for_all_that_need_it() -> None:
    assert stand_ins.stand_ins_for("kind", ["mlflow-auth", "high-availability"]) == []
    found = stand_ins.stand_ins_for("openshift", ["openshift-routes", "managed-postgres"])
    assert [stand_in.name for stand_in in found] == ["openshift", "managed_postgres"]


@pytest.mark.parametrize(
    ("overlay", "component", "named"),
    [("eks", "mlflow-auth", "overlay 'eks'"), ("kind", "mlflow-aut", "Component 'mlflow-aut'")],
)
def test_a_name_that_the_table_does_not_know_is_an_error(overlay: str, component: str, named: str) -> None:
    with pytest.raises(HarnessError, match=f"{named} needs a stand-in: add it to harness/stand_ins"):
        stand_ins.stand_ins_for(overlay, [component])


@pytest.fixture
def played() -> list[str]:
    """Return what a stand-in was asked to do."""
    return []


@pytest.fixture
def stand_in(played: list[str]) -> StandIn:
    """Return a stand-in whose `down` fails."""

    def down() -> None:
        raise HarnessError("The Routes are not the stand-in's: they stay.")

    return StandIn("example", lambda: played.append("up"), down, lambda: {"ADDRESS": "a:1", "FILE": "b"})


def test_the_command_line_brings_a_stand_in_up_and_prints_how_it_is_found(
    stand_in: StandIn, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(stand_in, ["up"]) == 0
    assert played == ["up"]
    assert run_command_line(stand_in, ["env"]) == 0
    assert capsys.readouterr().out == "ADDRESS=a:1\nFILE=b\n"


def test_a_stand_in_that_cannot_is_one_sentence(
    stand_in: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(stand_in, ["down"]) == 1
    assert capsys.readouterr().err == "Error: The Routes are not the stand-in's: they stay.\n"


def test_the_packages_of_a_stand_ins_images_are_locked_by_its_command_line(
    stand_in: StandIn, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(replace(stand_in, lock=lambda: played.append("lock")), ["lock"]) == 0
    assert played == ["lock"]
    with pytest.raises(SystemExit):
        run_command_line(stand_in, ["lock"])
    assert "invalid choice: 'lock'" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_each_package_has_this_command_line(name: str) -> None:
    command = [sys.executable, "-m", f"harness.stand_ins.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"python -m harness.stand_ins.{name}" in done.stdout
    assert all(f"    {command} " in done.stdout for command in ("up", "down", "env"))
