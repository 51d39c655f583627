"""Checks the settings before anything is asked: resources/settings.yaml has all of them, in their form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from robot.api import logger
from robot.api.deco import keyword, library
from robot.output import LOGGER  # type: ignore[import-untyped] # it has no types

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "resources" / "settings.yaml"
# Read by keywords of their own, which say what is wrong: each takes a list, a map or a text.
OWN_FORMS = ("REQUIRE", "TOLERATE")
# Without these the suites would ask nothing, and find nothing wrong.
ASKED = ("QUESTION", "BATCH_SIZE", "CITIES")
# Robot Framework's own variables: User Guide, "Built-in variables"; and what pabot gives its processes.
AUTOMATIC = re.compile(
    r"[/:]|\\n|curdir|empty|execdir|false|none|null|options|space|tempdir|true"
    r"|(debug|keyword|log|output|prev_test|report|suite|test)_.*"
    r"|caller_id|pabot\w+",
    re.IGNORECASE,
)
VARIABLE_FILE = re.compile(r"\bvariable file '", re.IGNORECASE)
STACK_TRACE = "Traceback (most recent call last)"
NUMBER = re.compile(r"\d+(\.\d+)?")
VARIABLE = re.compile(r"^[$@&]\{([^}]+)\}", re.MULTILINE)  # in a Variables section: keywords' are indented


class SettingsError(Exception):
    """Settings are wrong; the message says which, and what they must be."""

    ROBOT_SUPPRESS_NAME = True


class _Errors:
    """What Robot Framework said of variable files that it could not read, in one line each."""

    def __init__(self) -> None:
        self.of_variable_files: list[str] = []

    def message(self, message: Any) -> None:  # noqa: ANN401 - Robot's classes have no types
        """Keep a message that is one."""
        if message.level == "ERROR" and VARIABLE_FILE.search(message.message):
            said = message.message.partition(STACK_TRACE)[0]
            self.of_variable_files.append(" ".join(said.split()).rstrip("."))


@library(scope="GLOBAL")
class Settings:
    """Compares settings with resources/settings.yaml, which has every setting, in its form."""

    @keyword
    def variable_files_should_be_read(self) -> None:
        """Fail where a file of `--variablefile` is not there or malformed.

        Robot Framework itself goes on without it.
        """
        errors = _Errors()
        LOGGER.register_logger(errors)  # it gets what was said before, too
        LOGGER.unregister_logger(errors)
        if errors.of_variable_files:
            raise SettingsError(f"Correct the settings: {'; '.join(errors.of_variable_files)}.")

    @keyword
    def settings_should_be_valid(self, variables: Mapping[str, Any], *own: str) -> None:
        """Fail where a setting's name is misspelt, lacks a key, or has an unknown or wrong one.

        `variables` are all of Robot's, as `Get Variables` returns them: from variable files and from the
        command line. `own` are names of the caller's that are no settings. Warn of one that is like no
        setting: it may be of suites that run beside these.
        """
        defaults = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
        given = {_plain(name): value for name, value in variables.items()}
        known = {_plain(name) for name in (*_own_variables(), *defaults, *own)}
        unknown = [name for name in variables if _plain(name) not in known and not AUTOMATIC.fullmatch(name)]
        guesses = {name: _guess(name, defaults) for name in unknown}
        problems = [f"{name} is no setting{guess}" for name, guess in guesses.items() if guess]
        for name in [name for name, guess in guesses.items() if not guess]:
            logger.warn(f"{name} is no setting of these suites: resources/settings.yaml has all of them.")
        for name, default in defaults.items():
            if name not in OWN_FORMS:
                problems += find_problems(given[_plain(name)], default, name)
        nothing = [name for name in ASKED if str(given[_plain(name)]).strip() in ("", "0", "[]")]
        problems += [f"{name} is {given[_plain(name)]!r}, so nothing is asked" for name in nothing]
        if problems:
            raise SettingsError(f"Correct the settings: {'; '.join(problems)}. See resources/settings.yaml.")


def find_problems(given: Any, default: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - any setting
    """Yield in what a setting differs from the form of its default: in its keys and types, and theirs."""
    if isinstance(default, dict):
        yield from _problems_of_map(given, default, name)
    elif isinstance(default, list):
        if not isinstance(given, list):
            yield f"{name} is {given!r}, but it must be a list"
            return
        for number, each in enumerate(given, 1):
            yield from find_problems(each, default[0], f"{name}, entry {number},")
    elif isinstance(default, int):
        if not NUMBER.fullmatch(str(given)):
            yield f"{name} is {given!r}, but it must be a number from 0 on"
    elif isinstance(given, (dict, list)) or given is None:
        yield f"{name} is {given!r}, but it must be a text"


def _problems_of_map(given: Any, default: Mapping[str, Any], name: str) -> Iterator[str]:  # noqa: ANN401
    if not isinstance(given, Mapping):
        yield f"{name} is {given!r}, but it must have the keys {', '.join(default)}"
        return
    if missing := [key for key in default if key not in given]:
        yield f"{name} lacks {', '.join(missing)}"
    for key in [key for key in given if key not in default]:
        yield f"{name} has the unknown key {key}{_guess(key, default)}"
    for key in [key for key in default if key in given]:
        yield from find_problems(given[key], default[key], f"{name}.{key}")


def _own_variables() -> Iterable[str]:
    """Return the variables that suites, resources and variable files have; a command line may change them."""
    for file in [*SETTINGS.parent.glob("*.resource"), *(ROOT / "robot").rglob("*.robot")]:
        yield from VARIABLE.findall(file.read_text(encoding="utf-8"))
    for file in SETTINGS.parent.glob("*.yaml"):
        yield from yaml.safe_load(file.read_text(encoding="utf-8"))


def _guess(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, list(known), 1)
    return f" (did you mean {found[0]}?)" if found else ""


def _plain(name: str) -> str:
    """Return a variable's name as Robot Framework compares it."""
    return name.lower().replace("_", "").replace(" ", "")
