"""The hooks of pre-commit check what `tox -e lint` checks."""

import configparser
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"


def test_the_hooks_run_the_commands_of_tox_lint() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    commands = tox["testenv:lint"]["commands"].split("\n")
    hooks = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert sorted(hook["entry"] for hook in hooks) == sorted(filter(None, commands))


def test_pre_commit_accepts_the_hooks() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(CONFIG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
