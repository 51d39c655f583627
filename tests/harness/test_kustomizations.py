"""What the harness deploys by itself refers to folders and files that are there."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "harness").rglob("kustomization.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_everything_that_a_kustomization_lists_is_there(file: Path) -> None:
    kustomization = yaml.safe_load(file.read_text(encoding="utf-8"))
    listed = [*kustomization.get("resources", ()), *kustomization.get("components", ())]
    assert [entry for entry in listed if not (file.parent / entry).exists()] == []
