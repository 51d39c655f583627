"""A setting that is wrong is named before anything is asked, with what it must be."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import OWN_FORMS, SETTINGS, Settings, SettingsError, find_problems
from tests.robot_process import run_robot

ROOT = Path(__file__).parents[2]
DEFAULTS: dict[str, Any] = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))


def problems(**changes: Any) -> str:  # noqa: ANN401 - any setting
    """Return what is wrong with the settings with changes, empty where they are valid."""
    try:
        Settings().settings_should_be_valid({**copy.deepcopy(DEFAULTS), **changes})
    except SettingsError as error:
        return (
            str(error).removeprefix("Correct the settings: ").removesuffix(". See resources/settings.yaml.")
        )
    return ""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"CITY": "東京"},
        {"EXPERIMENT_NAME": "two words"},
        {"EXPERIMENT_NAME": 2026},
        {"BATCH_SIZE": "10"},
        {"LIMITS": {**DEFAULTS["LIMITS"], "trace": 7.5}},
        {"DISRUPTIVE": "kind-kind"},
        {"REQUIRE": "mlflow,phoenix"},
        {"TOLERATE": {"tokens-doubled": "why"}},
        {"CITIES": ["Oslo"]},
        {"POLICY_API": "of a resource", "OTHER_NAMESPACE": "of a suite", "MLFLOW_PAGES": "of a table"},
        {"agents namespace": "as Robot Framework compares names"},
        {"SUITE_NAME": "automatic", "TEMPDIR": "/", "/": "/", "\\n": "\n", "True": True, "OUTPUT_DIR": "/"},
    ],
)
def test_valid_settings_are_accepted(changes: dict[str, Any]) -> None:
    assert problems(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"AGENT_NAMESPACE": "x"}, "AGENT_NAMESPACE is no setting (did you mean AGENTS_NAMESPACE?)"),
        ({"AGENTS-NAMESPACE": "x"}, "AGENTS-NAMESPACE is no setting (did you mean AGENTS_NAMESPACE?)"),
        (
            {"LIMITS": {**DEFAULTS["LIMITS"], "trce": 1}},
            "LIMITS has the unknown key trce (did you mean trace?)",
        ),
        ({"MLFLOW_ADMIN": {"namespace": "n"}}, "MLFLOW_ADMIN lacks secret"),
        ({"MLFLOW_ADMIN": {}}, "MLFLOW_ADMIN lacks namespace, secret"),
        ({"MLFLOW_ADMIN": "s"}, "MLFLOW_ADMIN is 's', but it must have the keys namespace, secret"),
        (
            {"COMPONENTS": {**DEFAULTS["COMPONENTS"], "mlflow": {"namespace": "n", "servce": "m"}}},
            "COMPONENTS.mlflow lacks service; "
            "COMPONENTS.mlflow has the unknown key servce (did you mean service?)",
        ),
        ({"CITIES": "Oslo"}, "CITIES is 'Oslo', but it must be a list"),
        ({"CITIES": [["Oslo"]]}, "CITIES, entry 1, is ['Oslo'], but it must be a text"),
        ({"DNS_SERVICES": [{"namespace": "n", "service": "s"}]}, "DNS_SERVICES, entry 1, lacks port"),
        ({"BATCH_SIZE": "many"}, "BATCH_SIZE is 'many', but it must be a number from 0 on"),
        ({"QUESTION": " "}, "QUESTION is ' ', so nothing is asked"),
        ({"BATCH_SIZE": "0"}, "BATCH_SIZE is '0', so nothing is asked"),
        (
            {"BATCH_SIZE": 0, "CITIES": []},
            "BATCH_SIZE is 0, so nothing is asked; CITIES is [], so nothing is asked",
        ),
        (
            {"LIMITS": {**DEFAULTS["LIMITS"], "trace": -1}},
            "LIMITS.trace is -1, but it must be a number from 0 on",
        ),
        ({"CITY": None}, "CITY is None, but it must be a text"),
        ({"CITY": ["Oslo"]}, "CITY is ['Oslo'], but it must be a text"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], sentence: str) -> None:
    assert problems(**changes) == sentence


def test_a_variable_of_other_suites_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("settings.logger.warn", warnings.append)
    assert problems(FLAVOUR="x") == ""
    assert warnings == ["FLAVOUR is no setting of these suites: resources/settings.yaml has all of them."]


def test_the_variables_of_pabot_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("settings.logger.warn", warnings.append)
    assert problems(CALLER_ID="-", PABOTQUEUEINDEX=0, PABOTISLASTEXECUTIONINPOOL="1") == ""
    assert warnings == []


def test_every_setting_has_a_form_to_compare_with() -> None:
    for name, default in DEFAULTS.items():
        if name not in OWN_FORMS:
            assert default != [], f"{name} needs an entry, or a keyword that reads it"
            assert list(find_problems(default, default, name)) == []


@pytest.mark.parametrize(
    "path", ["kustomize/overlays/kagenti/settings.yaml", "harness/faults/short_limits.yaml"]
)
def test_our_own_variable_files_are_valid(path: str) -> None:
    assert problems(**yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))) == ""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--variable", "AGENT_NAMESPACE:x"],
            "AGENT_NAMESPACE is no setting (did you mean AGENTS_NAMESPACE?).",
        ),
        (["--variable", "CONTRACT:missing"], "Correct CONTRACT: There is no contract missing, neither in"),
        (["--variable", "TOLERATE:token-doubled"], "\nTOLERATE names token-doubled, which is none of: attr"),
        (["--variable", "REQUIRE:mlfow"], "REQUIRE names mlfow, which no test can lack"),
        (
            ["--variablefile", "missing.yaml"],
            "Correct the settings: Variable file 'missing.yaml' does not exist.",
        ),
    ],
)
def test_a_run_stops_before_it_asks_anything(tmp_path: Path, options: list[str], sentence: str) -> None:
    environment = {"KUBECONFIG": str(tmp_path / "missing"), "PATH": ""}
    arguments = ["--outputdir", str(tmp_path), "--suite", "gateway", *options, "robot"]
    done = run_robot(arguments, ROOT, environment)
    assert done.returncode != 0
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "No cluster to verify" not in done.stdout.partition("Also parent suite teardown")[0]


def test_a_variable_file_that_fails_is_named_without_its_stack_trace(tmp_path: Path) -> None:
    files = ["--variablefile", "no.module", "--variablefile", "missing.yaml"]
    environment = {"KUBECONFIG": str(tmp_path / "missing"), "PATH": ""}
    arguments = ["--outputdir", str(tmp_path), "--suite", "gateway", *files, "robot"]
    done = run_robot(arguments, ROOT, environment)
    assert "No module named 'no'; Variable file 'missing.yaml' does not exist." in done.stdout
    assert "Traceback" not in done.stdout
