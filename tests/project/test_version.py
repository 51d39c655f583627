"""The project has one version, pyproject.toml's; images and the agent cannot read it, and state the same."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_images_of_our_own_have_the_projects_version() -> None:
    file = ROOT / "kustomize" / "components" / "images" / "kustomization.yaml"
    images = yaml.safe_load(file.read_text(encoding="utf-8"))["images"]
    ours = {image["name"]: image["newTag"] for image in images if "newName" in image}
    assert ours == dict.fromkeys(("weather-agent", "weather-tool", "model"), VERSION)


def test_the_agents_spans_have_the_projects_version() -> None:
    file = ROOT / "apps" / "weather-agent" / "weather_agent" / "telemetry.py"
    assert re.findall(r'^VERSION = "(.+)"', file.read_text(encoding="utf-8"), re.MULTILINE) == [VERSION]


def test_the_changelog_names_the_version_or_what_is_not_released() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings
    assert headings[0] in ("Unreleased", VERSION)
