"""What is required and tolerated of an overlay is known, by names that the suites know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from harness import suite_options as table
from harness.common.combinations import KUSTOMIZE
from harness.stand_ins import INSTALLATIONS
from harness.suite_options import required_capabilities, suite_options

RESOURCES = Path(__file__).parents[2] / "resources"


def test_every_overlay_and_installation_has_its_list() -> None:
    overlays = {path.parent.name for path in (KUSTOMIZE / "overlays").glob("*/kustomization.yaml")}
    assert set(table.OVERLAYS) == overlays | set(INSTALLATIONS)


def test_every_component_of_the_tables_is_there() -> None:
    components = {path.parent.name for path in (KUSTOMIZE / "components").glob("*/kustomization.yaml")}
    assert {*table.BROUGHT, *table.TAKEN_AWAY} <= components


def test_every_name_is_one_that_the_suites_know() -> None:
    settings = yaml.safe_load((RESOURCES / "settings.yaml").read_text(encoding="utf-8"))
    text = (RESOURCES / "capabilities.resource").read_text(encoding="utf-8")
    known = set(re.findall(r"^\.\.\. +([\w-]+)=Look For ", text, re.MULTILINE)) | set(settings["COMPONENTS"])
    tables = (table.OVERLAYS, table.BROUGHT, table.TAKEN_AWAY)
    assert {name for each in tables for names in each.values() for name in names} <= known


@pytest.mark.parametrize(
    ("components", "there", "gone"),
    [
        ([], "postgres", "login"),
        (["mlflow-auth"], "login", "several-pods"),
        (["managed-postgres", "high-availability"], "several-pods", "postgres"),
        (["genai-transform"], "phoenix", "openinference"),
    ],
)
def test_components_add_and_take_away(components: list[str], there: str, gone: str) -> None:
    required = required_capabilities("kind", components)
    assert there in required
    assert gone not in required


def test_findings_are_tolerated_of_installations_only_and_by_names_that_the_suites_know() -> None:
    known = (RESOURCES.parent / "libraries" / "findings" / "tolerances.py").read_text(encoding="utf-8")
    assert set(table.TOLERATED) == set(INSTALLATIONS)
    for name, tolerated in table.TOLERATED.items():
        assert all(f'"{finding}": ' in known for finding in tolerated)
        assert suite_options(name, [])[-1] == f"TOLERATE:{','.join(sorted(tolerated))}"
    assert not any("TOLERATE" in option for option in suite_options("kind", []))
