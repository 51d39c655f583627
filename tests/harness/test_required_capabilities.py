"""What an overlay brings is known, by names that the suites know, for every overlay and Component."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from harness import required_capabilities as table
from harness.common.combinations import KUSTOMIZE
from harness.required_capabilities import required_capabilities
from harness.stand_ins import INSTALLATIONS

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
