"""The locked requirements are those of pyproject.toml, and every package has its hashes."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
LOCKED = {
    "requirements.txt": PROJECT["dependencies"],
    "requirements-dev.txt": [*PROJECT["dependencies"], *GROUPS["lint"], *GROUPS["test"], *GROUPS["bench"]],
    "requirements-checkov.txt": GROUPS["checkov"],
}
IMAGES = [  # by `python -m harness.images --lock`
    str(file.relative_to(ROOT))
    for folder in ("apps", "harness")
    for file in (ROOT / folder).rglob("requirements.txt")
]


def blocks(text: str) -> list[str]:
    """Return one block of lines for each package of a locked file."""
    found = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
    return [block for block in found if block and not block.startswith("#")]


def stale(required: Sequence[str], text: str) -> set[str]:
    """Return the requirements that a locked file does not have in this version."""
    locked = {block.split()[0].lower() for block in blocks(text)}
    return {requirement for requirement in required if requirement.lower() not in locked}


@pytest.mark.parametrize("name", LOCKED)
def test_the_lock_is_current(name: str) -> None:
    missing = stale(LOCKED[name], (ROOT / name).read_text(encoding="utf-8"))
    assert not missing, f"{name} does not have {', '.join(sorted(missing))}: run tox -e lock"


@pytest.mark.parametrize("name", [*LOCKED, *IMAGES])
def test_every_package_has_its_version_and_hashes(name: str) -> None:
    for block in blocks((ROOT / name).read_text(encoding="utf-8")):
        assert re.match(r"[\w.-]+==\S+", block), block
        assert "--hash=sha256:" in block, block


def test_the_dev_lock_has_every_version_of_requirements_txt() -> None:
    dev = set(blocks((ROOT / "requirements-dev.txt").read_text(encoding="utf-8")))
    assert set(blocks((ROOT / "requirements.txt").read_text(encoding="utf-8"))) <= dev


def test_another_version_is_found() -> None:
    text = "# by tox -e lock\na==1 \\\n    --hash=sha256:0\nb==2 ; marker \\\n    --hash=sha256:1\n"
    assert stale(["A==1", "b==2"], text) == set()
    assert stale(["a==2", "c==1"], text) == {"a==2", "c==1"}
