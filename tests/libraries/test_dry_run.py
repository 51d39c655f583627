"""The suites are complete without a cluster: every keyword is found, every argument fits."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import yaml
from robot.api.parsing import Variable, VariableSection, get_model

from tests.robot_process import run_robot

ROOT = Path(__file__).parents[2]
NO_FILES = ("--output", "NONE", "--log", "NONE", "--report", "NONE")  # they would be 40 MB
ONCE = ROOT / "tests" / "libraries" / "dry_run_once.py"
SETTINGS = ROOT / "resources" / "settings.yaml"


def test_dry_run_needs_no_cluster(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "none")}
    result = run_robot(["--dryrun", "--listener", str(ONCE), *NO_FILES, "robot/"], ROOT, environment)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert not (ROOT / "diagnosis.json").exists()


def test_a_call_with_wrong_arguments_is_found_although_its_keyword_was_seen(tmp_path: Path) -> None:
    (tmp_path / "suite.robot").write_text(
        "*** Test Cases ***\nFirst\n    Greet    Ann\nSecond\n    Greet\nThird\n    Greet    Bob\n"
        "*** Keywords ***\nGreet\n    [Arguments]    ${name}\n    Log    ${name}\n",
        encoding="utf-8",
    )
    result = run_robot(["--dryrun", "--listener", str(ONCE), *NO_FILES, "suite.robot"], tmp_path)
    assert result.returncode == 1, result.stdout
    assert "Keyword 'Greet' expected 1 argument, got 0." in result.stdout


def test_every_variable_is_defined_in_one_file() -> None:
    """Of two definitions the one that is imported first would win, so the order of imports would matter."""
    shared = defaultdict(list)
    for name in yaml.safe_load(SETTINGS.read_text(encoding="utf-8")):
        shared[normalized(name)].append(SETTINGS.name)
    for path in (ROOT / "resources").glob("*.resource"):
        for name in variables(path):
            shared[name].append(path.name)
    assert {name: files for name, files in shared.items() if len(files) > 1} == {}
    for path in (ROOT / "robot").rglob("*.robot"):
        assert not set(variables(path)) & set(shared), f"{path.name} overrides a shared variable"


def variables(path: Path) -> Iterable[str]:
    """Return the names in the variable sections of a suite or resource file."""
    for section in get_model(path).sections:
        if isinstance(section, VariableSection):
            yield from (normalized(item.name[2:-1]) for item in section.body if isinstance(item, Variable))


def normalized(name: str) -> str:
    """Return a variable's name as Robot Framework compares it."""
    return name.lower().replace("_", "").replace(" ", "")
